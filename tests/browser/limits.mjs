/** Limits, as a person is told of them. The shop allows a change of a ticket's parts a day, and four logins a minute. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PAGE, boss, customer, held, isAccessible, look, mechanic, part, sees, signIn, ticket } from "./desk.mjs";

const told = (page) => page.getByRole("alert").filter({ hasText: "That was too often." });

test("a limit says when it can be done again, and what was entered stays", async () => {
  const admin = await boss();
  const [max, pads] = [await mechanic(admin), await part(admin, "Brake pad", 20)];
  const job = await ticket(admin, await customer(), { mechanic_ids: [max.id], parts: [{ inventory_id: pads.id, quantity: 1 }] });
  const story = async (page) => {
    await signIn(page, max);
    await page.getByRole("button", { name: `Ticket ${job.id}` }).click();
    const count = page.getByRole("spinbutton", { name: "Count of" });
    for (const wanted of ["2", "3"]) {
      await count.fill(wanted);
      await page.getByRole("button", { name: "Save the parts" }).click();
      await sees(wanted === "2" ? page.getByText("left for now: 0.") : told(page));
    }
    assert.match(await told(page).innerText(), /You can do it again on \w+day,? (at )?\d\d:\d\d\./);
    await isAccessible(page);
    assert.equal(await count.inputValue(), "3");
    assert.deepEqual(await held(admin, job), { [pads.id]: 2 });
  };
  await look(PAGE, story, { expects: [429] });
});

test("whoever tries too many passwords is told how long to wait", async () => {
  const bea = await customer();
  const story = async (page) => {
    for (let tries = 0; tries < 5 && !(await told(page).count()); tries++) {
      await signIn(page, bea, "I am a customer", "thirteen horses");
      await sees(page.getByRole("alert").filter({ hasText: /is wrong|too often/ }));
    }
    await sees(told(page));
    assert.match(await told(page).innerText(), /You can do it again in \d\d? seconds?\./);
    await isAccessible(page);
  };
  await look(PAGE, story, { expects: [401, 429] });
});
