/** Mechanics use the example's page: find a ticket, add parts and remove them. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { PAGE, logInAsAdmin, call, customer, partsOnTicket, requireAccessible, usePage, mechanic, part, waitForVisible, waitForHidden, signIn, stockOf, ticket } from "./harness.mjs";

let admin, bea, max;
beforeEach(async () => {
  admin = await logInAsAdmin();
  [bea, max] = [await customer(), await mechanic(admin)];
});

const count = (page, { name }) => page.getByRole("spinbutton", { name: `Count of ${name}` });
const alert = (page) => page.getByRole("alert").filter({ hasText: /./ });

async function find(page, text) {
  await page.getByLabel("Find a ticket").fill(text);
  await page.getByRole("button", { name: "Find", exact: true }).click();
}

async function open(page, { id }) {
  await find(page, String(id));
  await page.getByRole("button", { name: `Ticket ${id}` }).click();
  await waitForVisible(page.getByRole("heading", { name: `Ticket ${id}` }));
}

async function addPart(page, { name }) {
  await page.getByLabel("Part or SKU").fill(name);
  await page.getByRole("button", { name: "Find parts" }).click();
  await page.getByRole("button", { name: `Put on ${name}` }).click();
}

const save = (page) => page.getByRole("button", { name: "Save the parts" }).click();

test("a mechanic finds tickets by number, VIN and description, and their own with an empty search", async () => {
  const [one, other] = [await ticket(admin, bea, { mechanic_ids: [max.id] }), await ticket(admin, bea, { description: "Squeaks in rain" })];
  const found = (page, { id }) => page.getByRole("button", { name: `Ticket ${id}` });
  const steps = async (page) => {
    await signIn(page, max);
    await waitForVisible(found(page, one));
    await waitForHidden(found(page, other));
    await requireAccessible(page);
    for (const text of [String(other.id), other.vin.toLowerCase(), "squeaks in"]) {
      await find(page, text);
      await waitForVisible(found(page, other));
      await waitForHidden(found(page, one));
    }
    await find(page, "nothing like it");
    await waitForVisible(page.getByText("No ticket was found."));
    await find(page, "999999");
    await waitForVisible(alert(page).filter({ hasText: "There is no ticket 999999." }));
    await requireAccessible(page);
  };
  await usePage(PAGE, steps, { expects: [404] });
});

test("parts are added and removed in one save, and the stock follows", async () => {
  const [pads, oil] = [await part(admin, "Brake pad", 20), await part(admin, "Oil", 8)];
  const job = await ticket(admin, bea, { parts: [{ inventory_id: oil.id, quantity: 3 }] });
  await usePage(PAGE, async (page) => {
    await signIn(page, max);
    await open(page, job);
    await addPart(page, pads);
    await requireAccessible(page);
    await count(page, pads).fill("4");
    await count(page, oil).fill("1");
    await waitForVisible(page.getByRole("cell", { name: "−2" }));
    assert.deepEqual(await partsOnTicket(admin, job), { [oil.id]: 3 }, "nothing changes before it is saved");
    await save(page);
    await waitForVisible(page.getByText("Saved. Changes of these parts that are left for now: 2."));
    await waitForVisible(page.getByText("All parts: 249.50"));
    assert.deepEqual(await partsOnTicket(admin, job), { [pads.id]: 4, [oil.id]: 1 });
    assert.deepEqual([await stockOf(admin, pads), await stockOf(admin, oil)], [16, 7]);
    await page.getByRole("button", { name: `Take off ${pads.name}` }).click();
    await waitForVisible(page.getByRole("cell", { name: "comes off" }));
    await save(page);
    await waitForVisible(page.getByText("left for now: 1."));
    await waitForHidden(count(page, pads));
    assert.deepEqual(await partsOnTicket(admin, job), { [oil.id]: 1 });
    assert.equal(await stockOf(admin, pads), 20);
    await save(page);
    await waitForVisible(page.getByText("Nothing was changed."));
    await page.getByRole("button", { name: "Back to the tickets" }).click();
    await waitForVisible(page.getByRole("heading", { name: "Tickets", exact: true }));
  });
});

test("a shortage lists every part, changes nothing and offers the available stock", async () => {
  const [pads, oil, wiper] = [await part(admin, "Brake pad", 5), await part(admin, "Oil", 2), await part(admin, "Wiper", 9)];
  const job = await ticket(admin, bea, { parts: [{ inventory_id: pads.id, quantity: 1 }] });
  const steps = async (page) => {
    await signIn(page, max);
    await open(page, job);
    for (const each of [oil, wiper]) await addPart(page, each);
    for (const [each, wanted] of [[pads, 9], [oil, 3], [wiper, 9]]) await count(page, each).fill(String(wanted));
    await save(page);
    await waitForVisible(alert(page).filter({ hasText: "There is too little in stock, and nothing was changed" }));
    const short = await alert(page).getByRole("listitem").allInnerTexts();
    assert.deepEqual(short, [`${pads.name}: 8 wanted, 4 there`, `${oil.name}: 3 wanted, 2 there`]);
    await requireAccessible(page);
    assert.deepEqual(await partsOnTicket(admin, job), { [pads.id]: 1 });
    assert.equal(await stockOf(admin, wiper), 9);
    await page.getByRole("button", { name: "Take what is there" }).click();
    await save(page);
    await waitForVisible(page.getByText("Saved."));
    assert.deepEqual(await partsOnTicket(admin, job), { [pads.id]: 5, [oil.id]: 2, [wiper.id]: 9 });
    for (const each of [pads, oil, wiper]) assert.equal(await stockOf(admin, each), 0);
  };
  await usePage(PAGE, steps, { expects: [409] });
});

test("a simultaneous change is shown and not overwritten", async () => {
  const [pads, oil] = [await part(admin, "Brake pad", 20), await part(admin, "Oil", 8)];
  const job = await ticket(admin, bea, { parts: [{ inventory_id: pads.id, quantity: 2 }] });
  const steps = async (page) => {
    await signIn(page, max);
    await open(page, job);
    await count(page, pads).fill("3");
    const colleague = { add_parts: [{ inventory_id: pads.id, quantity: 4 }, { inventory_id: oil.id }] };
    assert.equal((await call("PUT", `/tickets/${job.id}/inventory`, { token: admin, body: colleague })).status, 200);
    await save(page);
    await waitForVisible(alert(page).filter({ hasText: "Someone else has changed this ticket." }));
    assert.equal(await count(page, pads).inputValue(), "7");
    assert.equal(await count(page, oil).inputValue(), "1");
    await requireAccessible(page);
    assert.deepEqual(await partsOnTicket(admin, job), { [pads.id]: 6, [oil.id]: 1 });
    await save(page);
    await waitForVisible(page.getByText("Saved."));
    assert.deepEqual(await partsOnTicket(admin, job), { [pads.id]: 7, [oil.id]: 1 });
    assert.equal(await stockOf(admin, pads), 13);
  };
  await usePage(PAGE, steps, { expects: [412] });
});

test("an invalid quantity is not sent", async () => {
  const pads = await part(admin, "Brake pad", 20);
  const job = await ticket(admin, bea, { parts: [{ inventory_id: pads.id, quantity: 2 }] });
  await usePage(PAGE, async (page) => {
    await signIn(page, max);
    await open(page, job);
    for (const wrong of ["-1", "1.5", ""]) {
      await count(page, pads).fill(wrong);
      await save(page);
      await waitForHidden(page.getByText("Saved."));
    }
    assert.deepEqual(await partsOnTicket(admin, job), { [pads.id]: 2 });
  });
});
