// Vercel's AI SDK with each of its packages that speak a dialect of Herald's, over both families.

import assert from "node:assert/strict";
import test from "node:test";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, Output, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { FAMILIES, HERALD, TEXT, assertLeft, assertWaited, collect, messages, nextCase, now } from "./support.js";

const options = (one) => ({ name: "herald", baseURL: `${HERALD}/v1`, apiKey: "unused", headers: one.headers });

const CLIENTS = {
  "@ai-sdk/openai-compatible": (one) =>
    createOpenAICompatible({ ...options(one), includeUsage: true, supportsStructuredOutputs: true }),
  "@ai-sdk/openai, chat": (one) => createOpenAI(options(one)).chat,
  "@ai-sdk/openai, responses": (one) => createOpenAI(options(one)),
  "@ai-sdk/anthropic": (one) => createAnthropic(options(one)),
};

// Only those can go as they are to a provider that has responses.
const familiesOf = (name) => (name.endsWith("responses") ? [...FAMILIES, "responses"] : FAMILIES);

const weather = tool({
  description: "Tells the weather.",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `snow in ${city}`,
});

for (const [name, clientOf] of Object.entries(CLIENTS)) {
  for (const family of familiesOf(name)) {
    const asked = (one, model, more = {}) => ({
      model: clientOf(one)(`${family}/${model}`),
      messages,
      maxOutputTokens: 1000,
      maxRetries: 0,
      ...more,
    });
    const WAYS = {
      stream: async (...about) => {
        const result = streamText({ ...asked(...about), onError: () => {} });
        const [text, finishReason, usage, steps, output] = await Promise.all(
          [result.text, result.finishReason, result.usage, result.steps, about[2]?.output && result.output],
        );
        return { text, finishReason, usage, steps, output };
      },
      document: (...about) => generateText(asked(...about)),
    };

    for (const [way, answerOf] of Object.entries(WAYS)) {
      const named = `(${name}, ${family}, ${way})`;

      test(`an answer has its text, its reason to end and no warning ${named}`, async () => {
        const { text, finishReason, steps } = await answerOf(nextCase(), "text");
        assert.deepEqual([text, finishReason], [TEXT, "stop"]);
        assert.deepEqual(steps[0].warnings ?? [], []);
      });

      for (const [model, cities] of [["tools", ["Wien"]], ["parallel-tools", ["Wien", "Graz"]]]) {
        test(`${model} are called and their results go back ${named}`, async () => {
          const one = nextCase();
          const more = { tools: { get_weather: weather }, stopWhen: stepCountIs(2) };
          const { text, steps } = await answerOf(one, model, more);
          assert.equal(text, TEXT);
          const [step] = steps;
          assert.equal(step.finishReason, "tool-calls");
          assert.deepEqual(step.toolCalls.map((call) => call.input), cities.map((city) => ({ city })));
          assert.deepEqual(step.toolResults.map((result) => result.output), cities.map((city) => `snow in ${city}`));
          assert.equal((await one.exchanges()).length, 2);
        });
      }

      test(`usage tells what came out of the cache ${named}`, async () => {
        const { usage } = await answerOf(nextCase(), "cached");
        assert.deepEqual([usage.inputTokens, usage.outputTokens, usage.totalTokens], [100, 25, 125]);
        assert.equal(usage.inputTokenDetails.cacheReadTokens, 64);
      });

      test(`a structure is asked for and comes ${named}`, async () => {
        const output = Output.object({ schema: z.object({ city: z.string() }) });
        assert.deepEqual((await answerOf(nextCase(), "structured", { output })).output, { city: "Wien" });
      });
    }

    for (const [model, status, isRetryable] of [
      ["limited-always", 429, true],
      ["refused-400", 400, false],
      ["failing-503", 503, true],
    ]) {
      test(`${model} is an APICallError with its status and its headers (${name}, ${family})`, async () => {
        await assert.rejects(generateText(asked(nextCase(), model)), (error) => {
          assert.ok(APICallError.isInstance(error), String(error));
          assert.deepEqual([error.statusCode, error.isRetryable], [status, isRetryable]);
          if (status === 429) assert.equal(error.responseHeaders["retry-after"], "17");
          assert.ok(error.message.length > 8 && !error.message.startsWith("{"), error.message);
          return true;
        });
      });
    }

    for (const model of ["error-mid-stream", "truncated", "reset"]) {
      test(`a stream that breaks off (${model}) has an error part and no good end (${name}, ${family})`, async () => {
        const stream = streamText({ ...asked(nextCase(), model), onError: () => {} });
        const parts = await collect(stream.fullStream);
        const text = parts.filter((part) => part.type === "text-delta").map((part) => part.text);
        assert.equal(text.join(""), "A herald walks");
        assert.ok(parts.some((part) => part.type === "error"));
        assert.notEqual(parts.find((part) => part.type === "finish")?.finishReason, "stop");
      });
    }

    test(`a rate limit is waited for as long as the provider said (${name}, ${family})`, async () => {
      const one = nextCase();
      assert.equal((await generateText(asked(one, "limited-once", { maxRetries: 2 }))).text, TEXT);
      await assertWaited(one);
    });

    test(`aborting stops the provider within a second (${name}, ${family})`, async () => {
      const one = nextCase();
      const abort = new AbortController();
      const result = streamText(asked(one, "endless", { abortSignal: abort.signal }));
      let since;
      for await (const part of result.fullStream) {
        if (part.type === "text-delta" && since === undefined) {
          since = now();
          abort.abort();
        }
      }
      await assertLeft(one, since);
    });
  }
}
