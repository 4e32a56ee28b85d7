/** Finding parts, to put them on a ticket. */
import { el, labelled, onSubmit, say } from "./dom";
import { answered, type Part, shop } from "./shop";
import { cell, table } from "./ticket";
import { amount, words } from "./words";

const COLUMNS: [string, string?][] = [["Part"], ["SKU"], ["In stock", "number"], ["Each", "number"], ["Put on"]];

export function catalog(add: (part: Part) => void) {
  const text = el("input", { type: "search" });
  const found = el("div");
  const wrong = el("p", { role: "alert", className: "wrong" });
  const button = el("button", { type: "submit" }, "Find parts");
  const form = el("form", { className: "row" }, labelled("Part or SKU", text), button);

  function row(part: Part) {
    const put = el("button", { type: "button", className: "quiet", "aria-label": `Put on ${part.name}` }, "Put on");
    put.onclick = () => add(part);
    const numbers = [cell(String(part.quantity), "number"), cell(amount(part.price), "number")];
    return el("tr", {}, el("th", { scope: "row" }, part.name), cell(part.sku ?? ""), ...numbers, cell(put));
  }

  onSubmit(form, async () => {
    wrong.textContent = "";
    try {
      const q = text.value.trim();
      const parts = answered(await shop.GET("/inventory", { params: { query: q ? { q } : {} } }));
      found.replaceChildren(...(parts.length ? [table("Parts found", COLUMNS, parts.map(row))] : []));
      say(parts.length ? `${parts.length} found.` : "No part was found.");
    } catch (error) {
      wrong.textContent = words(error);
    }
  });
  return el("section", { className: "card" }, el("h3", {}, "Put parts on"), form, wrong, found);
}
