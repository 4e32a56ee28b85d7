/** What a customer sees: their tickets, newest first. */
import { el, heading, onSubmit, say, show } from "./dom";
import { answered, shop } from "./shop";
import { card } from "./ticket";
import { words } from "./words";

const AT_ONCE = 10;

export async function customerPage(main: HTMLElement) {
  const list = el("div");
  const wrong = el("p", { role: "alert", className: "wrong" });
  const more = el("form", {}, el("button", { type: "submit" }, "Show more"));
  let after: number | undefined;

  async function load() {
    wrong.textContent = "";
    try {
      const answer = await shop.GET("/tickets/my-tickets", { params: { query: { per_page: AT_ONCE, after } } });
      const tickets = answered(answer);
      list.append(...tickets.map(card));
      if (after) say(`${tickets.length} more.`);
      else if (!tickets.length) list.append(el("p", {}, "You have no tickets yet."));
      after = tickets.at(-1)?.id;
      more.hidden = !answer.response.headers.get("Link")?.includes('rel="next"');
    } catch (error) {
      wrong.textContent = words(error);
    }
  }

  onSubmit(more, load);
  await load();
  show(main, heading("Your tickets"), list, wrong, more);
}
