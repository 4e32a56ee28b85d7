/** Show a ticket, and create tables. */
import { el } from "./dom";
import { amount, date } from "./format";
import type { Ticket } from "./shop";

const fact = (name: string, value: string) => el("div", {}, el("dt", {}, name), el("dd", {}, value));

export const title = (ticket: Ticket) => `Ticket ${ticket.id}`;

export function facts(ticket: Ticket) {
  const mechanics = ticket.mechanics.map((mechanic) => mechanic.name).join(", ");
  const items = [fact("Date", date(ticket.service_date)), fact("VIN", ticket.vin), fact("Mechanics", mechanics || "nobody yet")];
  return el("dl", {}, ...items);
}

const head = (text: string, className = "") => el("th", { scope: "col", className }, text);

export function table(caption: string, columns: [string, string?][], rows: HTMLTableRowElement[]) {
  const heads = columns.map(([text, kind]) => head(text, kind));
  return el(
    "table",
    {},
    el("caption", {}, caption),
    el("thead", {}, el("tr", {}, ...heads)),
    el("tbody", {}, ...rows),
  );
}

export const cell = (content: string | Node, className = "") => el("td", { className }, content);

/** Create the table of the parts with their prices. */
export function bill(ticket: Ticket) {
  if (!ticket.parts.length) return el("p", {}, "No parts.");
  const rows = ticket.parts.map((line) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, line.name),
      cell(String(line.quantity), "number"),
      cell(amount(line.unit_price), "number"),
      cell(amount(line.total), "number"),
    ),
  );
  const element = table(`Parts on ticket ${ticket.id}`, [["Part"], ["Count", "number"], ["Each", "number"], ["Total", "number"]], rows);
  const total = el("th", { scope: "row", colSpan: 3 }, "All parts");
  element.append(el("tfoot", {}, el("tr", {}, total, cell(amount(ticket.parts_total), "number"))));
  return element;
}

export function card(ticket: Ticket) {
  const about = el("p", { className: "description" }, ticket.description);
  return el("article", { className: "card" }, el("h3", {}, title(ticket)), about, facts(ticket), bill(ticket));
}
