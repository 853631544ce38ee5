// Vercel's AI SDK and thoughts: what it shows of them, and what goes back to the provider with a result.

import assert from "node:assert/strict";
import test from "node:test";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { FAMILIES, HERALD, SIGNATURE, TEXT, THOUGHT, messages, nextCase } from "./support.js";

const optionsOf = (one) => ({ name: "herald", baseURL: `${HERALD}/v1`, apiKey: "unused", headers: one.headers });

// Without a store what the model thought goes back and forth with the client.
const stateless = { store: false, include: ["reasoning.encrypted_content"] };

const CLIENTS = {
  "@ai-sdk/openai-compatible": {
    modelOf: (one, model) => createOpenAICompatible(optionsOf(one))(model),
    providerOptions: { herald: { reasoningEffort: "low" } },
    keepsProofs: false,
  },
  "@ai-sdk/openai, responses": {
    modelOf: (one, model) => createOpenAI(optionsOf(one))(model),
    providerOptions: {
      openai: { ...stateless, forceReasoning: true, reasoningEffort: "low", reasoningSummary: "auto" },
    },
    keepsProofs: true,
  },
  "@ai-sdk/anthropic": {
    modelOf: (one, model) => createAnthropic(optionsOf(one))(model),
    providerOptions: { anthropic: { thinking: { type: "adaptive" } } },
    keepsProofs: true,
  },
};

const weather = tool({
  description: "Tells the weather.",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `snow in ${city}`,
});

for (const [name, { modelOf, providerOptions, keepsProofs }] of Object.entries(CLIENTS)) {
  const asked = (one, model, more = {}) => ({
    model: modelOf(one, model),
    messages,
    maxOutputTokens: 2000,
    maxRetries: 0,
    providerOptions,
    ...more,
  });
  const WAYS = {
    stream: async (...about) => {
      const result = streamText({ ...asked(...about), onError: () => {} });
      const [text, reasoningText, steps] = await Promise.all([result.text, result.reasoningText, result.steps]);
      return { text, reasoningText, steps };
    },
    document: (...about) => generateText(asked(...about)),
  };

  for (const [way, answerOf] of Object.entries(WAYS)) {
    for (const family of name.endsWith("responses") ? [...FAMILIES, "responses"] : FAMILIES) {
      test(`thoughts are shown apart from the text (${name}, ${family}, ${way})`, async () => {
        const { text, reasoningText } = await answerOf(nextCase(), `${family}/thinking`);
        assert.deepEqual([reasoningText, text], [THOUGHT, TEXT]);
      });
    }

    const title = keepsProofs ? "thoughts go back as they came" : "thoughts without their proof are left out";
    test(`with a result ${title} (${name}, ${way})`, async () => {
      const one = nextCase();
      const more = { tools: { get_weather: weather }, stopWhen: stepCountIs(2) };
      const { text, steps } = await answerOf(one, "anthropic/thinking", more);
      assert.equal(text, TEXT);
      assert.equal(steps[0].reasoningText, THOUGHT);
      const [, { body }] = await one.exchanges();
      const said = body.messages[1].content.filter((block) => block.type !== "tool_use");
      const thought = { type: "thinking", thinking: THOUGHT, signature: SIGNATURE };
      assert.deepEqual(said.map((block) => block.type), keepsProofs ? ["thinking", "redacted_thinking"] : []);
      if (keepsProofs) assert.deepEqual(said[0], thought);
    });
  }
}
