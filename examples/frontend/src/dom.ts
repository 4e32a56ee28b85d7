/** Create elements without a framework. Text is added as text nodes, so that no data is interpreted as HTML. */

type Properties<Tag extends keyof HTMLElementTagNameMap> = Partial<Omit<HTMLElementTagNameMap[Tag], "style">>;

/** Create an element with properties, attributes (names with a dash, and `role`) and children. */
export function el<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  properties: Properties<Tag> & Record<`aria-${string}`, string> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") element.setAttribute(name, String(value));
    else Object.assign(element, { [name]: value });
  }
  element.append(...children);
  return element;
}

/** Return an element of index.html. */
export const byId = (id: string) => document.getElementById(id) as HTMLElement;

/** Show a message at the foot of the page; a screen reader reads it out. */
export const announce = (text: string) => (byId("status").textContent = text);

/** Create a heading that `show` can focus. */
export const heading = (text: string) => el("h2", { tabIndex: -1 }, text);

/** Replace the content of an element, and focus its heading. */
export function show(parent: HTMLElement, ...children: Node[]) {
  parent.replaceChildren(...children);
  parent.querySelector("h2")?.focus();
}

let fields = 0;

/** Create a label with its field. */
export function labelled(text: string, field: HTMLInputElement, hint = "") {
  field.id = `field-${++fields}`;
  const label = el("label", { htmlFor: field.id }, text);
  if (!hint) return el("p", { className: "field" }, label, field);
  field.setAttribute("aria-describedby", `${field.id}-hint`);
  return el("p", { className: "field" }, label, field, el("small", { id: `${field.id}-hint` }, hint));
}

/**
 * Run `work` when a form is submitted, once at a time: a second click during the work does nothing.
 * The button keeps the focus, which it would lose if it were disabled.
 */
export function onSubmit(form: HTMLFormElement, work: () => Promise<void>) {
  const button = form.querySelector("button[type=submit]") as HTMLButtonElement;
  form.onsubmit = async (event) => {
    event.preventDefault();
    if (button.ariaDisabled === "true") return;
    button.ariaDisabled = "true";
    form.ariaBusy = "true";
    announce("");
    try {
      await work();
    } finally {
      button.ariaDisabled = form.ariaBusy = null;
    }
  };
}
