/** The page: whoever signs in sees what is theirs. */
import { customerPage } from "./customer";
import { el, place, show } from "./dom";
import { mechanicPage } from "./mechanic";
import { session, whenEnded } from "./session";
import { signInAgain, signInPage } from "./signin";
import "./style.css";

const main = place("main");
const title = el("h1", {}, "MyMechanicShop");

function signOut() {
  session.end();
  start();
}

function start() {
  const signedIn = session.now;
  if (!signedIn) {
    place("top").replaceChildren(title);
    return show(main, signInPage(start));
  }
  const leave = el("button", { type: "button", className: "quiet", onclick: signOut }, "Sign out");
  place("top").replaceChildren(title, el("p", {}, signedIn.email, " ", leave));
  void (signedIn.who === "customer" ? customerPage(main) : mechanicPage(main));
}

whenEnded(signInAgain);
start();
