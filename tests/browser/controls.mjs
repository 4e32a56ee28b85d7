/** Test the harness: each kind of error that it watches for is detected. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { requireAccessible, usePage, waitForVisible, tabTo } from "./harness.mjs";

const html = (body) => `data:text/html,<!doctype html><html lang="en"><title>A page</title><main><h1>A page</h1>${body}</main></html>`;
const doNothing = async () => {};

test("a page without errors passes", async () => {
  const steps = async (page) => {
    await requireAccessible(page);
    await tabTo(page.getByRole("button", { name: "Go on" }));
  };
  await usePage(html("<button>Go on</button>"), steps);
});

test("a console error, a thrown error and a missing expected error are detected", async () => {
  await assert.rejects(usePage(html("<script>console.error('oh')</script>"), doNothing), /error in the console/);
  await assert.rejects(usePage(html("<script>throw Error('oh')</script>"), doNothing), /error in the console/);
  await assert.rejects(usePage(html(""), doNothing, { expects: [409] }), /409 was not met/);
});

test("a request to another host is detected", async () => {
  const steps = (page) => waitForVisible(page.getByRole("img"));
  await assert.rejects(usePage(html("<img src='http://127.0.0.1:9/a.png' alt='A car' width=9 height=9>"), steps), /another host/);
});

test("an accessibility error is detected, also in dark mode only", async () => {
  await assert.rejects(usePage(html("<button></button>"), requireAccessible), /button-name/);
  const dark = "<style>@media (prefers-color-scheme: dark) { p { color: rgb(250 250 250); background: white } }</style><p>Hello</p>";
  await assert.rejects(usePage(html(dark), requireAccessible), /in dark mode: .*color-contrast/);
});

test("an element without keyboard access or visible focus is detected", async () => {
  const steps = (page) => tabTo(page.getByRole("button", { name: "Go on" }));
  await assert.rejects(usePage(html("<button tabindex=-1>Go on</button>"), steps), /can't be reached/);
  await assert.rejects(usePage(html("<style>* { outline: none }</style><button>Go on</button>"), steps), /does not show/);
});
