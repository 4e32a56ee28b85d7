/** The page of a mechanic: their tickets, and a search for others. */
import { announce, el, heading, labelled, onSubmit, show } from "./dom";
import { errorMessage } from "./errors";
import { date } from "./format";
import { dataOf, ProblemError, shop, type Ticket } from "./shop";
import { ticketPage } from "./parts";
import { title } from "./ticket";

/** Find tickets: by number, by VIN if the text is one word with a digit, or else by description. */
async function find(text: string): Promise<Ticket[]> {
  if (!text) return dataOf(await shop.GET("/tickets/my-tickets"));
  if (/^\d{1,9}$/.test(text)) {
    return [dataOf(await shop.GET("/tickets/{ticket_id}", { params: { path: { ticket_id: Number(text) } } }))];
  }
  const query = /^(?=.*\d)[\w-]+$/.test(text) ? { vin: text } : { q: text };
  return dataOf(await shop.GET("/tickets", { params: { query } }));
}

export async function mechanicPage(main: HTMLElement) {
  const text = el("input", { type: "search" });
  const list = el("ul", { className: "found" });
  const errorBox = el("p", { role: "alert", className: "error" });
  const button = el("button", { type: "submit" }, "Find");
  const field = labelled("Find a ticket", text, "Its number, a VIN, or words of its description; yours, if you leave it empty.");
  const form = el("form", { className: "row" }, field, button);
  const page = [heading("Tickets"), form, errorBox, list];

  function row(ticket: Ticket) {
    const open = el("button", { type: "button", className: "line" }, el("strong", {}, title(ticket)));
    open.append(el("span", {}, ticket.description.split("\n")[0] ?? ""), el("span", {}, date(ticket.service_date)));
    open.onclick = () => ticketPage(main, ticket.id, back).catch((error) => (errorBox.textContent = errorMessage(error)));
    return el("li", {}, open);
  }

  async function search() {
    errorBox.textContent = "";
    try {
      const tickets = await find(text.value.trim());
      list.replaceChildren(...tickets.map(row));
      announce(tickets.length ? `${tickets.length} found.` : "No ticket was found.");
    } catch (error) {
      list.replaceChildren();
      const isMissing = error instanceof ProblemError && error.problem.status === 404;
      errorBox.textContent = isMissing ? `There is no ticket ${text.value.trim()}.` : errorMessage(error);
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
