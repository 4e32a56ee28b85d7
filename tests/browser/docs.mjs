/** Test the documentation at /docs: sign in and try every operation. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ADMIN_EMAIL, ADMIN_PASSWORD, SHOP, logInAsAdmin, call, customer, partsOnTicket, requireAccessible, usePage, part, waitForVisible, waitForHidden, stockOf, tabTo, ticket } from "./harness.mjs";

const DOCS = `${SHOP}/docs/`;
const SERIOUS = { schemes: ["light"], impacts: ["serious", "critical"] };
const { paths } = (await call("GET", "/openapi.json")).body;

/** Return the button that opens and closes an operation. */
const operation = (page, method, path) => {
  const name = `${method.toUpperCase()} ${path} ${paths[path][method].summary}`;
  return page.getByRole("button", { name });
};
const status = (page, text) => page.getByRole("status").filter({ hasText: text });
const responseRow = (page, code) => page.getByRole("table").filter({ hasText: /^CodeDetails/ }).getByRole("row").filter({ hasText: RegExp(`^${code}`) });

/** Fill in the ids of a path, send the example body once it is loaded, and wait for the response. */
async function send(page, method, path, code, id = "1") {
  const body = page.getByRole("textbox", { name: "Body" });
  while (paths[path][method].requestBody && !(await body.inputValue())) await page.waitForTimeout(20);
  for (const [, name] of path.matchAll(/{(\w+)}/g)) await page.getByRole("textbox", { name }).fill(id);
  await page.getByRole("button", { name: "Execute" }).press("Enter");
  await waitForVisible(responseRow(page, code));
}

test("every operation succeeds with its example", async () => {
  const first = ["/customers", "/customers/login", "/mechanics/login", "/mechanics", "/inventory", "/inventory/{part_id}/movements", "/tickets"];
  const withMethod = (method) => Object.keys(paths).filter((path) => method in paths[path]).map((path) => [method, path]);
  const all = [...first.map((path) => ["post", path]), ...withMethod("put"), ...withMethod("patch"), ...withMethod("get"), ...withMethod("delete").reverse()];
  assert.equal(all.length, Object.values(paths).flatMap((item) => Object.keys(item)).filter((key) => key !== "parameters").length);
  const steps = async (page) => {
    await waitForVisible(status(page, "You are not signed in."));
    for (const [method, path] of all) {
      await operation(page, method, path).press("Enter");
      const success = Object.keys(paths[path][method].responses).find((code) => code.startsWith("2"));
      const second = method === "delete" && path.startsWith("/mechanics"); // The first is the last admin.
      await send(page, method, path, success, second ? "2" : "1");
      if (path.endsWith("/login")) await waitForVisible(status(page, "You are signed in."));
      await operation(page, method, path).press("Enter");
      await waitForHidden(page.getByRole("button", { name: "Execute" }));
    }
  };
  await usePage(DOCS, steps);
  const admin = await logInAsAdmin();
  for (const path of ["/customers", "/tickets", "/inventory"]) assert.deepEqual((await call("GET", path, { token: admin })).body, []);
  assert.equal((await call("GET", "/mechanics", { token: admin })).body.length, 1);
});

test("parts are added to a ticket and removed with the examples", async () => {
  const admin = await logInAsAdmin();
  const pads = await part(admin, "Brake pad", 20);
  const job = await ticket(admin, await customer());
  await usePage(DOCS, async (page) => {
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
      assert.deepEqual(await partsOnTicket(admin, job), body);
      assert.equal(await stockOf(admin, pads), left);
      await page.getByRole("button", { name: "Clear" }).click();
    }
  });
});

test("a token entered in Authorize stays after a reload and ends with Logout", async () => {
  const token = await logInAsAdmin();
  const steps = async (page) => {
    await requireAccessible(page, SERIOUS);
    await operation(page, "get", "/customers").click();
    await send(page, "get", "/customers", 401);
    await requireAccessible(page, SERIOUS);
    await page.getByRole("button", { name: "Authorize", exact: true }).click();
    await requireAccessible(page, SERIOUS);
    await page.getByRole("textbox", { name: "Value" }).fill(token);
    await page.getByRole("button", { name: "Authorize", exact: true }).last().click();
    await requireAccessible(page, SERIOUS);
    await page.getByRole("button", { name: "Close" }).first().click();
    await waitForVisible(status(page, "You are signed in."));
    await page.reload();
    await waitForVisible(status(page, "You are signed in."));
    await operation(page, "get", "/customers").click();
    await send(page, "get", "/customers", 200);
    await page.getByRole("button", { name: "Authorize", exact: true }).click();
    await page.getByRole("button", { name: "Logout" }).click();
    await waitForVisible(status(page, "You are not signed in."));
  };
  await usePage(DOCS, steps, { expects: [401] });
});

test("a wrong password is refused with a message", async () => {
  const steps = async (page) => {
    await page.getByRole("link", { name: "as a customer" }).click();
    await page.getByRole("textbox", { name: "Body" }).fill(JSON.stringify({ email: ADMIN_EMAIL, password: "thirteen horses" }));
    await send(page, "post", "/customers/login", 401);
    await waitForVisible(page.getByText("The email or the password is wrong.").first());
    await waitForVisible(status(page, "You are not signed in."));
  };
  await usePage(DOCS, steps, { expects: [401] });
});

test("an open operation of any method is accessible", async () => {
  const kinds = [["post", "/customers"], ["get", "/tickets"], ["put", "/tickets/{ticket_id}/inventory"], ["delete", "/inventory/{part_id}"], ["get", "/inventory.csv"]];
  await usePage(DOCS, async (page) => {
    for (const [method, path] of kinds) await operation(page, method, path).click();
    await waitForVisible(page.getByRole("button", { name: "Execute" }).nth(kinds.length - 1));
    await requireAccessible(page, SERIOUS);
  });
});

test("the keyboard alone signs in, sends a request and signs out", async () => {
  await usePage(DOCS, async (page) => {
    const press = async (element, key) => {
      await tabTo(element, key);
      await page.keyboard.press("Enter");
    };
    await press(page.getByRole("link", { name: "as a mechanic" }));
    await tabTo(page.getByRole("textbox", { name: "Body" }));
    await page.keyboard.press("ControlOrMeta+A");
    await page.keyboard.type(JSON.stringify({ email: ADMIN_EMAIL, password: ADMIN_PASSWORD }));
    await press(page.getByRole("button", { name: "Execute" }));
    await waitForVisible(responseRow(page, 200));
    await press(operation(page, "post", "/mechanics/login"), "Shift+Tab");
    await press(operation(page, "get", "/mechanics"), "Shift+Tab");
    await press(page.getByRole("button", { name: "Execute" }));
    await waitForVisible(responseRow(page, 200));
    await waitForVisible(page.getByText(ADMIN_EMAIL).first());
    await press(page.getByRole("button", { name: "Authorize", exact: true }), "Shift+Tab");
    await press(page.getByRole("button", { name: "Logout" }));
    await waitForVisible(status(page, "You are not signed in."));
  });
});
