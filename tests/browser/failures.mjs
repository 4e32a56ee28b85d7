/** Lost responses, expired tokens and double clicks: nothing runs twice. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { PAGE, PASSWORD, logInAsAdmin, call, customer, partsOnTicket, requireAccessible, usePage, mechanic, part, waitForVisible, waitForHidden, signIn, stockOf, ticket } from "./harness.mjs";

let admin, max, pads, job;
beforeEach(async () => {
  admin = await logInAsAdmin();
  [max, pads] = [await mechanic(admin), await part(admin, "Brake pad", 20)];
  job = await ticket(admin, await customer(), { mechanic_ids: [max.id], parts: [{ inventory_id: pads.id, quantity: 1 }] });
});

const PARTS = "**/tickets/*/inventory";
const count = (page) => page.getByRole("spinbutton", { name: "Count of" });
const save = (page) => page.getByRole("button", { name: "Save the parts" });

/** Sign in, open the ticket, and set the quantity of its part from one to four. */
async function enterFour(page) {
  await signIn(page, max);
  await page.getByRole("button", { name: `Ticket ${job.id}` }).click();
  await count(page).fill("4");
}

async function assertFour() {
  assert.deepEqual(await partsOnTicket(admin, job), { [pads.id]: 4 });
  assert.equal(await stockOf(admin, pads), 16);
  const { body } = await call("GET", `/inventory/${pads.id}/movements`, { token: admin });
  assert.deepEqual(body.map((move) => move.change), [-3, -1, 20]);
}

test("a lost response is retried and the change runs once", async () => {
  const keys = [];
  const steps = async (page) => {
    await page.route(PARTS, async (route) => {
      if (route.request().method() !== "PUT") return route.continue();
      keys.push(route.request().headers()["idempotency-key"]);
      if (keys.length > 2) return route.continue();
      await route.fetch();
      return route.abort();
    });
    await enterFour(page);
    await save(page).click();
    await waitForVisible(page.getByText("Saved."));
    await assertFour();
    assert.equal(keys.length, 3);
    assert.equal(new Set(keys).size, 1);
  };
  await usePage(PAGE, steps, { expects: ["net::ERR_FAILED"] });
});

test("a late response is retried and the change runs once", async () => {
  let requests = 0;
  await usePage(PAGE, async (page) => {
    await page.route(PARTS, async (route) => {
      if (route.request().method() !== "PUT" || requests++) return route.continue();
      await route.fetch(); // The shop has made the change, but the response never arrives.
    });
    await enterFour(page);
    await save(page).click();
    await waitForVisible(page.getByText("Saved."));
    await assertFour();
    assert.equal(requests, 2);
  });
});

test("an unreachable shop gets a message, and the input can be saved later", async () => {
  const steps = async (page) => {
    await enterFour(page);
    await page.context().setOffline(true);
    await save(page).click();
    await waitForVisible(page.getByRole("alert").filter({ hasText: "The shop does not answer." }));
    await requireAccessible(page);
    assert.equal(await count(page).inputValue(), "4");
    await page.context().setOffline(false);
    await save(page).click();
    await waitForVisible(page.getByText("Saved."));
    await assertFour();
  };
  await usePage(PAGE, steps, { expects: ["net::ERR_INTERNET_DISCONNECTED"] });
});

test("a double click saves once", async () => {
  await usePage(PAGE, async (page) => {
    await enterFour(page);
    await save(page).dblclick();
    await waitForVisible(page.getByText("Saved."));
    await assertFour();
  });
});

test("simultaneous requests with the same key save once", async () => {
  const keys = [];
  await usePage(PAGE, async (page) => {
    await page.route(PARTS, async (route) => {
      if (route.request().method() !== "PUT") return route.continue();
      keys.push(route.request().headers()["idempotency-key"]);
      if (keys.length === 1) await Promise.all([route.fetch(), route.fetch(), route.fetch()]);
      return route.continue();
    });
    await enterFour(page);
    await save(page).click();
    await waitForVisible(page.getByText("Saved."));
    await assertFour();
  });
});

test("a second change has a new key", async () => {
  await usePage(PAGE, async (page) => {
    await enterFour(page);
    await save(page).click();
    await waitForVisible(page.getByText("left for now: 2."));
    await count(page).fill("7");
    await save(page).click();
    await waitForVisible(page.getByText("left for now: 1."));
    assert.deepEqual(await partsOnTicket(admin, job), { [pads.id]: 7 });
    assert.equal(await stockOf(admin, pads), 13);
  });
});

test("after the token has ended, a login in the dialog continues the save", async () => {
  const steps = async (page) => {
    await enterFour(page);
    const renewed = { ...max, password: "fourteen horses" };
    await call("PUT", `/mechanics/${max.id}`, { token: admin, body: { password: renewed.password } });
    await new Promise((resolve) => setTimeout(resolve, 1100)); // The token ends within a second.
    await save(page).click();
    const dialog = page.getByRole("dialog", { name: "Please sign in again" });
    await waitForVisible(dialog.getByText("What you entered is still here."));
    await waitForVisible(dialog.getByText(max.email));
    await requireAccessible(page);
    await page.keyboard.press("Escape");
    await dialog.getByLabel("Password").fill(PASSWORD);
    await dialog.getByRole("button", { name: "Sign in", exact: true }).click();
    await waitForVisible(dialog.getByRole("alert").filter({ hasText: "is wrong" }));
    await dialog.getByLabel("Password").fill(renewed.password);
    await dialog.getByRole("button", { name: "Sign in", exact: true }).click();
    await waitForVisible(page.getByText("Saved."));
    await waitForHidden(dialog);
    await assertFour();
  };
  await usePage(PAGE, steps, { expects: [401] });
});

test("after the token has ended, another account can sign in", async () => {
  const bea = await customer();
  const steps = async (page) => {
    await enterFour(page);
    await call("DELETE", `/mechanics/${max.id}`, { token: admin });
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await save(page).click();
    await page.getByRole("button", { name: "Sign in as someone else" }).click();
    await signIn(page, bea, "I am a customer");
    await waitForVisible(page.getByText("You have no tickets yet."));
    assert.deepEqual(await partsOnTicket(admin, job), { [pads.id]: 1 });
  };
  await usePage(PAGE, steps, { expects: [401] });
});
