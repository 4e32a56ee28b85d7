/** A page of an origin that is not in the shop's CORS_ORIGINS: the browser keeps all answers from it. */
import { test } from "node:test";
import { PAGE, customer, look, sees, signIn } from "./desk.mjs";

test("it can't sign anybody in", async () => {
  const bea = await customer();
  const story = async (page) => {
    await signIn(page, bea, "I am a customer");
    await sees(page.getByRole("alert").filter({ hasText: "The shop does not answer." }));
  };
  await look(PAGE, story, { expects: ["blocked by CORS policy", "net::ERR_FAILED"] });
});
