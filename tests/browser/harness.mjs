/** Shared by all browser tests: a page that is watched for errors, and records of the shop. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before } from "node:test";
import { chromium } from "playwright-core";

export const { SHOP, PAGE, ADMIN_EMAIL, ADMIN_PASSWORD, CHROMIUM } = process.env;
export const PASSWORD = "twelve horses";
const ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"];
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const TIMEOUT_MS = 15_000;

let browser;
before(async () => {
  const quiet = [...ARGUMENTS, "--disable-component-update", "--disable-sync"];
  browser = await chromium.launch({ executablePath: CHROMIUM, args: quiet });
});
after(() => browser.close());

// ---------------------------------------------------------------- the page
const assertNone = (name, found) => assert.equal(found.length, 0, `${name}: ${found.join("\n")}`);

/**
 * Open a page and run `steps` on it. Fail after a request to another host, or an error in the console other than those in
 * `expects` (statuses or texts), all of which must occur.
 */
export async function usePage(url, steps, { expects = [], ...options } = {}) {
  const context = await browser.newContext({ locale: "en-GB", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(TIMEOUT_MS);
  const [hosts, errors] = [new Set(), []];
  context.on("request", (request) => hosts.add(new URL(request.url()).host));
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  try {
    await page.goto(url);
    await steps(page);
  } finally {
    await context.close();
  }
  const ours = [SHOP, PAGE, url].map((each) => new URL(each).host);
  assertNone("a request to another host", [...hosts].filter((host) => host && !ours.includes(host)));
  const matches = (expected) => (error) => error.includes(typeof expected === "number" ? `status of ${expected} ` : expected);
  assertNone("an error in the console", errors.filter((error) => !expects.some((each) => matches(each)(error))));
  for (const each of expects) assert.ok(errors.some(matches(each)), `${each} was not met: ${errors}`);
}

/** Fail if axe-core finds an accessibility error, in light or dark mode. */
export async function requireAccessible(page, { schemes = ["light", "dark"], impacts = ["minor", "moderate", "serious", "critical"] } = {}) {
  for (const colorScheme of schemes) {
    await page.emulateMedia({ colorScheme });
    await page.evaluate("window.axe") ?? (await page.addScriptTag({ path: AXE }));
    const { violations } = await page.evaluate("axe.run()");
    const found = violations.filter(({ impact }) => impacts.includes(impact)).map(({ id, impact, nodes }) => {
      return `${impact}: ${id}: ${nodes.slice(0, 3).map((node) => `${node.html.slice(0, 200)} ${node.failureSummary}`).join("; ")}`;
    });
    assertNone(`an accessibility error in ${colorScheme} mode`, found);
  }
  await page.emulateMedia({ colorScheme: "light" });
}

/** Wait until an element is visible. */
export const waitForVisible = (element) => element.first().waitFor();

/** Wait until an element is hidden. */
export const waitForHidden = (element) => element.first().waitFor({ state: "hidden" });

/** Press Tab until an element has the focus, and check that the focus is visible. */
export async function tabTo(element, key = "Tab") {
  const has = (found) => found === document.activeElement;
  await waitForVisible(element);
  for (let presses = 0; presses < 400; presses++) {
    if (await element.first().evaluate(has)) {
      const outline = await element.first().evaluate((found) => getComputedStyle(found).outlineStyle);
      assert.notEqual(outline, "none", `${element} does not show that it has the focus`);
      return;
    }
    await element.page().keyboard.press(key);
  }
  assert.fail(`${element} can't be reached with the keyboard`);
}

/** Return a list to which the path of every further preflight is added. */
export async function recordPreflights(page) {
  const [paths, session] = [[], await page.context().newCDPSession(page)];
  await session.send("Network.enable");
  session.on("Network.requestWillBeSent", ({ initiator, request }) => {
    if (initiator.type === "preflight") paths.push(new URL(request.url).pathname);
  });
  return paths;
}

// ---------------------------------------------------------------- the shop
let number = 0;

/** Return a unique name. */
const unique = (word) => `${word}${++number}${Date.now().toString(36)}`;

/** Send a request without the browser. Return {status, headers, body}. */
export async function call(method, path, { body, token, ...headers } = {}) {
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body) headers["Content-Type"] = "application/json";
  const response = await fetch(SHOP + path, { method, headers, body: body && JSON.stringify(body) });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text && JSON.parse(text) };
}

async function create(path, body, token) {
  const response = await call("POST", path, { body, token });
  assert.ok([200, 201].includes(response.status), JSON.stringify(response.body));
  return response.body;
}

export const logInAsAdmin = async () => (await create("/mechanics/login", { email: ADMIN_EMAIL, password: ADMIN_PASSWORD })).token;

export async function customer() {
  const email = `${unique("bea")}@example.com`;
  return create("/customers", { name: "Bea Driver", email, password: PASSWORD });
}

export async function mechanic(token) {
  const body = { name: "Max Wrench", email: `${unique("max")}@example.com`, phone: "555-0100", salary: 40000, password: PASSWORD };
  return create("/mechanics", body, token);
}

export const part = (token, name, quantity, price = 49.9) => create("/inventory", { name: `${name} ${unique("")}`, quantity, price }, token);

export const ticket = (token, customer, fields = {}) =>
  create("/tickets", { customer_id: customer.id, service_date: "2026-11-24", description: "Replace the brake pads", vin: unique("VIN"), ...fields }, token);

export const stockOf = async (token, { id }) => (await call("GET", `/inventory/${id}`, { token })).body.quantity;

/** Return the parts on a ticket: {id: quantity}. */
export async function partsOnTicket(token, { id }) {
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
