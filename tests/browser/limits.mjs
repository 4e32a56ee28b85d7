/** Messages about rate limits. The shop allows one change of a ticket's parts a day, and four logins a minute. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PAGE, logInAsAdmin, customer, partsOnTicket, requireAccessible, usePage, mechanic, part, waitForVisible, signIn, ticket } from "./harness.mjs";

const limitMessage = (page) => page.getByRole("alert").filter({ hasText: "That was too often." });

test("a limit message has the time of the next try, and the input stays", async () => {
  const admin = await logInAsAdmin();
  const [max, pads] = [await mechanic(admin), await part(admin, "Brake pad", 20)];
  const job = await ticket(admin, await customer(), { mechanic_ids: [max.id], parts: [{ inventory_id: pads.id, quantity: 1 }] });
  const steps = async (page) => {
    await signIn(page, max);
    await page.getByRole("button", { name: `Ticket ${job.id}` }).click();
    const count = page.getByRole("spinbutton", { name: "Count of" });
    for (const wanted of ["2", "3"]) {
      await count.fill(wanted);
      await page.getByRole("button", { name: "Save the parts" }).click();
      await waitForVisible(wanted === "2" ? page.getByText("left for now: 0.") : limitMessage(page));
    }
    assert.match(await limitMessage(page).innerText(), /You can do it again on \w+day,? (at )?\d\d:\d\d\./);
    await requireAccessible(page);
    assert.equal(await count.inputValue(), "3");
    assert.deepEqual(await partsOnTicket(admin, job), { [pads.id]: 2 });
  };
  await usePage(PAGE, steps, { expects: [429] });
});

test("too many passwords get a message with the seconds to wait", async () => {
  const bea = await customer();
  const steps = async (page) => {
    for (let tries = 0; tries < 5 && !(await limitMessage(page).count()); tries++) {
      await signIn(page, bea, "I am a customer", "thirteen horses");
      await waitForVisible(page.getByRole("alert").filter({ hasText: /is wrong|too often/ }));
    }
    await waitForVisible(limitMessage(page));
    assert.match(await limitMessage(page).innerText(), /You can do it again in \d\d? seconds?\./);
    await requireAccessible(page);
  };
  await usePage(PAGE, steps, { expects: [401, 429] });
});
