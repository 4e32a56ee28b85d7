/** The documentation at /docs: someone signs in there and tries each call. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ADMIN_EMAIL, ADMIN_PASSWORD, SHOP, boss, call, customer, held, isAccessible, look, part, sees, seesNo, stock, tabTo, ticket } from "./desk.mjs";

const DOCS = `${SHOP}/docs/`;
const SERIOUS = { schemes: ["light"], impacts: ["serious", "critical"] };
const { paths } = (await call("GET", "/openapi.json")).body;

/** The line of an operation; it opens and closes what is said of it. */
const operation = (page, method, path) => {
  const name = `${method.toUpperCase()} ${path} ${paths[path][method].summary}`;
  return page.getByRole("button", { name });
};
const status = (page, text) => page.getByRole("status").filter({ hasText: text });
const answer = (page, code) => page.getByRole("table").filter({ hasText: /^CodeDetails/ }).getByRole("row").filter({ hasText: RegExp(`^${code}`) });

/** Fill in the ids that a path has, send what stands there once it does, and see the answer. */
async function send(page, method, path, code, id = "1") {
  const body = page.getByRole("textbox", { name: "Body" });
  while (paths[path][method].requestBody && !(await body.inputValue())) await page.waitForTimeout(20);
  for (const [, name] of path.matchAll(/{(\w+)}/g)) await page.getByRole("textbox", { name }).fill(id);
  await page.getByRole("button", { name: "Execute" }).press("Enter");
  await sees(answer(page, code));
}

test("every call is tried as it stands there, from the first sign-in to the last deletion", async () => {
  const first = ["/customers", "/customers/login", "/mechanics/login", "/mechanics", "/inventory", "/inventory/{part_id}/movements", "/tickets"];
  const those = (method) => Object.keys(paths).filter((path) => method in paths[path]).map((path) => [method, path]);
  const all = [...first.map((path) => ["post", path]), ...those("put"), ...those("patch"), ...those("get"), ...those("delete").reverse()];
  assert.equal(all.length, Object.values(paths).flatMap((item) => Object.keys(item)).filter((key) => key !== "parameters").length);
  const story = async (page) => {
    await sees(status(page, "You are not signed in."));
    for (const [method, path] of all) {
      await operation(page, method, path).press("Enter");
      const success = Object.keys(paths[path][method].responses).find((code) => code.startsWith("2"));
      const second = method === "delete" && path.startsWith("/mechanics"); // The first is the last admin.
      await send(page, method, path, success, second ? "2" : "1");
      if (path.endsWith("/login")) await sees(status(page, "You are signed in."));
      await operation(page, method, path).press("Enter");
      await seesNo(page.getByRole("button", { name: "Execute" }));
    }
  };
  await look(DOCS, story);
  const admin = await boss();
  for (const path of ["/customers", "/tickets", "/inventory"]) assert.deepEqual((await call("GET", path, { token: admin })).body, []);
  assert.equal((await call("GET", "/mechanics", { token: admin })).body.length, 1);
});

test("parts are put on a ticket and taken off by the examples that stand there", async () => {
  const admin = await boss();
  const pads = await part(admin, "Brake pad", 20);
  const job = await ticket(admin, await customer());
  await look(DOCS, async (page) => {
    await page.getByRole("link", { name: "as a mechanic" }).click();
    await send(page, "post", "/mechanics/login", 200);
    await operation(page, "post", "/mechanics/login").click();
    const path = "/tickets/{ticket_id}/inventory";
    await operation(page, "put", path).click();
    for (const [example, left, body] of [["add parts", 16, { [pads.id]: 4 }], ["remove some of a part", 17, { [pads.id]: 3 }]]) {
      await page.getByRole("combobox", { name: "Example" }).first().selectOption(example);
      const text = page.getByRole("textbox", { name: "Body" });
      await text.fill((await text.inputValue()).replace('"inventory_id": 1', `"inventory_id": ${pads.id}`));
      await send(page, "put", path, 200, String(job.id));
      assert.deepEqual(await held(admin, job), body);
      assert.equal(await stock(admin, pads), left);
      await page.getByRole("button", { name: "Clear" }).click();
    }
  });
});

test("a token of one's own is taken by «Authorize», kept over a reload, and given up by it", async () => {
  const token = await boss();
  const story = async (page) => {
    await isAccessible(page, SERIOUS);
    await operation(page, "get", "/customers").click();
    await send(page, "get", "/customers", 401);
    await isAccessible(page, SERIOUS);
    await page.getByRole("button", { name: "Authorize", exact: true }).click();
    await isAccessible(page, SERIOUS);
    await page.getByRole("textbox", { name: "Value" }).fill(token);
    await page.getByRole("button", { name: "Authorize", exact: true }).last().click();
    await isAccessible(page, SERIOUS);
    await page.getByRole("button", { name: "Close" }).first().click();
    await sees(status(page, "You are signed in."));
    await page.reload();
    await sees(status(page, "You are signed in."));
    await operation(page, "get", "/customers").click();
    await send(page, "get", "/customers", 200);
    await page.getByRole("button", { name: "Authorize", exact: true }).click();
    await page.getByRole("button", { name: "Logout" }).click();
    await sees(status(page, "You are not signed in."));
  };
  await look(DOCS, story, { expects: [401] });
});

test("a wrong password signs nobody in, and the answer says why", async () => {
  const story = async (page) => {
    await page.getByRole("link", { name: "as a customer" }).click();
    await page.getByRole("textbox", { name: "Body" }).fill(JSON.stringify({ email: ADMIN_EMAIL, password: "thirteen horses" }));
    await send(page, "post", "/customers/login", 401);
    await sees(page.getByText("The email or the password is wrong.").first());
    await sees(status(page, "You are not signed in."));
  };
  await look(DOCS, story, { expects: [401] });
});

test("what is shown of an operation keeps nobody out, whatever kind it is", async () => {
  const kinds = [["post", "/customers"], ["get", "/tickets"], ["put", "/tickets/{ticket_id}/inventory"], ["delete", "/inventory/{part_id}"], ["get", "/inventory.csv"]];
  await look(DOCS, async (page) => {
    for (const [method, path] of kinds) await operation(page, method, path).click();
    await sees(page.getByRole("button", { name: "Execute" }).nth(kinds.length - 1));
    await isAccessible(page, SERIOUS);
  });
});

test("someone without a mouse signs in, tries a call, and signs out", async () => {
  await look(DOCS, async (page) => {
    const press = async (thing, key) => {
      await tabTo(thing, key);
      await page.keyboard.press("Enter");
    };
    await press(page.getByRole("link", { name: "as a mechanic" }));
    await tabTo(page.getByRole("textbox", { name: "Body" }));
    await page.keyboard.press("ControlOrMeta+A");
    await page.keyboard.type(JSON.stringify({ email: ADMIN_EMAIL, password: ADMIN_PASSWORD }));
    await press(page.getByRole("button", { name: "Execute" }));
    await sees(answer(page, 200));
    await press(operation(page, "post", "/mechanics/login"), "Shift+Tab");
    await press(operation(page, "get", "/mechanics"), "Shift+Tab");
    await press(page.getByRole("button", { name: "Execute" }));
    await sees(answer(page, 200));
    await sees(page.getByText(ADMIN_EMAIL).first());
    await press(page.getByRole("button", { name: "Authorize", exact: true }), "Shift+Tab");
    await press(page.getByRole("button", { name: "Logout" }));
    await sees(status(page, "You are not signed in."));
  });
});
