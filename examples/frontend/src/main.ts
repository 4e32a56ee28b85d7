/** Start the page: sign in, then show the page of a customer or mechanic. */
import { customerPage } from "./customer";
import { byId, el, show } from "./dom";
import { mechanicPage } from "./mechanic";
import { session, onTokenExpired } from "./session";
import { signInAgain, signInPage } from "./signin";
import "./style.css";

const main = byId("main");
const title = el("h1", {}, "MyMechanicShop");

function signOut() {
  session.end();
  start();
}

function start() {
  const signedIn = session.current;
  if (!signedIn) {
    byId("top").replaceChildren(title);
    return show(main, signInPage(start));
  }
  const button = el("button", { type: "button", className: "quiet", onclick: signOut }, "Sign out");
  byId("top").replaceChildren(title, el("p", {}, signedIn.email, " ", button));
  void (signedIn.kind === "customer" ? customerPage(main) : mechanicPage(main));
}

onTokenExpired(signInAgain);
start();
