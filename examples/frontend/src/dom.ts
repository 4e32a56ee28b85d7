/** Elements without a framework. Text goes in as text, so that nothing a record holds is ever taken for HTML. */

type Properties<Tag extends keyof HTMLElementTagNameMap> = Partial<Omit<HTMLElementTagNameMap[Tag], "style">>;

/** An element with properties, attributes (what has a dash in its name, and `role`), and children. */
export function el<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  given: Properties<Tag> & Record<`aria-${string}`, string> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (name.includes("-") || name === "role") made.setAttribute(name, String(value));
    else Object.assign(made, { [name]: value });
  }
  made.append(...children);
  return made;
}

/** The element that index.html has. */
export const place = (id: string) => document.getElementById(id) as HTMLElement;

/** Tell something that needs no answer: it is seen at the foot of the page, and read out. */
export const say = (text: string) => (place("said").textContent = text);

/** A heading that takes the focus when what stands below it is new. */
export const heading = (text: string) => el("h2", { tabIndex: -1 }, text);

/** Show something new, and begin reading at its heading. */
export function show(where: HTMLElement, ...children: Node[]) {
  where.replaceChildren(...children);
  where.querySelector("h2")?.focus();
}

let fields = 0;

/** A label with its field. */
export function labelled(text: string, field: HTMLInputElement, hint = "") {
  field.id = `field-${++fields}`;
  const label = el("label", { htmlFor: field.id }, text);
  if (!hint) return el("p", { className: "field" }, label, field);
  field.setAttribute("aria-describedby", `${field.id}-hint`);
  return el("p", { className: "field" }, label, field, el("small", { id: `${field.id}-hint` }, hint));
}

/**
 * Do what a form is for when it is sent, and only once at a time: a second click while it works does nothing.
 * The button keeps the focus, which it would lose if it were disabled.
 */
export function onSubmit(form: HTMLFormElement, work: () => Promise<void>) {
  const button = form.querySelector("button[type=submit]") as HTMLButtonElement;
  form.onsubmit = async (event) => {
    event.preventDefault();
    if (button.ariaDisabled === "true") return;
    button.ariaDisabled = "true";
    form.ariaBusy = "true";
    say("");
    try {
      await work();
    } finally {
      button.ariaDisabled = form.ariaBusy = null;
    }
  };
}
