/** Customers use the example's page. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PAGE, PASSWORD, logInAsAdmin, customer, requireAccessible, usePage, mechanic, part, waitForVisible, waitForHidden, signIn, ticket } from "./harness.mjs";

const AS = "I am a customer";
const texts = (elements) => elements.allInnerTexts();

test("a customer signs in and sees their tickets with parts and prices", async () => {
  const [admin, bea] = [await logInAsAdmin(), await customer()];
  const [max, pads] = [await mechanic(admin), await part(admin, "Brake pad", 20)];
  const lines = { parts: [{ inventory_id: pads.id, quantity: 4 }], mechanic_ids: [max.id] };
  const { vin } = await ticket(admin, bea, { description: "The old one", service_date: "2026-01-02" });
  const mine = await ticket(admin, bea, lines);
  await ticket(admin, await customer(), { description: "Someone else's" });
  await usePage(PAGE, async (page) => {
    await requireAccessible(page);
    await signIn(page, bea, AS);
    await waitForVisible(page.getByRole("heading", { name: "Your tickets" }));
    await requireAccessible(page);
    const cards = page.getByRole("article");
    const [first, second, ...others] = await texts(cards);
    assert.deepEqual(others, []);
    for (const shown of [`Ticket ${mine.id}`, "Replace the brake pads", "24 Nov 2026", mine.vin, "Max Wrench"]) {
      assert.ok(first.includes(shown), `${shown} in ${first}`);
    }
    assert.deepEqual(await texts(cards.first().getByRole("row").nth(1).getByRole("cell")), ["4", "49.90", "199.60"]);
    assert.ok(second.includes("The old one") && second.includes(vin.toUpperCase()) && second.includes("No parts."));
    await waitForHidden(page.getByRole("button", { name: "Show more" }));
    await page.reload();
    await waitForVisible(page.getByRole("heading", { name: "Your tickets" }));
  });
});

test("more tickets are shown on request", async () => {
  const [admin, bea] = [await logInAsAdmin(), await customer()];
  for (let day = 10; day < 22; day++) await ticket(admin, bea, { service_date: `2026-03-${day}` });
  await usePage(PAGE, async (page) => {
    await signIn(page, bea, AS);
    await waitForVisible(page.getByRole("article"));
    assert.equal(await page.getByRole("article").count(), 10);
    await page.getByRole("button", { name: "Show more" }).click();
    await waitForVisible(page.getByText("2 more."));
    assert.equal(await page.getByRole("article").count(), 12);
    assert.ok((await texts(page.getByRole("article"))).at(-1).includes("10 Mar 2026"));
    await waitForHidden(page.getByRole("button", { name: "Show more" }));
  });
});

test("a customer without tickets gets a message and signs out", async () => {
  const bea = await customer();
  await usePage(PAGE, async (page) => {
    await signIn(page, bea, AS);
    await waitForVisible(page.getByText("You have no tickets yet."));
    await requireAccessible(page);
    await page.getByRole("button", { name: "Sign out" }).click();
    await waitForVisible(page.getByRole("heading", { name: "Sign in" }));
    await page.reload();
    await waitForVisible(page.getByRole("heading", { name: "Sign in" }));
  });
});

test("a wrong password gets a message and can be entered again", async () => {
  const bea = await customer();
  const steps = async (page) => {
    await signIn(page, bea, AS, "thirteen horses");
    await waitForVisible(page.getByRole("alert").filter({ hasText: "The email or the password is wrong" }));
    await requireAccessible(page);
    await page.keyboard.type(PASSWORD);
    await page.keyboard.press("Enter");
    await waitForVisible(page.getByText("You have no tickets yet."));
  };
  await usePage(PAGE, steps, { expects: [401] });
});
