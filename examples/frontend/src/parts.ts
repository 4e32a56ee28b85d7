/**
 * The page of a ticket. Its parts are edited in a table and saved together: the shop changes all of them or none.
 *
 * Three things make saving safe. `If-Match` sends the ETag of the ticket that was shown, so that no change of a
 * colleague is overwritten. The `Idempotency-Key` stays the same until the change is saved, so that a repeated request
 * runs once. And an error keeps the input on the page.
 */
import { catalog } from "./catalog";
import { announce, el, heading, onSubmit, show } from "./dom";
import { errorMessage } from "./errors";
import { type Line, rows } from "./rows";
import { dataOf, type PartsChange, ProblemError, shop, type Ticket } from "./shop";
import { facts, title } from "./ticket";

/** Return the body that changes the current quantities to the wanted ones. */
function difference(lines: Line[]): PartsChange {
  const change = (line: Line, sign: number) => ({ inventory_id: line.id, quantity: sign * (line.wanted - line.current) });
  return {
    add_parts: lines.filter((line) => line.wanted > line.current).map((line) => change(line, 1)),
    remove_parts: lines.filter((line) => line.wanted < line.current).map((line) => change(line, -1)),
  };
}

async function read(ticket_id: number) {
  const result = await shop.GET("/tickets/{ticket_id}", { params: { path: { ticket_id } } });
  return { ticket: dataOf(result), etag: result.response.headers.get("ETag") ?? "" };
}

export async function ticketPage(main: HTMLElement, id: number, back: () => void) {
  let { ticket, etag } = await read(id);
  let key = crypto.randomUUID();
  let lastBody = "";
  const table = rows(ticket);
  const errorBox = el("div", { role: "alert", className: "error" });
  const button = el("button", { type: "submit" }, "Save the parts");
  const form = el("form", {}, table.element, errorBox, button);
  const leave = el("button", { type: "button", className: "quiet", onclick: back }, "Back to the tickets");

  /** Show the current ticket. Changes that are not saved stay. */
  function refresh(latest: { ticket: Ticket; etag: string }) {
    ({ ticket, etag } = latest);
    table.refresh(ticket);
  }

  function showError(error: unknown) {
    const { status, shortages } = error instanceof ProblemError ? error.problem : {};
    if (shortages) {
      const useStock = el("button", { type: "button" }, "Take what is there");
      useStock.onclick = () => {
        table.limitToStock(shortages);
        errorBox.replaceChildren();
        button.focus();
      };
      errorBox.append(el("p", {}, "There is too little in stock, and nothing was changed:"), table.listShortages(shortages), useStock);
    } else if (status === 412) {
      errorBox.append("Someone else has changed this ticket. It is shown as it is now, with your changes: look, and save again.");
    } else {
      errorBox.append(errorMessage(error));
    }
  }

  onSubmit(form, async () => {
    errorBox.replaceChildren();
    const body = difference(table.lines());
    if (!body.add_parts?.length && !body.remove_parts?.length) return void announce("Nothing was changed.");
    if (lastBody && lastBody !== JSON.stringify(body)) key = crypto.randomUUID();
    lastBody = JSON.stringify(body);
    try {
      const params = { path: { ticket_id: id }, header: { "If-Match": etag, "Idempotency-Key": key } };
      const result = await shop.PUT("/tickets/{ticket_id}/inventory", { params, body });
      const saved = dataOf(result);
      [lastBody, key] = ["", crypto.randomUUID()];
      table.markSaved();
      refresh({ ticket: saved, etag: result.response.headers.get("ETag") ?? "" });
      const left = result.response.headers.get("X-RateLimit-Remaining");
      announce(left ? `Saved. Changes of these parts that are left for now: ${left}.` : "Saved.");
    } catch (error) {
      showError(error);
      if (error instanceof ProblemError && error.problem.status === 412) await read(id).then(refresh, showError);
    }
  });

  const about = el("p", { className: "description" }, ticket.description);
  const card = el("section", { className: "card" }, heading(title(ticket)), about, facts(ticket), form);
  show(main, leave, card, catalog((part) => table.add(part)));
}
