// Anthropic's npm SDK, over a provider of its own family and over one of OpenAI's.

import assert from "node:assert/strict";
import test from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import { betaTool } from "@anthropic-ai/sdk/helpers/beta/json-schema";
import {
  FAMILIES, HERALD, SIGNATURE, TEXT, THOUGHT, assertLeft, assertWaited, collect, messages, nextCase, now,
} from "./support.js";

const weather = {
  name: "get_weather",
  description: "Tells the weather.",
  input_schema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};

const clientOf = (one, options = {}) =>
  new Anthropic({ baseURL: HERALD, apiKey: "unused", maxRetries: 0, defaultHeaders: one.headers, ...options });

const bodyOf = (model, more = {}) => ({ model, messages, max_tokens: 1000, ...more });

// A whole message, in each of the two ways.
const WAYS = {
  stream: (client, model, more) => client.messages.stream(bodyOf(model, more)).finalMessage(),
  document: (client, model, more) => client.messages.create(bodyOf(model, more)),
};

const resultsOf = (message) =>
  message.content
    .filter((block) => block.type === "tool_use")
    .map((call) => ({ type: "tool_result", tool_use_id: call.id, content: "snow" }));

const conversation = (message) => [
  ...messages,
  { role: "assistant", content: message.content },
  { role: "user", content: resultsOf(message) },
];

for (const family of FAMILIES) {
  for (const [way, messageOf] of Object.entries(WAYS)) {
    const named = `(${family}, ${way})`;

    test(`a message says what the provider said ${named}`, async () => {
      const message = await messageOf(clientOf(nextCase()), `${family}/text`);
      assert.deepEqual(message.content.map((block) => block.text), [TEXT]);
      assert.deepEqual([message.role, message.stop_reason], ["assistant", "end_turn"]);
    });

    for (const [model, cities] of [["tools", ["Wien"]], ["parallel-tools", ["Wien", "Graz"]]]) {
      test(`${model} are called and their results go back ${named}`, async () => {
        const client = clientOf(nextCase());
        const message = await messageOf(client, `${family}/${model}`, { tools: [weather] });
        assert.deepEqual(message.content.map((call) => call.input), cities.map((city) => ({ city })));
        assert.equal(message.stop_reason, "tool_use");
        const back = { tools: [weather], messages: conversation(message) };
        const answer = await messageOf(client, `${family}/${model}`, back);
        assert.equal(answer.content[0].text, TEXT);
      });
    }

    test(`usage tells the cache apart ${named}`, async () => {
      const { usage } = await messageOf(clientOf(nextCase()), `${family}/cached`);
      const written = family === "anthropic" ? 10 : 0;
      assert.deepEqual([usage.input_tokens, usage.cache_read_input_tokens], [36 - written, 64]);
      assert.deepEqual([usage.cache_creation_input_tokens ?? 0, usage.output_tokens], [written, 25]);
    });

    for (const [model, kind, status, type] of [
      ["limited-always", Anthropic.RateLimitError, 429, "rate_limit_error"],
      ["refused-400", Anthropic.BadRequestError, 400, "invalid_request_error"],
      ["refused-401", Anthropic.InternalServerError, 502, "api_error"],
      ["failing-503", Anthropic.InternalServerError, 503, "overloaded_error"],
    ]) {
      test(`${model} raises ${kind.name} with its type and its headers ${named}`, async () => {
        await assert.rejects(messageOf(clientOf(nextCase()), `${family}/${model}`), (error) => {
          assert.ok(error instanceof kind, error.constructor.name);
          assert.deepEqual([error.status, error.error.error.type], [status, type]);
          assert.ok(error.headers.get("x-upstream-status"));
          if (status === 429) assert.equal(error.headers.get("retry-after"), "17");
          return true;
        });
      });
    }
  }

  test(`the SDK's own loop calls tools until the answer (${family})`, async () => {
    const one = nextCase();
    const run = async ({ city }) => `snow in ${city}`;
    const tools = [betaTool({ name: weather.name, inputSchema: weather.input_schema, description: "", run })];
    const runner = clientOf(one).beta.messages.toolRunner(bodyOf(`${family}/parallel-tools`, { tools }));
    assert.equal((await runner).content[0].text, TEXT);
    const [, second] = await one.exchanges();
    for (const city of ["Wien", "Graz"]) assert.ok(JSON.stringify(second.body.messages).includes(`snow in ${city}`));
  });

  test(`text comes piece by piece (${family})`, async () => {
    const pieces = [];
    await clientOf(nextCase()).messages.stream(bodyOf(`${family}/text`)).on("text", (text) => pieces.push(text)).done();
    assert.ok(pieces.length > 5);
    assert.equal(pieces.join(""), TEXT);
  });

  for (const model of ["error-mid-stream", "truncated", "reset"]) {
    test(`a stream that breaks off (${model}) throws instead of ending (${family})`, async () => {
      let text = "";
      const reading = async () => {
        const stream = await clientOf(nextCase()).messages.create(bodyOf(`${family}/${model}`, { stream: true }));
        for await (const event of stream) {
          assert.notEqual(event.type, "message_stop");
          text += event.delta?.text ?? "";
        }
      };
      await assert.rejects(reading, (error) => error instanceof Anthropic.APIError && error.error.error.message !== "");
      assert.equal(text, "A herald walks");
    });
  }

  test(`a rate limit is waited for as long as the provider said (${family})`, async () => {
    const one = nextCase();
    await WAYS.stream(clientOf(one, { maxRetries: 2 }), `${family}/limited-once`);
    await assertWaited(one);
  });

  test(`aborting a stream stops the provider within a second (${family})`, async () => {
    const one = nextCase();
    const stream = await clientOf(one).messages.create(bodyOf(`${family}/endless`, { stream: true }));
    for await (const event of stream) if (event.type === "content_block_delta") break;
    const since = now();
    stream.controller.abort();
    await assertLeft(one, since);
  });

  test(`aborting before the head stops the provider within a second (${family})`, async () => {
    const one = nextCase();
    const abort = new AbortController();
    const body = bodyOf(`${family}/silent`, { stream: true });
    const asking = clientOf(one).messages.create(body, { signal: abort.signal });
    const failing = assert.rejects(asking, Anthropic.APIUserAbortError);
    while ((await one.exchanges()).length === 0);
    const since = now();
    abort.abort();
    await failing;
    await assertLeft(one, since);
  });
}

