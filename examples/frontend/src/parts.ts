/**
 * A ticket and the parts on it. They are changed in the table, and saved together: all of it happens or none.
 *
 * Three things make saving safe. The ETag of the ticket that was shown goes along (`If-Match`), so that nobody
 * overwrites what a colleague did. The `Idempotency-Key` stays the same until it is saved, so that whatever is sent
 * twice is done once. And what was entered stays on the page, whatever the shop says.
 */
import { catalog } from "./catalog";
import { el, heading, onSubmit, say, show } from "./dom";
import { type Line, rows } from "./rows";
import { answered, type PartsChange, Refusal, shop, type Ticket } from "./shop";
import { facts, title } from "./ticket";
import { words } from "./words";

/** What has to be sent, so that the ticket holds what is wanted. */
function difference(lines: Line[]): PartsChange {
  const change = (line: Line, sign: number) => ({ inventory_id: line.id, quantity: sign * (line.wanted - line.held) });
  return {
    add_parts: lines.filter((line) => line.wanted > line.held).map((line) => change(line, 1)),
    remove_parts: lines.filter((line) => line.wanted < line.held).map((line) => change(line, -1)),
  };
}

async function read(ticket_id: number) {
  const answer = await shop.GET("/tickets/{ticket_id}", { params: { path: { ticket_id } } });
  return { ticket: answered(answer), etag: answer.response.headers.get("ETag") ?? "" };
}

export async function ticketPage(main: HTMLElement, id: number, back: () => void) {
  let { ticket, etag } = await read(id);
  let key = crypto.randomUUID();
  let sent = "";
  const table = rows(ticket);
  const wrong = el("div", { role: "alert", className: "wrong" });
  const button = el("button", { type: "submit" }, "Save the parts");
  const form = el("form", {}, table.element, wrong, button);
  const leave = el("button", { type: "button", className: "quiet", onclick: back }, "Back to the tickets");

  /** The table with a ticket as it is now. What was changed and is not saved stays changed. */
  function renew(fresh: { ticket: Ticket; etag: string }) {
    ({ ticket, etag } = fresh);
    table.renew(ticket);
  }

  function tell(error: unknown) {
    const { status, shortages } = error instanceof Refusal ? error.problem : {};
    if (shortages) {
      const enough = el("button", { type: "button" }, "Take what is there");
      enough.onclick = () => {
        table.settleFor(shortages);
        wrong.replaceChildren();
        button.focus();
      };
      wrong.append(el("p", {}, "There is too little in stock, and nothing was changed:"), table.missing(shortages), enough);
    } else if (status === 412) {
      wrong.append("Someone else has changed this ticket. It is shown as it is now, with your changes: look, and save again.");
    } else {
      wrong.append(words(error));
    }
  }

  onSubmit(form, async () => {
    wrong.replaceChildren();
    const body = difference(table.lines());
    if (!body.add_parts?.length && !body.remove_parts?.length) return void say("Nothing was changed.");
    if (sent && sent !== JSON.stringify(body)) key = crypto.randomUUID();
    sent = JSON.stringify(body);
    try {
      const params = { path: { ticket_id: id }, header: { "If-Match": etag, "Idempotency-Key": key } };
      const answer = await shop.PUT("/tickets/{ticket_id}/inventory", { params, body });
      const saved = answered(answer);
      [sent, key] = ["", crypto.randomUUID()];
      table.saved();
      renew({ ticket: saved, etag: answer.response.headers.get("ETag") ?? "" });
      const left = answer.response.headers.get("X-RateLimit-Remaining");
      say(left ? `Saved. Changes of these parts that are left for now: ${left}.` : "Saved.");
    } catch (error) {
      tell(error);
      if (error instanceof Refusal && error.problem.status === 412) await read(id).then(renew, tell);
    }
  });

  const about = el("p", { className: "description" }, ticket.description);
  const held = el("section", { className: "card" }, heading(title(ticket)), about, facts(ticket), form);
  show(main, leave, held, catalog((part) => table.add(part)));
}
