/** The table in which the parts of a ticket are changed: what it holds, and what is wanted. */
import { el, say } from "./dom";
import type { Part, Problem, Ticket } from "./shop";
import { cell, table } from "./ticket";
import { amount } from "./words";

export type Line = { id: number; name: string; held: number; wanted: number };
type Row = Line & { element: HTMLTableRowElement; draw: (price: number) => void };
type Shortages = NonNullable<Problem["shortages"]>;

const MOST = 2_147_483_647;

/** What a line says of itself until it is saved. */
function note({ held, wanted }: Line) {
  if (wanted === held) return "";
  if (!wanted) return "comes off";
  return held ? `${wanted > held ? "+" : "−"}${Math.abs(wanted - held)}` : "new";
}

export function rows(ticket: Ticket) {
  const known = new Map<number, Row>();
  const made = table(`Parts on ticket ${ticket.id}`, [["Part"], ["Count"], ["Each", "number"], ["Not saved"], ["Change"]], []);
  const body = made.tBodies[0] as HTMLTableSectionElement;
  const none = el("p", {}, "No parts.");
  const total = el("p", { className: "total" });

  function row(id: number, name: string): Row {
    const count = el("input", { type: "number", min: "0", max: String(MOST), required: true, "aria-label": `Count of ${name}` });
    const off = el("button", { type: "button", className: "quiet", "aria-label": `Take off ${name}` }, "Take off");
    const [each, unsaved] = [cell("", "number"), cell("", "unsaved")];
    const element = el("tr", {}, el("th", { scope: "row" }, name), cell(count), each, unsaved, cell(off));
    const line: Row = { id, name, held: 0, wanted: 0, element, draw };
    function draw(price: number) {
      count.value = String(line.wanted);
      each.textContent = amount(price);
      unsaved.textContent = note(line);
    }
    count.oninput = () => {
      line.wanted = count.valueAsNumber || 0;
      unsaved.textContent = note(line);
    };
    off.onclick = () => {
      count.valueAsNumber = 0;
      count.oninput?.(new Event("input"));
      say(`${name} comes off when you save.`);
    };
    known.set(id, line);
    return line;
  }

  /** Set how many of a part the ticket holds; what is wanted beside it stays the same. */
  function hold(id: number, name: string, held: number, price: number) {
    const line = known.get(id) ?? row(id, name);
    [line.held, line.wanted] = [held, Math.max(0, held + line.wanted - line.held)];
    line.draw(price);
    body.append(line.element);
  }

  function renew(fresh: Ticket) {
    const there = new Set(fresh.parts.map((part) => part.inventory_id));
    for (const part of fresh.parts) hold(part.inventory_id, part.name, part.quantity, part.unit_price);
    for (const line of known.values()) {
      if (there.has(line.id)) continue;
      [line.held, line.wanted] = [0, Math.max(0, line.wanted - line.held)];
      if (line.wanted) body.append(line.element);
      else forget(line);
    }
    total.textContent = `All parts: ${amount(fresh.parts_total)}`;
    made.hidden = !known.size;
    none.hidden = Boolean(known.size);
  }

  function forget(line: Row) {
    known.delete(line.id);
    line.element.remove();
  }

  renew(ticket);
  return {
    element: el("div", {}, made, none, total),
    renew,
    lines: (): Line[] => [...known.values()],
    /** One more of a part. */
    add(part: Part) {
      const line = known.get(part.id) ?? row(part.id, part.name);
      line.wanted += 1;
      line.draw(part.price);
      body.append(line.element);
      made.hidden = false;
      none.hidden = true;
      say(`${line.wanted} × ${part.name}, not saved yet.`);
    },
    /** What is wanted is held now. */
    saved() {
      for (const line of known.values()) line.held = line.wanted;
    },
    /** Want no more than there is. */
    settleFor(shortages: Shortages) {
      for (const { inventory_id, available } of shortages) {
        const line = known.get(inventory_id);
        if (!line) continue;
        const count = line.element.querySelector("input") as HTMLInputElement;
        count.valueAsNumber = line.held + available;
        count.oninput?.(new Event("input"));
      }
    },
    /** The parts that are short, by name. */
    missing(shortages: Shortages) {
      const items = shortages.map(({ inventory_id, requested, available }) => {
        const name = known.get(inventory_id)?.name ?? `part ${inventory_id}`;
        return el("li", {}, `${name}: ${requested} wanted, ${available} there`);
      });
      return el("ul", {}, ...items);
    },
  };
}
