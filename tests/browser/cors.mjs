/** What the browser asks before it lets a page call a shop at another origin, and how often. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PAGE, SHOP, boss, customer, look, mechanic, preflights, sees, signIn, ticket } from "./desk.mjs";

test("a page of another origin reads what it needs, and the browser asks once for it all", async () => {
  const admin = await boss();
  const [max, job] = [await mechanic(admin), await ticket(admin, await customer())];
  await look(PAGE, async (page) => {
    const asked = await preflights(page);
    await signIn(page, max);
    for (let times = 1; times <= 3; times++) {
      await page.getByLabel("Find a ticket").fill(String(job.id));
      await page.getByRole("button", { name: "Find", exact: true }).click();
      await page.getByRole("button", { name: `Ticket ${job.id}` }).click();
      await sees(page.getByRole("heading", { name: `Ticket ${job.id}` }));
      await page.getByRole("button", { name: "Back to the tickets" }).click();
    }
    assert.deepEqual(asked.sort(), ["/mechanics/login", `/tickets/${job.id}`, "/tickets/my-tickets"]);
  });
});

test("a preflight is answered with all that a page may send, and for ten minutes", async () => {
  const headers = { "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization,content-type,idempotency-key,if-match" };
  const answer = await fetch(`${SHOP}/tickets/1/inventory`, { method: "OPTIONS", headers: { Origin: new URL(PAGE).origin, ...headers } });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("Access-Control-Allow-Origin"), new URL(PAGE).origin);
  assert.equal(answer.headers.get("Access-Control-Max-Age"), "600");
  const sent = answer.headers.get("Access-Control-Allow-Headers").toLowerCase();
  for (const each of headers["Access-Control-Request-Headers"].split(",")) assert.ok(sent.includes(each), each);
});
