/** Take the pictures of docs/images: ``make docs``. */
import { test } from "node:test";
import { ADMIN_EMAIL, ADMIN_PASSWORD, PAGE, PASSWORD, SHOP, call, usePage, waitForVisible, signIn } from "./harness.mjs";

const { FOLDER } = process.env;
const SIZE = { viewport: { width: 1000, height: 720 } };
const picture = (page, name) => page.screenshot({ path: `${FOLDER}/${name}.png`, animations: "disabled" });

const { token } = (await call("POST", "/mechanics/login", { body: { email: ADMIN_EMAIL, password: ADMIN_PASSWORD } })).body;
const create = async (path, body) => (await call("POST", path, { body, token })).body;
const bea = await create("/customers", { name: "Bea Driver", email: "bea@example.com", password: PASSWORD });
const job = { phone: "555-0100", salary: 40000, password: PASSWORD };
const max = await create("/mechanics", { name: "Max Wrench", email: "max@example.com", ...job });
const part = (name, sku, price, quantity) => create("/inventory", { name, sku, price, quantity });
const pads = await part("Brake pad, front", "BP-1042", 49.9, 16);
const discs = await part("Brake disc, front", "BD-2210", 89.5, 6);
const oil = await part("Engine oil 5W-30, 1 l", "EO-0530", 11.4, 48);
const car = { customer_id: bea.id, vin: "1HGCM82633A004352", mechanic_ids: [max.id] };
const line = ({ id }, quantity) => ({ inventory_id: id, quantity });
await create("/tickets", { ...car, service_date: "2026-03-02", description: "Oil change", parts: [line(oil, 4)] });
const brakes = { description: "Replace the brake pads; they squeak in rain", parts: [line(pads, 4), line(discs, 2)] };
const ticket = await create("/tickets", { ...car, service_date: "2026-11-24", ...brakes });

test("a customer", async () => {
  const steps = async (page) => {
    await signIn(page, bea, "I am a customer");
    await waitForVisible(page.getByRole("article").nth(1));
    await picture(page, "customer");
  };
  await usePage(PAGE, steps, SIZE);
});

test("a mechanic and a shortage", async () => {
  const steps = async (page) => {
    await signIn(page, max);
    await page.getByRole("button", { name: `Ticket ${ticket.id}` }).click();
    await page.getByLabel("Part or SKU").fill("oil");
    await page.getByRole("button", { name: "Find parts" }).click();
    await page.getByRole("button", { name: `Put on ${oil.name}` }).click();
    await page.getByRole("spinbutton", { name: `Count of ${discs.name}` }).fill("8");
    await page.getByRole("button", { name: "Save the parts" }).click();
    await waitForVisible(page.getByText("There is too little in stock"));
    await picture(page, "mechanic");
  };
  await usePage(PAGE, steps, { viewport: { width: 1000, height: 1040 }, expects: [409] });
});

test("the documentation", async () => {
  const steps = async (page) => {
    await page.getByRole("link", { name: "as a mechanic" }).click();
    await page.getByRole("button", { name: "Execute" }).click();
    await waitForVisible(page.getByRole("status").filter({ hasText: "You are signed in." }));
    await page.getByRole("button", { name: "Sign in as a mechanic" }).click();
    await page.mouse.wheel(0, -9999);
    await page.waitForTimeout(500);
    await picture(page, "docs");
  };
  await usePage(`${SHOP}/docs/`, steps, SIZE);
});
