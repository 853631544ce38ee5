// Readers of event streams that show no response headers: the event `metadata` tells what those say.

import assert from "node:assert/strict";
import test from "node:test";
import { EventSource } from "eventsource";
import { EventSourceParserStream } from "eventsource-parser/stream";
import { HERALD, TEXT, collect, messages, nextCase } from "./support.js";

const url = `${HERALD}/v1/chat/completions`;

// A completion is asked for by POST, and the event by a header; `fetch` is where to say both.
const ask = (one, model) => (address, init) =>
  fetch(address, {
    ...init,
    method: "POST",
    headers: { ...init?.headers, ...one.headers, "content-type": "application/json", "x-herald-metadata": "event" },
    body: JSON.stringify({ model, messages, stream: true }),
  });

const open = (one, model) => {
  const source = new EventSource(url, { fetch: ask(one, model) });
  const seen = [];
  const ended = new Promise((resolve) => {
    source.addEventListener("message", ({ data }) => {
      seen.push(["message", data]);
      if (data !== "[DONE]") return;
      // The end of the body would make it ask again.
      source.close();
      resolve();
    });
    source.addEventListener("error", (error) => {
      seen.push(["error", error.code]);
      source.close();
      resolve();
    });
  });
  const told = new Promise((resolve) => {
    source.addEventListener("metadata", ({ data }) => {
      seen.push(["metadata", data]);
      resolve(JSON.parse(data));
    });
  });
  return { source, seen, told, ended };
};

const textOf = (events) =>
  events
    .filter((data) => data !== "[DONE]")
    .map((data) => JSON.parse(data).choices[0].delta.content ?? "")
    .join("");

test("EventSource fires metadata while the provider is silent, then the messages, then [DONE]", async () => {
  const one = nextCase();
  const { seen, told, ended } = open(one, "gated");
  const metadata = await told;
  const sent = (await one.exchanges()).map((exchange) => exchange.sent);
  assert.deepEqual(sent, [0]);
  assert.equal(metadata.status, 200);
  assert.deepEqual(metadata.upstream, { provider: "scripted", model: "gated", status: 200 });
  assert.match(metadata.request_id, /^[0-9a-f-]{36}$/);
  assert.equal(metadata.headers["x-ratelimit-remaining-tokens"], "159974");
  assert.equal(metadata.headers["x-request-id"], "req_scripted_1");
  assert.equal(metadata.headers["set-cookie"], undefined);
  await one.release();
  await ended;
  const [first, ...rest] = seen;
  assert.equal(first[0], "metadata");
  assert.ok(rest.every(([name]) => name === "message"), JSON.stringify(rest));
  assert.equal(rest.at(-1)[1], "[DONE]");
  assert.equal(textOf(rest.map(([, data]) => data)), TEXT);
  assert.equal((await one.ended()).length, 1);
});

test("EventSource is told the status of a refusal, and fires no metadata", async () => {
  const one = nextCase();
  const { source, seen, ended } = open(one, "limited-always");
  await ended;
  assert.deepEqual(seen, [["error", 429]]);
  assert.equal(source.readyState, EventSource.CLOSED);
  const [exchange] = await one.exchanges();
  assert.ok(exchange.headers.every(([name]) => !name.startsWith("x-herald-")), JSON.stringify(exchange.headers));
});

test("a fetch wrapper with eventsource-parser reads first what the headers say", async () => {
  const response = await ask(nextCase(), "text")(url);
  const events = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
  const [first, ...rest] = await collect(events);
  assert.equal(first.event, "metadata");
  const metadata = JSON.parse(first.data);
  assert.equal(metadata.request_id, response.headers.get("x-herald-request-id"));
  assert.equal(metadata.upstream.status, Number(response.headers.get("x-upstream-status")));
  for (const [name, value] of Object.entries(metadata.headers)) assert.equal(value, response.headers.get(name), name);
  assert.equal(new Headers(metadata.headers).get("openai-processing-ms"), "107");
  assert.ok(rest.every(({ event }) => event === undefined));
  assert.equal(textOf(rest.map(({ data }) => data)), TEXT);
});
