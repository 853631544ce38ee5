// What every test has: a name of its own with the provider, and its record there.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

export const HERALD = process.env.HERALD_URL;
export const LOCKED = process.env.HERALD_LOCKED_URL;
export const messages = [{ role: "user", content: process.env.PROMPT }];

// What provider.py's scenario `text` says; see scenarios.py.
export const TEXT = "A herald walks ahead of the news; ünïcödé ☂ too.";

// What it thinks before, and the proof that Anthropic's half gives; see scenarios_anthropic.py.
export const THOUGHT = "They ask for the news.";
export const SIGNATURE = "c2lnbmVkIGJ5IHRoZSBzY3JpcHRlZCBwcm92aWRlcg==";

// What a provider speaks; each scenario of it is a model, such as `anthropic/tools`.
export const FAMILIES = ["openai", "anthropic"];

export const nextCase = () => {
  const id = `case-${randomUUID()}`;
  const control = async (verb) => {
    const answer = await fetch(`${process.env.PROVIDER_URL}/control/${verb}/${id}`);
    return answer.json();
  };
  return {
    headers: { "x-client-request-id": id },
    exchanges: () => control("exchanges"),
    ended: () => control("ended"),
    release: () => control("release"),
  };
};

// The provider was left, and knew it within a second.
export const assertLeft = async (one, since) => {
  const [exchange] = await one.ended();
  assert.equal(exchange.end, "left");
  assert.ok(exchange.ended_at - since < 1, `${exchange.ended_at - since} s`);
};

// The provider was asked twice, as far apart as it had said.
export const assertWaited = async (one) => {
  const [first, second] = await one.exchanges();
  const waited = second.received_at - first.received_at;
  assert.ok(waited >= 0.99 && waited < 3, `${waited} s`);
};

// Seconds on the clock that the provider's record uses.
export const now = () => Number(process.hrtime.bigint()) / 1e9;

export const collect = async (stream) => {
  const items = [];
  for await (const item of stream) items.push(item);
  return items;
};
