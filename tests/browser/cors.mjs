/** Preflight requests of the browser for a page of another origin. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PAGE, SHOP, logInAsAdmin, customer, usePage, mechanic, recordPreflights, waitForVisible, signIn, ticket } from "./harness.mjs";

test("a page of another origin reads its data with one preflight for each path", async () => {
  const admin = await logInAsAdmin();
  const [max, job] = [await mechanic(admin), await ticket(admin, await customer())];
  await usePage(PAGE, async (page) => {
    const preflights = await recordPreflights(page);
    await signIn(page, max);
    for (let times = 1; times <= 3; times++) {
      await page.getByLabel("Find a ticket").fill(String(job.id));
      await page.getByRole("button", { name: "Find", exact: true }).click();
      await page.getByRole("button", { name: `Ticket ${job.id}` }).click();
      await waitForVisible(page.getByRole("heading", { name: `Ticket ${job.id}` }));
      await page.getByRole("button", { name: "Back to the tickets" }).click();
    }
    assert.deepEqual(preflights.sort(), ["/mechanics/login", `/tickets/${job.id}`, "/tickets/my-tickets"]);
  });
});

test("a preflight allows all headers for ten minutes", async () => {
  const headers = { "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization,content-type,idempotency-key,if-match" };
  const response = await fetch(`${SHOP}/tickets/1/inventory`, { method: "OPTIONS", headers: { Origin: new URL(PAGE).origin, ...headers } });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("Access-Control-Allow-Origin"), new URL(PAGE).origin);
  assert.equal(response.headers.get("Access-Control-Max-Age"), "600");
  const allowed = response.headers.get("Access-Control-Allow-Headers").toLowerCase();
  for (const each of headers["Access-Control-Request-Headers"].split(",")) assert.ok(allowed.includes(each), each);
});
