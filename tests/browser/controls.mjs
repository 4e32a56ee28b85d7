/** Controls: what the desk watches for is found out where it is there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isAccessible, look, sees, tabTo } from "./desk.mjs";

const html = (body) => `data:text/html,<!doctype html><html lang="en"><title>A page</title><main><h1>A page</h1>${body}</main></html>`;
const nothing = async () => {};

test("a sound page passes", async () => {
  const story = async (page) => {
    await isAccessible(page);
    await tabTo(page.getByRole("button", { name: "Go on" }));
  };
  await look(html("<button>Go on</button>"), story);
});

test("an error in the console, one that is thrown, and one that was expected and is not met", async () => {
  await assert.rejects(look(html("<script>console.error('oh')</script>"), nothing), /error in the console/);
  await assert.rejects(look(html("<script>throw Error('oh')</script>"), nothing), /error in the console/);
  await assert.rejects(look(html(""), nothing, { expects: [409] }), /409 was not met/);
});

test("a request to another host", async () => {
  const story = (page) => sees(page.getByRole("img"));
  await assert.rejects(look(html("<img src='http://127.0.0.1:9/a.png' alt='A car' width=9 height=9>"), story), /another host/);
});

test("a fault that keeps somebody out, and one in the dark alone", async () => {
  await assert.rejects(look(html("<button></button>"), isAccessible), /button-name/);
  const dark = "<style>@media (prefers-color-scheme: dark) { p { color: rgb(250 250 250); background: white } }</style><p>Hello</p>";
  await assert.rejects(look(html(dark), isAccessible), /in the dark: .*color-contrast/);
});

test("a thing that the keyboard does not reach, or whose focus does not show", async () => {
  const story = (page) => tabTo(page.getByRole("button", { name: "Go on" }));
  await assert.rejects(look(html("<button tabindex=-1>Go on</button>"), story), /can't be reached/);
  await assert.rejects(look(html("<style>* { outline: none }</style><button>Go on</button>"), story), /does not show/);
});
