/** Find parts, to add them to a ticket. */
import { announce, el, labelled, onSubmit } from "./dom";
import { errorMessage } from "./errors";
import { amount } from "./format";
import { dataOf, type Part, shop } from "./shop";
import { cell, table } from "./ticket";

const COLUMNS: [string, string?][] = [["Part"], ["SKU"], ["In stock", "number"], ["Each", "number"], ["Put on"]];

export function catalog(add: (part: Part) => void) {
  const text = el("input", { type: "search" });
  const results = el("div");
  const errorBox = el("p", { role: "alert", className: "error" });
  const submit = el("button", { type: "submit" }, "Find parts");
  const form = el("form", { className: "row" }, labelled("Part or SKU", text), submit);

  function row(part: Part) {
    const button = el("button", { type: "button", className: "quiet", "aria-label": `Put on ${part.name}` }, "Put on");
    button.onclick = () => add(part);
    const numbers = [cell(String(part.quantity), "number"), cell(amount(part.price), "number")];
    return el("tr", {}, el("th", { scope: "row" }, part.name), cell(part.sku ?? ""), ...numbers, cell(button));
  }

  onSubmit(form, async () => {
    errorBox.textContent = "";
    try {
      const q = text.value.trim();
      const parts = dataOf(await shop.GET("/inventory", { params: { query: q ? { q } : {} } }));
      results.replaceChildren(...(parts.length ? [table("Parts found", COLUMNS, parts.map(row))] : []));
      announce(parts.length ? `${parts.length} found.` : "No part was found.");
    } catch (error) {
      errorBox.textContent = errorMessage(error);
    }
  });
  return el("section", { className: "card" }, el("h3", {}, "Put parts on"), form, errorBox, results);
}
