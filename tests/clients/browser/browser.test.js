// What a script in a web page can see of Herald: in headless Chromium, under the browser's own CORS.

import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import puppeteer from "puppeteer-core";
import { HERALD, LOCKED, TEXT, messages, nextCase, now } from "../node/support.js";

const ALLOWED = process.env.PAGES_URL;
// The same site by another name is another origin.
const OTHER = ALLOWED.replace("127.0.0.1", "localhost");
const herald = process.env.HERALD_PAGES_URL;
const key = process.env.CLIENT_KEY;
const options = { timeout: 30_000 };

let browser;
before(async () => {
  browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM,
    headless: true,
    timeout: 30_000,
    protocolTimeout: 20_000,
    args: [
      "--no-sandbox",
      "--no-proxy-server",
      "--disable-background-networking",
      "--disable-dev-shm-usage",
      "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    ],
  });
}, options);
after(() => browser?.close());

// Opens the page under an origin; the page's functions and the browser's complaints.
const open = async (t, origin) => {
  const page = await browser.newPage();
  t.after(() => page.close());
  const complaints = [];
  page.on("console", (message) => complaints.push(message.text()));
  await page.goto(origin, { waitUntil: "load", timeout: 20_000 });
  const call = (name, argument) => page.evaluate((name, argument) => globalThis[name](argument), name, argument);
  return { page, call, complaints };
};

const question = (one, model, more = {}) => ({ herald, key, model, messages, headers: one.headers, ...more });

const wordsOf = (stream) => {
  const data = stream.split("\n\n").filter((event) => event && event !== "data: [DONE]");
  const chunks = data.map((event) => JSON.parse(event.replace(/^(:\n)*data: /, "")));
  return chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");
};

test("a page reads the metadata before the provider has sent an event, then the stream", options, async (t) => {
  const one = nextCase();
  const { call } = await open(t, ALLOWED);
  const { status, headers } = await call("ask", question(one, "gated"));
  // The provider waits at a gate until it is told to go on, below.
  assert.deepEqual((await one.exchanges()).map((exchange) => exchange.sent), [0]);
  assert.equal(status, 200);
  assert.equal(headers["x-upstream-status"], "200");
  assert.equal(headers["x-ratelimit-remaining-requests"], "4999");
  assert.match(headers["x-herald-request-id"], /^[0-9a-f-]{36}$/);
  await one.release();
  const stream = await call("readAll");
  assert.equal(wordsOf(stream), TEXT);
  assert.ok(stream.endsWith("data: [DONE]\n\n"));
});

test("a page reads Herald's own and the forwarded headers and no other", options, async (t) => {
  const { call } = await open(t, ALLOWED);
  const { headers } = await call("ask", question(nextCase(), "text"));
  assert.deepEqual(Object.keys(headers).sort(), [
    "cache-control",
    "content-type",
    "openai-processing-ms",
    "openai-version",
    "server-timing",
    "x-herald-request-id",
    "x-herald-settings-generation",
    "x-ratelimit-limit-requests",
    "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-requests",
    "x-ratelimit-reset-tokens",
    "x-request-id",
    "x-upstream-model",
    "x-upstream-provider",
    "x-upstream-status",
    "x-upstream-time-to-first-token",
  ]);
});

test("a page reads when to come back after a 429, and why", options, async (t) => {
  const { call } = await open(t, ALLOWED);
  const { status, headers } = await call("ask", question(nextCase(), "limited-always"));
  assert.deepEqual([status, headers["retry-after"], headers["x-upstream-status"]], [429, "17", "429"]);
  assert.equal(JSON.parse(await call("readAll")).error.code, "rate_limit_exceeded");
});

test("a page reads that its key is refused", options, async (t) => {
  const { call } = await open(t, ALLOWED);
  const { status, headers } = await call("ask", question(nextCase(), "text", { key: "wrong" }));
  assert.deepEqual([status, headers["www-authenticate"]], [
    401,
    'Bearer error="invalid_token"',
  ]);
  assert.equal(JSON.parse(await call("readAll")).error.code, "invalid_api_key");
});

test("the browser keeps a page of another origin from asking", options, async (t) => {
  const one = nextCase();
  const { call, complaints } = await open(t, OTHER);
  await assert.rejects(call("ask", question(one, "text")), /Failed to fetch/);
  assert.match(complaints.join("\n"), /blocked by CORS policy/);
  assert.deepEqual(await one.exchanges(), []);
});

test("the browser keeps a page of another origin from reading what needs no preflight", options, async (t) => {
  const { page } = await open(t, OTHER);
  const live = `${herald}/health/live`;
  await assert.rejects(page.evaluate((live) => fetch(live).then(String), live), /Failed to fetch/);
  const { page: allowed } = await open(t, ALLOWED);
  assert.equal(await allowed.evaluate(async (live) => (await fetch(live)).status, live), 200);
});

test("without origins in the settings no page can ask", options, async (t) => {
  const one = nextCase();
  const { call } = await open(t, ALLOWED);
  await assert.rejects(call("ask", question(one, "text", { herald: LOCKED })), /Failed to fetch/);
  assert.deepEqual(await one.exchanges(), []);
});

test("where no key is asked for no page of elsewhere has a completion made that it cannot read", options, async (t) => {
  const url = `${HERALD}/v1/chat/completions`;
  const body = JSON.stringify({ model: "text", messages });
  // One of another site, and one of the same on another port.
  for (const origin of [OTHER, ALLOWED]) {
    const { page } = await open(t, origin);
    const answered = page.waitForResponse(url, { timeout: 20_000 });
    const post = (url, body) => fetch(url, { method: "POST", mode: "no-cors", body }).then((answer) => answer.type);
    assert.equal(await page.evaluate(post, url, body), "opaque");
    assert.equal((await answered).status(), 403, origin);
  }
});

test("the npm SDK streams in a page, and the preflight allows the headers of its own", options, async (t) => {
  const one = nextCase();
  const { page, call } = await open(t, ALLOWED);
  const asked = [];
  const session = await page.createCDPSession();
  session.on("Network.requestWillBeSentExtraInfo", ({ headers }) => {
    const names = Object.entries(headers).find(([name]) => name.toLowerCase() === "access-control-request-headers");
    if (names) asked.push(names[1]);
  });
  await session.send("Network.enable");
  const { status, headers } = await call("askSdk", question(one, "gated"));
  assert.deepEqual((await one.exchanges()).map((exchange) => exchange.sent), [0]);
  assert.equal(status, 200);
  assert.equal(headers["x-ratelimit-remaining-requests"], "4999");
  await one.release();
  assert.equal(await call("readSdk"), TEXT);
  assert.match(asked.join(","), /x-stainless-lang/);
});

test("the npm SDK raises what it would raise outside of a page", options, async (t) => {
  const { call } = await open(t, ALLOWED);
  const { kind, status, code, headers } = await call("askSdk", question(nextCase(), "limited-always"));
  assert.deepEqual([kind, status, code], ["RateLimitError", 429, "rate_limit_exceeded"]);
  assert.equal(headers["retry-after"], "17");
});

test("a page that leaves stops the provider within a second", options, async (t) => {
  const one = nextCase();
  const { call } = await open(t, ALLOWED);
  await call("ask", question(one, "endless"));
  assert.ok((await call("readOnce")) > 0);
  const since = now();
  await call("leave");
  const [exchange] = await one.ended();
  assert.equal(exchange.end, "left");
  assert.ok(exchange.ended_at - since < 1);
});
