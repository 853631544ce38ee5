// What every test has: a name of its own with the provider, and its record there.

import { randomUUID } from "node:crypto";

export const HERALD = process.env.HERALD_URL;
export const LOCKED = process.env.HERALD_LOCKED_URL;
export const messages = [{ role: "user", content: process.env.PROMPT }];

// What provider.py's scenario `text` says; see scenarios.py.
export const TEXT = "A herald walks ahead of the news; ünïcödé ☂ too.";

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

// Seconds on the clock that the provider's record uses.
export const now = () => Number(process.hrtime.bigint()) / 1e9;

export const collect = async (stream) => {
  const items = [];
  for await (const item of stream) items.push(item);
  return items;
};
