/** What every story needs: a page that is watched while someone uses it, and people and things in the shop. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before } from "node:test";
import { chromium } from "playwright-core";

export const { SHOP, PAGE, ADMIN_EMAIL, ADMIN_PASSWORD, CHROMIUM } = process.env;
export const PASSWORD = "twelve horses";
const ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"];
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const PATIENCE = 15_000;

let browser;
before(async () => {
  const quiet = [...ARGUMENTS, "--disable-component-update", "--disable-sync"];
  browser = await chromium.launch({ executablePath: CHROMIUM, args: quiet });
});
after(() => browser.close());

// ---------------------------------------------------------------- who looks at a page
const none = (what, found) => assert.equal(found.length, 0, `${what}: ${found.join("\n")}`);

/**
 * A page that someone uses until `story` ends. Nothing may go wrong behind their back: no request to another host,
 * and no error in the console, but for the refusals that the story is about (`expects`: statuses, or texts).
 */
export async function look(url, story, { expects = [], ...options } = {}) {
  const context = await browser.newContext({ locale: "en-GB", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const [hosts, errors] = [new Set(), []];
  context.on("request", (request) => hosts.add(new URL(request.url()).host));
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  try {
    await page.goto(url);
    await story(page);
  } finally {
    await context.close();
  }
  const ours = [SHOP, PAGE, url].map((each) => new URL(each).host);
  none("a request to another host", [...hosts].filter((host) => host && !ours.includes(host)));
  const met = (expected) => (error) => error.includes(typeof expected === "number" ? `status of ${expected} ` : expected);
  none("an error in the console", errors.filter((error) => !expects.some((each) => met(each)(error))));
  for (const each of expects) assert.ok(errors.some(met(each)), `${each} was not met: ${errors}`);
}

/** No fault that keeps anybody out, by axe-core, in the light and in the dark, where a page has one. */
export async function isAccessible(page, { schemes = ["light", "dark"], impacts = ["minor", "moderate", "serious", "critical"] } = {}) {
  for (const colorScheme of schemes) {
    await page.emulateMedia({ colorScheme });
    await page.evaluate("window.axe") ?? (await page.addScriptTag({ path: AXE }));
    const { violations } = await page.evaluate("axe.run()");
    const found = violations.filter(({ impact }) => impacts.includes(impact)).map(({ id, impact, nodes }) => {
      return `${impact}: ${id}: ${nodes.slice(0, 3).map((node) => `${node.html.slice(0, 200)} ${node.failureSummary}`).join("; ")}`;
    });
    none(`a fault in the ${colorScheme}`, found);
  }
  await page.emulateMedia({ colorScheme: "light" });
}

/** Wait until it is there to see. */
export const sees = (thing) => thing.first().waitFor();

/** Wait until it is there to see no longer. */
export const seesNo = (thing) => thing.first().waitFor({ state: "hidden" });

/** Press Tab until a thing has the focus, as someone without a mouse does, and see that it shows. */
export async function tabTo(thing, key = "Tab") {
  const has = (element) => element === document.activeElement;
  await sees(thing);
  for (let presses = 0; presses < 400; presses++) {
    if (await thing.first().evaluate(has)) {
      const outline = await thing.first().evaluate((element) => getComputedStyle(element).outlineStyle);
      assert.notEqual(outline, "none", `${thing} does not show that it has the focus`);
      return;
    }
    await thing.page().keyboard.press(key);
  }
  assert.fail(`${thing} can't be reached with the keyboard`);
}

/** The paths for which the browser asks whether the page may, from now on. */
export async function preflights(page) {
  const [asked, session] = [[], await page.context().newCDPSession(page)];
  await session.send("Network.enable");
  session.on("Network.requestWillBeSent", ({ initiator, request }) => {
    if (initiator.type === "preflight") asked.push(new URL(request.url).pathname);
  });
  return asked;
}

// ---------------------------------------------------------------- who works in the shop
let number = 0;

/** A name that nobody has had. */
const fresh = (word) => `${word}${++number}${Date.now().toString(36)}`;

/** One request as a program makes it: {status, headers, body}. */
export async function call(method, path, { body, token, ...headers } = {}) {
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body) headers["Content-Type"] = "application/json";
  const response = await fetch(SHOP + path, { method, headers, body: body && JSON.stringify(body) });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text && JSON.parse(text) };
}

async function made(path, body, token) {
  const answer = await call("POST", path, { body, token });
  assert.ok([200, 201].includes(answer.status), JSON.stringify(answer.body));
  return answer.body;
}

export const boss = async () => (await made("/mechanics/login", { email: ADMIN_EMAIL, password: ADMIN_PASSWORD })).token;

export async function customer() {
  const email = `${fresh("bea")}@example.com`;
  return made("/customers", { name: "Bea Driver", email, password: PASSWORD });
}

export async function mechanic(token) {
  const job = { name: "Max Wrench", email: `${fresh("max")}@example.com`, phone: "555-0100", salary: 40000, password: PASSWORD };
  return made("/mechanics", job, token);
}

export const part = (token, name, quantity, price = 49.9) => made("/inventory", { name: `${name} ${fresh("")}`, quantity, price }, token);

export const ticket = (token, customer, given = {}) =>
  made("/tickets", { customer_id: customer.id, service_date: "2026-11-24", description: "Replace the brake pads", vin: fresh("VIN"), ...given }, token);

export const stock = async (token, { id }) => (await call("GET", `/inventory/${id}`, { token })).body.quantity;

/** The parts on a ticket: {id: count}. */
export async function held(token, { id }) {
  const { body } = await call("GET", `/tickets/${id}`, { token });
  return Object.fromEntries(body.parts.map((line) => [line.inventory_id, line.quantity]));
}

/** Sign in at the example's page. */
export async function signIn(page, { email }, as = "I work here", password = PASSWORD) {
  await page.getByRole("radio", { name: as }).check();
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}
