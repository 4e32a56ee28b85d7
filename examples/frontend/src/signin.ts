/** Sign in: on a page of its own, or in a dialog above the page after the token has expired. */
import { announce, byId, el, heading, labelled, onSubmit } from "./dom";
import { errorMessage } from "./errors";
import { type Session, session } from "./session";
import { dataOf, ProblemError, shop } from "./shop";

const field = (type: string, name: string, autocomplete: AutoFill) =>
  el("input", { type, name, autocomplete, required: true });

const choice = (value: Session["kind"], text: string, checked: boolean) =>
  el("label", {}, el("input", { type: "radio", name: "kind", value, checked }), ` ${text}`);

async function signIn(kind: Session["kind"], email: string, password: string) {
  const path = kind === "customer" ? "/customers/login" : "/mechanics/login";
  const { token } = dataOf(await shop.POST(path, { body: { email, password } }));
  session.begin({ kind, email, token });
}

/** Create the form. With `known`, only the password of that account is asked for. */
function form(onSuccess: () => void, known?: Session) {
  const email = field("email", "email", "username");
  const password = field("password", "password", "current-password");
  const errorBox = el("p", { role: "alert", className: "error" });
  const kinds = [choice("customer", "I am a customer", true), choice("mechanic", "I work here", false)];
  const fields = known
    ? [el("p", {}, "As ", el("strong", {}, known.email))]
    : [el("fieldset", {}, el("legend", {}, "Who are you?"), ...kinds), labelled("Email", email)];
  const button = el("button", { type: "submit" }, "Sign in");
  const element = el("form", {}, ...fields, labelled("Password", password), errorBox, button);
  onSubmit(element, async () => {
    errorBox.textContent = "";
    const chosen = element.querySelector<HTMLInputElement>("[name=kind]:checked")?.value as Session["kind"];
    try {
      await signIn(known?.kind ?? chosen, known?.email ?? email.value, password.value);
      onSuccess();
    } catch (error) {
      errorBox.textContent = errorMessage(error);
      if (error instanceof ProblemError && error.problem.status === 401) password.select();
    }
  });
  return element;
}

export function signInPage(onSuccess: () => void) {
  return el("section", { className: "card narrow" }, heading("Sign in"), form(onSuccess));
}

/** Open a dialog to sign in again. The page below stays as it is. Resolve after the login. */
export function signInAgain(): Promise<void> {
  const known = session.current as Session;
  session.end();
  return new Promise((resolve) => {
    const leave = el("button", { type: "button", className: "quiet" }, "Sign in as someone else");
    leave.onclick = () => location.reload();
    const message = el("p", {}, "You were signed out after a while. What you entered is still here.");
    const dialog = el("dialog", { "aria-labelledby": "again" });
    const done = () => {
      dialog.remove();
      announce("You are signed in again.");
      resolve();
    };
    dialog.append(el("h2", { id: "again" }, "Please sign in again"), message, form(done, known), leave);
    dialog.oncancel = (event) => event.preventDefault();
    byId("main").append(dialog);
    dialog.showModal();
    dialog.querySelector("input")?.focus();
  });
}
