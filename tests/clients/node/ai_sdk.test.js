// Vercel's AI SDK with its OpenAI-compatible provider.

import assert from "node:assert/strict";
import test from "node:test";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { HERALD, TEXT, collect, messages, nextCase, now } from "./support.js";

const modelOf = (one, name) =>
  createOpenAICompatible({
    name: "herald",
    baseURL: `${HERALD}/v1`,
    headers: one.headers,
    includeUsage: true,
  })(name);

const streamOf = (one, name, options = {}) =>
  streamText({ model: modelOf(one, name), messages, maxRetries: 0, onError: () => {}, ...options });

const weather = tool({
  description: "Tells the weather.",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `snow in ${city}`,
});

test("streamText streams the provider's text, its usage and its headers", async () => {
  const result = streamOf(nextCase(), "text");
  assert.equal((await collect(result.textStream)).join(""), TEXT);
  assert.equal(await result.finishReason, "stop");
  assert.equal((await result.usage).totalTokens, 16);
  const { headers } = await result.response;
  assert.equal(headers["x-upstream-status"], "200");
  assert.equal(headers["x-ratelimit-remaining-tokens"], "159974");
});

// So docs/api.md says that SDKs are not to ask for it: they have the headers.
test("the event metadata, if asked for, is an error in the stream", async () => {
  const errors = [];
  const headers = { "x-herald-metadata": "event" };
  const result = streamOf(nextCase(), "text", { headers, onError: ({ error }) => errors.push(error.name) });
  assert.equal((await collect(result.textStream)).join(""), TEXT);
  assert.deepEqual(errors, ["AI_TypeValidationError"]);
});

test("generateText gets the whole document", async () => {
  const { text, usage } = await generateText({ model: modelOf(nextCase(), "text"), messages, maxRetries: 0 });
  assert.deepEqual([text, usage.inputTokens, usage.outputTokens], [TEXT, 7, 9]);
});

test("a tool is called with what was streamed, and its result goes back", async () => {
  const one = nextCase();
  const result = streamOf(one, "tools", { tools: { get_weather: weather }, stopWhen: stepCountIs(2) });
  assert.equal(await result.text, TEXT);
  const [step] = await result.steps;
  assert.deepEqual(step.toolCalls[0].input, { city: "Wien" });
  assert.equal(step.toolResults[0].output, "snow in Wien");
  assert.equal((await one.exchanges()).length, 2);
});

for (const [model, status, theirs, isRetryable] of [
  ["limited-always", 429, "429", true],
  ["refused-400", 400, "400", false],
  ["refused-401", 502, "401", true],
  ["no-such-model", 404, undefined, false],
]) {
  test(`${model} is an APICallError with both statuses`, async () => {
    const errors = [];
    await streamOf(nextCase(), model, { onError: ({ error }) => errors.push(error) }).consumeStream();
    const [error] = errors;
    assert.ok(APICallError.isInstance(error), String(error));
    assert.deepEqual([error.statusCode, error.isRetryable], [status, isRetryable]);
    assert.equal(error.responseHeaders["x-upstream-status"], theirs);
    assert.ok(error.message.length > 10 && !error.message.startsWith("{"), error.message);
  });
}

for (const model of ["error-mid-stream", "truncated", "reset"]) {
  test(`a stream that breaks off (${model}) has an error part and no good end`, async () => {
    const parts = await collect(streamOf(nextCase(), model).fullStream);
    const text = parts.filter((part) => part.type === "text-delta").map((part) => part.text);
    assert.equal(text.join(""), "A herald walks");
    assert.ok(parts.some((part) => part.type === "error"));
    assert.equal(parts.find((part) => part.type === "finish")?.finishReason, "error");
  });
}

test("a rate limit is waited for as long as the provider said", async () => {
  const one = nextCase();
  assert.equal(await streamOf(one, "limited-once", { maxRetries: 2 }).text, TEXT);
  const [first, second] = await one.exchanges();
  assert.ok(second.received_at - first.received_at >= 0.99);
});

test("aborting stops the provider within a second", async () => {
  const one = nextCase();
  const abort = new AbortController();
  const result = streamOf(one, "endless", { abortSignal: abort.signal });
  let since;
  for await (const part of result.fullStream) {
    if (part.type === "text-delta" && since === undefined) {
      since = now();
      abort.abort();
    }
  }
  const [exchange] = await one.ended();
  assert.equal(exchange.end, "left");
  assert.ok(exchange.ended_at - since < 1);
});
