/** Use the example's page with the keyboard alone. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PAGE, PASSWORD, logInAsAdmin, customer, partsOnTicket, usePage, mechanic, part, waitForVisible, stockOf, tabTo, ticket } from "./harness.mjs";

/** Sign in; the arrow keys choose between customer and mechanic. */
async function signInByKeyboard(page, { email }, arrow = "") {
  await tabTo(page.getByRole("radio", { name: "I am a customer" }));
  if (arrow) await page.keyboard.press(arrow);
  await tabTo(page.getByLabel("Email"));
  await page.keyboard.type(email);
  await page.keyboard.press("Tab");
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press("Enter");
}

async function press(element) {
  await tabTo(element);
  await element.page().keyboard.press("Enter");
}

const button = (page, name) => page.getByRole("button", { name });

test("a mechanic edits a ticket by keyboard", async () => {
  const admin = await logInAsAdmin();
  const [max, pads, oil] = [await mechanic(admin), await part(admin, "Brake pad", 20), await part(admin, "Oil", 8)];
  const job = await ticket(admin, await customer(), { parts: [{ inventory_id: oil.id, quantity: 3 }] });
  const steps = async (page) => {
    await signInByKeyboard(page, max, "ArrowDown");
    await tabTo(page.getByLabel("Find a ticket"));
    await page.keyboard.type(job.vin);
    await page.keyboard.press("Enter");
    await press(button(page, `Ticket ${job.id}`));
    await tabTo(page.getByLabel("Part or SKU"));
    await page.keyboard.type(pads.name);
    await page.keyboard.press("Enter");
    await press(button(page, `Put on ${pads.name}`));
    await tabTo(page.getByRole("spinbutton", { name: `Count of ${pads.name}` }));
    await page.keyboard.press("ControlOrMeta+A");
    await page.keyboard.type("30");
    await press(button(page, `Take off ${oil.name}`));
    await press(button(page, "Save the parts"));
    await press(button(page, "Take what is there"));
    assert.deepEqual(await partsOnTicket(admin, job), { [oil.id]: 3 });
    await page.keyboard.press("Enter"); // "Save the parts" has the focus.
    await waitForVisible(page.getByText("Saved."));
    assert.deepEqual(await partsOnTicket(admin, job), { [pads.id]: 20 });
    assert.deepEqual([await stockOf(admin, pads), await stockOf(admin, oil)], [0, 8]);
    await press(button(page, "Back to the tickets"));
    await press(button(page, "Sign out"));
    await waitForVisible(page.getByRole("heading", { name: "Sign in" }));
  };
  await usePage(PAGE, steps, { expects: [409] });
});

test("a customer lists tickets by keyboard", async () => {
  const [admin, bea] = [await logInAsAdmin(), await customer()];
  for (let day = 10; day < 22; day++) await ticket(admin, bea, { service_date: `2026-03-${day}` });
  await usePage(PAGE, async (page) => {
    await signInByKeyboard(page, bea);
    await press(button(page, "Show more"));
    await waitForVisible(page.getByText("2 more."));
    assert.equal(await page.getByRole("article").count(), 12);
    await press(button(page, "Sign out"));
    await waitForVisible(page.getByRole("heading", { name: "Sign in" }));
  });
});
