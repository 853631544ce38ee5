// The npm SDK reads what it would read from the provider itself.

import assert from "node:assert/strict";
import test from "node:test";
import OpenAI from "openai";
import { HERALD, LOCKED, TEXT, collect, messages, nextCase, now } from "./support.js";

const clientOf = (one, options = {}) =>
  new OpenAI({ baseURL: `${HERALD}/v1`, apiKey: "unused", maxRetries: 0, defaultHeaders: one.headers, ...options });

const textOf = (chunks) => chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");

const streamOf = (one, model, options) =>
  clientOf(one, options).chat.completions.create({ model, messages, stream: true });

test("a stream gives the provider's text", async () => {
  const chunks = await collect(await streamOf(nextCase(), "text"));
  assert.equal(textOf(chunks), TEXT);
  assert.equal(chunks.at(-1).choices[0].finish_reason, "stop");
});

test("a document comes whole, with its usage", async () => {
  const answer = await clientOf(nextCase()).chat.completions.create({ model: "text", messages });
  assert.equal(answer.choices[0].message.content, TEXT);
  assert.equal(answer.usage.total_tokens, 16);
});

test("the metadata is there before the provider has sent an event", async () => {
  const one = nextCase();
  const { data, response } = await streamOf(one, "gated").withResponse();
  const sent = (await one.exchanges()).map((exchange) => exchange.sent);
  assert.deepEqual(sent, [0]);
  assert.equal(response.headers.get("x-upstream-status"), "200");
  assert.equal(response.headers.get("x-ratelimit-remaining-tokens"), "159974");
  assert.equal(response.headers.get("x-request-id"), "req_scripted_1");
  assert.equal(response.headers.get("set-cookie"), null);
  await one.release();
  assert.equal(textOf(await collect(data)), TEXT);
});

// So docs/api.md says that SDKs are not to ask for it: they have the headers.
test("the event metadata, if asked for, is a first chunk without choices", async () => {
  const one = nextCase();
  const headers = { ...one.headers, "x-herald-metadata": "event" };
  const stream = await streamOf(one, "text", { defaultHeaders: headers });
  const [first, ...rest] = await collect(stream);
  assert.deepEqual([first.choices, first.upstream.status], [undefined, 200]);
  assert.equal(textOf(rest), TEXT);
  const helper = clientOf(one, { defaultHeaders: headers }).chat.completions.stream({ model: "text", messages });
  await assert.rejects(helper.finalContent(), /choices/);
});

test("the stream helper gathers the message", async () => {
  const helper = clientOf(nextCase()).chat.completions.stream({ model: "text", messages });
  assert.equal(await helper.finalContent(), TEXT);
});

test("the stream helper gathers a tool call and its usage", async () => {
  const helper = clientOf(nextCase()).chat.completions.stream({ model: "tools", messages });
  const [call] = (await helper.finalMessage()).tool_calls;
  assert.deepEqual([call.id, call.function.name, JSON.parse(call.function.arguments)], [
    "call_1",
    "get_weather",
    { city: "Wien" },
  ]);
});

test("usage comes last when it was asked for", async () => {
  const stream = await clientOf(nextCase()).chat.completions.create({
    model: "text",
    messages,
    stream: true,
    stream_options: { include_usage: true },
  });
  const last = (await collect(stream)).at(-1);
  assert.deepEqual([last.choices.length, last.usage.total_tokens], [0, 16]);
});

test("models are listed and told one by one", async () => {
  const client = clientOf(nextCase());
  const listed = await collect(client.models.list());
  assert.ok(listed.some((model) => model.id === "text"));
  assert.equal((await client.models.retrieve("text")).owned_by, "scripted");
  await assert.rejects(client.models.retrieve("no/such"), OpenAI.NotFoundError);
});

for (const [model, kind, status, theirs] of [
  ["limited-always", OpenAI.RateLimitError, 429, "429"],
  ["refused-400", OpenAI.BadRequestError, 400, "400"],
  ["refused-401", OpenAI.InternalServerError, 502, "401"],
  ["failing-500", OpenAI.InternalServerError, 502, "500"],
  ["failing-503", OpenAI.InternalServerError, 503, "503"],
  ["error-first", OpenAI.RateLimitError, 429, "200"],
  ["no-such-model", OpenAI.NotFoundError, 404, null],
]) {
  test(`${model} raises ${kind.name} with the provider's own status beside`, async () => {
    await assert.rejects(streamOf(nextCase(), model), (error) => {
      assert.ok(error instanceof kind, error.constructor.name);
      assert.equal(error.status, status);
      assert.equal(error.headers.get("x-upstream-status"), theirs);
      return true;
    });
  });
}

test("an unknown key is an authentication error", async () => {
  const one = nextCase();
  const wrong = streamOf(one, "text", { baseURL: `${LOCKED}/v1`, apiKey: "wrong" });
  await assert.rejects(wrong, OpenAI.AuthenticationError);
  assert.deepEqual(await one.exchanges(), []);
});

for (const [model, code] of [
  ["error-mid-stream", "engine_failed"],
  ["truncated", "upstream_truncated"],
  ["reset", "upstream_reset"],
]) {
  test(`a stream that breaks off (${model}) throws instead of ending`, async () => {
    const chunks = [];
    const reading = async () => {
      for await (const chunk of await streamOf(nextCase(), model)) chunks.push(chunk);
    };
    await assert.rejects(reading, (error) => error instanceof OpenAI.APIError && error.code === code);
    assert.equal(textOf(chunks), "A herald walks");
  });
}

test("a rate limit is waited for as long as the provider said", async () => {
  const one = nextCase();
  assert.equal(textOf(await collect(await streamOf(one, "limited-once", { maxRetries: 2 }))), TEXT);
  const [first, second] = await one.exchanges();
  const waited = second.received_at - first.received_at;
  assert.ok(waited >= 0.99 && waited < 3, `${waited} s`);
});

for (const [model, times] of [
  ["refused-401", 1],
  ["refused-403", 1],
  ["refused-404", 1],
  ["redirect", 1],
  ["failing-500", 3],
]) {
  test(`${model} is asked ${times === 1 ? "once" : "three times"} under two retries`, async () => {
    const one = nextCase();
    await assert.rejects(streamOf(one, model, { maxRetries: 2 }), OpenAI.APIError);
    assert.equal((await one.exchanges()).length, times);
  });
}

test("aborting a stream stops the provider within a second", async () => {
  const one = nextCase();
  const stream = await streamOf(one, "endless");
  for await (const _ of stream) break;
  const since = now();
  stream.controller.abort();
  const [exchange] = await one.ended();
  assert.equal(exchange.end, "left");
  assert.ok(exchange.ended_at - since < 1);
});

test("aborting before the head stops the provider within a second", async () => {
  const one = nextCase();
  const abort = new AbortController();
  const asking = clientOf(one).chat.completions.create(
    { model: "silent", messages, stream: true },
    { signal: abort.signal },
  );
  const failing = assert.rejects(asking, OpenAI.APIUserAbortError);
  while ((await one.exchanges()).length === 0);
  const since = now();
  abort.abort();
  await failing;
  const [exchange] = await one.ended();
  assert.equal(exchange.end, "left");
  assert.ok(exchange.ended_at - since < 1);
});
