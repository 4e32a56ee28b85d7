/** The page of a customer: their tickets, newest first. */
import { announce, el, heading, onSubmit, show } from "./dom";
import { errorMessage } from "./errors";
import { dataOf, shop } from "./shop";
import { card } from "./ticket";

const PER_PAGE = 10;

export async function customerPage(main: HTMLElement) {
  const list = el("div");
  const errorBox = el("p", { role: "alert", className: "error" });
  const more = el("form", {}, el("button", { type: "submit" }, "Show more"));
  let after: number | undefined;

  async function load() {
    errorBox.textContent = "";
    try {
      const result = await shop.GET("/tickets/my-tickets", { params: { query: { per_page: PER_PAGE, after } } });
      const tickets = dataOf(result);
      list.append(...tickets.map(card));
      if (after) announce(`${tickets.length} more.`);
      else if (!tickets.length) list.append(el("p", {}, "You have no tickets yet."));
      after = tickets.at(-1)?.id;
      more.hidden = !result.response.headers.get("Link")?.includes('rel="next"');
    } catch (error) {
      errorBox.textContent = errorMessage(error);
    }
  }

  onSubmit(more, load);
  await load();
  show(main, heading("Your tickets"), list, errorBox, more);
}
