/** What goes wrong on the way: answers that are lost, tokens that end, hands that are too quick. Nothing is done twice. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { PAGE, PASSWORD, boss, call, customer, held, isAccessible, look, mechanic, part, sees, seesNo, signIn, stock, ticket } from "./desk.mjs";

let admin, max, pads, job;
beforeEach(async () => {
  admin = await boss();
  [max, pads] = [await mechanic(admin), await part(admin, "Brake pad", 20)];
  job = await ticket(admin, await customer(), { mechanic_ids: [max.id], parts: [{ inventory_id: pads.id, quantity: 1 }] });
});

const PARTS = "**/tickets/*/inventory";
const count = (page) => page.getByRole("spinbutton", { name: "Count of" });
const save = (page) => page.getByRole("button", { name: "Save the parts" });

/** Sign in, open the ticket, and want four of what it has one of. */
async function wantFour(page) {
  await signIn(page, max);
  await page.getByRole("button", { name: `Ticket ${job.id}` }).click();
  await count(page).fill("4");
}

async function holdsFour() {
  assert.deepEqual(await held(admin, job), { [pads.id]: 4 });
  assert.equal(await stock(admin, pads), 16);
  const { body } = await call("GET", `/inventory/${pads.id}/movements`, { token: admin });
  assert.deepEqual(body.map((move) => move.change), [-3, -1, 20]);
}

test("an answer that is lost is asked for again, and it is done once", async () => {
  const keys = [];
  const story = async (page) => {
    await page.route(PARTS, async (route) => {
      if (route.request().method() !== "PUT") return route.continue();
      keys.push(route.request().headers()["idempotency-key"]);
      if (keys.length > 2) return route.continue();
      await route.fetch();
      return route.abort();
    });
    await wantFour(page);
    await save(page).click();
    await sees(page.getByText("Saved."));
    await holdsFour();
    assert.equal(keys.length, 3);
    assert.equal(new Set(keys).size, 1);
  };
  await look(PAGE, story, { expects: ["net::ERR_FAILED"] });
});

test("an answer that takes too long is asked for again, and it is done once", async () => {
  let held_up = 0;
  await look(PAGE, async (page) => {
    await page.route(PARTS, async (route) => {
      if (route.request().method() !== "PUT" || held_up++) return route.continue();
      await route.fetch(); // The shop did it, and its answer never arrives.
    });
    await wantFour(page);
    await save(page).click();
    await sees(page.getByText("Saved."));
    await holdsFour();
    assert.equal(held_up, 2);
  });
});

test("where the shop can't be reached it is said, nothing that was entered is lost, and it can be saved later", async () => {
  const story = async (page) => {
    await wantFour(page);
    await page.context().setOffline(true);
    await save(page).click();
    await sees(page.getByRole("alert").filter({ hasText: "The shop does not answer." }));
    await isAccessible(page);
    assert.equal(await count(page).inputValue(), "4");
    await page.context().setOffline(false);
    await save(page).click();
    await sees(page.getByText("Saved."));
    await holdsFour();
  };
  await look(PAGE, story, { expects: ["net::ERR_INTERNET_DISCONNECTED"] });
});

test("a double click saves once", async () => {
  await look(PAGE, async (page) => {
    await wantFour(page);
    await save(page).dblclick();
    await sees(page.getByText("Saved."));
    await holdsFour();
  });
});

test("two clicks that both get through save once: their key is the same", async () => {
  const keys = [];
  await look(PAGE, async (page) => {
    await page.route(PARTS, async (route) => {
      if (route.request().method() !== "PUT") return route.continue();
      keys.push(route.request().headers()["idempotency-key"]);
      if (keys.length === 1) await Promise.all([route.fetch(), route.fetch(), route.fetch()]);
      return route.continue();
    });
    await wantFour(page);
    await save(page).click();
    await sees(page.getByText("Saved."));
    await holdsFour();
  });
});

test("the same change again is another change: it gets a key of its own", async () => {
  await look(PAGE, async (page) => {
    await wantFour(page);
    await save(page).click();
    await sees(page.getByText("left for now: 2."));
    await count(page).fill("7");
    await save(page).click();
    await sees(page.getByText("left for now: 1."));
    assert.deepEqual(await held(admin, job), { [pads.id]: 7 });
    assert.equal(await stock(admin, pads), 13);
  });
});

test("where the token has ended they sign in again, and what they were doing goes on", async () => {
  const story = async (page) => {
    await wantFour(page);
    const renewed = { ...max, password: "fourteen horses" };
    await call("PUT", `/mechanics/${max.id}`, { token: admin, body: { password: renewed.password } });
    await new Promise((resolve) => setTimeout(resolve, 1100)); // A token ends within a second of it.
    await save(page).click();
    const again = page.getByRole("dialog", { name: "Please sign in again" });
    await sees(again.getByText("What you entered is still here."));
    await sees(again.getByText(max.email));
    await isAccessible(page);
    await page.keyboard.press("Escape");
    await again.getByLabel("Password").fill(PASSWORD);
    await again.getByRole("button", { name: "Sign in", exact: true }).click();
    await sees(again.getByRole("alert").filter({ hasText: "is wrong" }));
    await again.getByLabel("Password").fill(renewed.password);
    await again.getByRole("button", { name: "Sign in", exact: true }).click();
    await sees(page.getByText("Saved."));
    await seesNo(again);
    await holdsFour();
  };
  await look(PAGE, story, { expects: [401] });
});

test("where the token has ended, someone else may sign in instead", async () => {
  const bea = await customer();
  const story = async (page) => {
    await wantFour(page);
    await call("DELETE", `/mechanics/${max.id}`, { token: admin });
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await save(page).click();
    await page.getByRole("button", { name: "Sign in as someone else" }).click();
    await signIn(page, bea, "I am a customer");
    await sees(page.getByText("You have no tickets yet."));
    assert.deepEqual(await held(admin, job), { [pads.id]: 1 });
  };
  await look(PAGE, story, { expects: [401] });
});
