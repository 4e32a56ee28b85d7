/** The table to edit the parts of a ticket: current and wanted quantities. */
import { announce, el } from "./dom";
import { amount } from "./format";
import type { Part, Problem, Ticket } from "./shop";
import { cell, table } from "./ticket";

export type Line = { id: number; name: string; current: number; wanted: number };
type Row = Line & { element: HTMLTableRowElement; draw: (price: number) => void };
type Shortages = NonNullable<Problem["shortages"]>;

const MAX_QUANTITY = 2_147_483_647;

/** Describe the change of a line that is not saved yet. */
function note({ current, wanted }: Line) {
  if (wanted === current) return "";
  if (!wanted) return "comes off";
  return current ? `${wanted > current ? "+" : "−"}${Math.abs(wanted - current)}` : "new";
}

export function rows(ticket: Ticket) {
  const lines = new Map<number, Row>();
  const grid = table(`Parts on ticket ${ticket.id}`, [["Part"], ["Count"], ["Each", "number"], ["Not saved"], ["Change"]], []);
  const body = grid.tBodies[0] as HTMLTableSectionElement;
  const empty = el("p", {}, "No parts.");
  const total = el("p", { className: "total" });

  function row(id: number, name: string): Row {
    const count = el("input", { type: "number", min: "0", max: String(MAX_QUANTITY), required: true, "aria-label": `Count of ${name}` });
    const off = el("button", { type: "button", className: "quiet", "aria-label": `Take off ${name}` }, "Take off");
    const [each, unsaved] = [cell("", "number"), cell("", "unsaved")];
    const element = el("tr", {}, el("th", { scope: "row" }, name), cell(count), each, unsaved, cell(off));
    const line: Row = { id, name, current: 0, wanted: 0, element, draw };
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
      announce(`${name} comes off when you save.`);
    };
    lines.set(id, line);
    return line;
  }

  /** Set the current quantity of a part; the change that is not saved stays. */
  function setCurrent(id: number, name: string, current: number, price: number) {
    const line = lines.get(id) ?? row(id, name);
    [line.current, line.wanted] = [current, Math.max(0, current + line.wanted - line.current)];
    line.draw(price);
    body.append(line.element);
  }

  function refresh(latest: Ticket) {
    const onTicket = new Set(latest.parts.map((part) => part.inventory_id));
    for (const part of latest.parts) setCurrent(part.inventory_id, part.name, part.quantity, part.unit_price);
    for (const line of lines.values()) {
      if (onTicket.has(line.id)) continue;
      [line.current, line.wanted] = [0, Math.max(0, line.wanted - line.current)];
      if (line.wanted) body.append(line.element);
      else remove(line);
    }
    total.textContent = `All parts: ${amount(latest.parts_total)}`;
    grid.hidden = !lines.size;
    empty.hidden = Boolean(lines.size);
  }

  function remove(line: Row) {
    lines.delete(line.id);
    line.element.remove();
  }

  refresh(ticket);
  return {
    element: el("div", {}, grid, empty, total),
    refresh,
    lines: (): Line[] => [...lines.values()],
    /** Add one of a part. */
    add(part: Part) {
      const line = lines.get(part.id) ?? row(part.id, part.name);
      line.wanted += 1;
      line.draw(part.price);
      body.append(line.element);
      grid.hidden = false;
      empty.hidden = true;
      announce(`${line.wanted} × ${part.name}, not saved yet.`);
    },
    /** Make the wanted quantities the current ones. */
    markSaved() {
      for (const line of lines.values()) line.current = line.wanted;
    },
    /** Reduce the wanted quantities to the stock. */
    limitToStock(shortages: Shortages) {
      for (const { inventory_id, available } of shortages) {
        const line = lines.get(inventory_id);
        if (!line) continue;
        const count = line.element.querySelector("input") as HTMLInputElement;
        count.valueAsNumber = line.current + available;
        count.oninput?.(new Event("input"));
      }
    },
    /** Create a list of the shortages by name. */
    listShortages(shortages: Shortages) {
      const items = shortages.map(({ inventory_id, requested, available }) => {
        const name = lines.get(inventory_id)?.name ?? `part ${inventory_id}`;
        return el("li", {}, `${name}: ${requested} wanted, ${available} there`);
      });
      return el("ul", {}, ...items);
    },
  };
}
