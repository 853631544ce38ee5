// Readers of event streams in each dialect, over both families: every event has its name, and none follows an error.

import assert from "node:assert/strict";
import test from "node:test";
import { EventSource } from "eventsource";
import { EventSourceParserStream } from "eventsource-parser/stream";
import { FAMILIES, HERALD, TEXT, assertLeft, collect, messages, nextCase, now } from "./support.js";

// Where a dialect is spoken, how it is asked, what its events say, which of them tells text and which is the last.
const DIALECTS = {
  chat: {
    path: "chat/completions",
    prompt: { messages },
    textOf: (event) => event.choices?.[0]?.delta.content,
    names: ["message"],
    told: "message",
    last: "[DONE]",
  },
  responses: {
    path: "responses",
    prompt: { input: messages },
    textOf: (event) => (event.type === "response.output_text.delta" ? event.delta : ""),
    names: [
      ...["created", "in_progress", "completed"],
      ...["output_item.added", "content_part.added", "output_text.delta"],
      ...["output_text.done", "content_part.done", "output_item.done"],
    ].map((name) => `response.${name}`),
    told: "response.output_text.delta",
    last: "response.completed",
  },
  messages: {
    path: "messages",
    prompt: { messages, max_tokens: 1000 },
    textOf: (event) => event.delta?.text,
    names: [
      ...["message_start", "message_delta", "message_stop", "ping"],
      ...["content_block_start", "content_block_delta", "content_block_stop"],
    ],
    told: "content_block_delta",
    last: "message_stop",
  },
};

const askIn = ({ path, prompt }, one, model, init = {}) =>
  fetch(`${HERALD}/v1/${path}`, {
    ...init,
    method: "POST",
    headers: { ...init.headers, ...one.headers, "content-type": "application/json" },
    body: JSON.stringify({ model, ...prompt, stream: true }),
  });

const parsed = (response) =>
  response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream({ onError: "terminate" }));

for (const [name, dialect] of Object.entries(DIALECTS)) {
  const sayOf = (events) =>
    events
      .filter(({ data }) => data !== "[DONE]")
      .map(({ data }) => dialect.textOf(JSON.parse(data)) ?? "")
      .join("");

  for (const family of FAMILIES) {
    test(`eventsource-parser reads every event and its name (${name}, ${family})`, async () => {
      const events = await collect(parsed(await askIn(dialect, nextCase(), `${family}/text`)));
      assert.equal(sayOf(events), TEXT);
      assert.ok(events.every(({ event }) => dialect.names.includes(event ?? "message")));
      const { event, data } = events.at(-1);
      assert.equal(event ?? data, dialect.last);
    });

    test(`EventSource fires each event by its name (${name}, ${family})`, async () => {
      const one = nextCase();
      const source = new EventSource(`${HERALD}/v1/`, {
        fetch: (_, init) => askIn(dialect, one, `${family}/text`, init),
      });
      const events = await new Promise((resolve, reject) => {
        const seen = [];
        const take = ({ type, data }) => {
          seen.push({ event: type, data });
          if (![type, data].includes(dialect.last)) return;
          source.close();
          resolve(seen);
        };
        for (const each of dialect.names) source.addEventListener(each, take);
        source.addEventListener("error", reject);
      });
      assert.equal(sayOf(events), TEXT);
      assert.equal((await one.ended()).length, 1);
    });

    for (const model of ["error-mid-stream", "truncated", "reset"]) {
      test(`a stream that breaks off (${model}) ends in an error and nothing after it (${name}, ${family})`, async () => {
        const events = await collect(parsed(await askIn(dialect, nextCase(), `${family}/${model}`)));
        const last = events.pop();
        assert.equal(sayOf(events), "A herald walks");
        assert.equal(last.event, name === "chat" ? undefined : "error");
        assert.ok(JSON.parse(last.data).error.message);
      });
    }

    test(`a rate limit is a status with its time to wait (${name}, ${family})`, async () => {
      const response = await askIn(dialect, nextCase(), `${family}/limited-always`);
      assert.deepEqual([response.status, response.headers.get("retry-after")], [429, "17"]);
      assert.ok((await response.json()).error.message);
    });

    test(`closing an EventSource stops the provider within a second (${name}, ${family})`, async () => {
      const one = nextCase();
      const source = new EventSource(`${HERALD}/v1/`, {
        fetch: (_, init) => askIn(dialect, one, `${family}/endless`, init),
      });
      await new Promise((resolve) => source.addEventListener(dialect.told, resolve, { once: true }));
      const since = now();
      source.close();
      await assertLeft(one, since);
    });
  }
}
