/** A page of an origin that is not in CORS_ORIGINS: the browser blocks all responses. */
import { test } from "node:test";
import { PAGE, customer, usePage, waitForVisible, signIn } from "./harness.mjs";

test("the page can't sign in", async () => {
  const bea = await customer();
  const steps = async (page) => {
    await signIn(page, bea, "I am a customer");
    await waitForVisible(page.getByRole("alert").filter({ hasText: "The shop does not answer." }));
  };
  await usePage(PAGE, steps, { expects: ["blocked by CORS policy", "net::ERR_FAILED"] });
});
