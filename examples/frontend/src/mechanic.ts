/** What a mechanic sees: their tickets, a way to find others, and the one that they work on. */
import { el, heading, labelled, onSubmit, say, show } from "./dom";
import { answered, Refusal, shop, type Ticket } from "./shop";
import { ticketPage } from "./parts";
import { title } from "./ticket";
import { date, words } from "./words";

/** A number is a ticket's, one word with a digit in it is a VIN, and anything else is looked for in descriptions. */
async function find(text: string): Promise<Ticket[]> {
  if (!text) return answered(await shop.GET("/tickets/my-tickets"));
  if (/^\d{1,9}$/.test(text)) {
    return [answered(await shop.GET("/tickets/{ticket_id}", { params: { path: { ticket_id: Number(text) } } }))];
  }
  const query = /^(?=.*\d)[\w-]+$/.test(text) ? { vin: text } : { q: text };
  return answered(await shop.GET("/tickets", { params: { query } }));
}

export async function mechanicPage(main: HTMLElement) {
  const text = el("input", { type: "search" });
  const found = el("ul", { className: "found" });
  const wrong = el("p", { role: "alert", className: "wrong" });
  const button = el("button", { type: "submit" }, "Find");
  const field = labelled("Find a ticket", text, "Its number, a VIN, or words of its description; yours, if you leave it empty.");
  const form = el("form", { className: "row" }, field, button);
  const page = [heading("Tickets"), form, wrong, found];

  function line(ticket: Ticket) {
    const open = el("button", { type: "button", className: "line" }, el("strong", {}, title(ticket)));
    open.append(el("span", {}, ticket.description.split("\n")[0] ?? ""), el("span", {}, date(ticket.service_date)));
    open.onclick = () => ticketPage(main, ticket.id, back).catch((error) => (wrong.textContent = words(error)));
    return el("li", {}, open);
  }

  async function search() {
    wrong.textContent = "";
    try {
      const tickets = await find(text.value.trim());
      found.replaceChildren(...tickets.map(line));
      say(tickets.length ? `${tickets.length} found.` : "No ticket was found.");
    } catch (error) {
      found.replaceChildren();
      const isMissing = error instanceof Refusal && error.problem.status === 404;
      wrong.textContent = isMissing ? `There is no ticket ${text.value.trim()}.` : words(error);
    }
  }

  async function back() {
    show(main, ...page);
    await search();
  }

  onSubmit(form, search);
  await search();
  show(main, ...page);
}