for (const [way, messageOf] of Object.entries(WAYS)) {
  test(`Anthropic's thoughts come signed and go back with the result (${way})`, async () => {
    const one = nextCase();
    const client = clientOf(one);
    const asked = { tools: [weather], thinking: { type: "adaptive" } };
    const message = await messageOf(client, "anthropic/thinking", asked);
    const [thought, redacted] = message.content;
    assert.deepEqual(thought, { type: "thinking", thinking: THOUGHT, signature: SIGNATURE });
    const answer = await messageOf(client, "anthropic/thinking", { ...asked, messages: conversation(message) });
    assert.equal(answer.content.at(-1).text, TEXT);
    const [, second] = await one.exchanges();
    assert.deepEqual(second.body.messages[1].content.slice(0, 2), [thought, redacted]);
  });

  test(`thoughts of another provider come unsigned (${way})`, async () => {
    const message = await messageOf(clientOf(nextCase()), "openai/thinking", { thinking: { type: "adaptive" } });
    const [thought, text] = message.content;
    assert.deepEqual([thought.thinking, thought.signature, text.text], [THOUGHT, "", TEXT]);
  });
}

test("models are listed in Anthropic's shape", async () => {
  const listed = await collect(clientOf(nextCase()).models.list());
  assert.ok(listed.some((model) => model.id === "anthropic/text" && model.type === "model"));
});
