/** Signing in: as a page of its own, and as a dialog above what one was doing when the token ended. */
import { el, heading, labelled, onSubmit, place, say } from "./dom";
import { type Session, session } from "./session";
import { answered, Refusal, shop } from "./shop";
import { words } from "./words";

const field = (type: string, name: string, autocomplete: AutoFill) =>
  el("input", { type, name, autocomplete, required: true });

const choice = (value: Session["who"], text: string, checked: boolean) =>
  el("label", {}, el("input", { type: "radio", name: "who", value, checked }), ` ${text}`);

async function signIn(who: Session["who"], email: string, password: string) {
  const path = who === "customer" ? "/customers/login" : "/mechanics/login";
  const { token } = answered(await shop.POST(path, { body: { email, password } }));
  session.begin({ who, email, token });
}

/** A form that signs in whoever fills it in; `known` are those who were signed in until now. */
function form(then: () => void, known?: Session) {
  const email = field("email", "email", "username");
  const password = field("password", "password", "current-password");
  const wrong = el("p", { role: "alert", className: "wrong" });
  const who = [choice("customer", "I am a customer", true), choice("mechanic", "I work here", false)];
  const asked = known
    ? [el("p", {}, "As ", el("strong", {}, known.email))]
    : [el("fieldset", {}, el("legend", {}, "Who are you?"), ...who), labelled("Email", email)];
  const button = el("button", { type: "submit" }, "Sign in");
  const made = el("form", {}, ...asked, labelled("Password", password), wrong, button);
  onSubmit(made, async () => {
    wrong.textContent = "";
    const chosen = made.querySelector<HTMLInputElement>("[name=who]:checked")?.value as Session["who"];
    try {
      await signIn(known?.who ?? chosen, known?.email ?? email.value, password.value);
      then();
    } catch (error) {
      wrong.textContent = words(error);
      if (error instanceof Refusal && error.problem.status === 401) password.select();
    }
  });
  return made;
}

export function signInPage(then: () => void) {
  return el("section", { className: "card narrow" }, heading("Sign in"), form(then));
}

/** Ask them to sign in again, above the page, which stays as it is; ends when they have. */
export function signInAgain(): Promise<void> {
  const known = session.now as Session;
  session.end();
  return new Promise((resolve) => {
    const leave = el("button", { type: "button", className: "quiet" }, "Sign in as someone else");
    leave.onclick = () => location.reload();
    const why = el("p", {}, "You were signed out after a while. What you entered is still here.");
    const dialog = el("dialog", { "aria-labelledby": "again" });
    const done = () => {
      dialog.remove();
      say("You are signed in again.");
      resolve();
    };
    dialog.append(el("h2", { id: "again" }, "Please sign in again"), why, form(done, known), leave);
    dialog.oncancel = (event) => event.preventDefault();
    place("main").append(dialog);
    dialog.showModal();
    dialog.querySelector("input")?.focus();
  });
}
