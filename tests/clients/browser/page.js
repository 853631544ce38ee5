// What the page can do; browser.test.js calls these in the browser, one after the other.

import OpenAI from "/openai/index.mjs";

let answer, stream;
const abort = new AbortController();

const readable = (headers) => Object.fromEntries(headers);

// Asks with plain `fetch` and tells what a script can see of the head, before it reads a byte.
globalThis.ask = async ({ herald, key, model, messages, headers }) => {
  answer = await fetch(`${herald}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${key}`, ...headers },
    body: JSON.stringify({ model, messages, stream: true }),
    signal: abort.signal,
  });
  return { status: answer.status, headers: readable(answer.headers) };
};

// Reads what is left of the answer, as it comes.
globalThis.readAll = async () => {
  const reader = answer.body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (let part; !(part = await reader.read()).done; ) text += decoder.decode(part.value, { stream: true });
  return text;
};

globalThis.readOnce = async () => {
  const reader = answer.body.getReader();
  const { value } = await reader.read();
  return value.length;
};

globalThis.leave = () => abort.abort();

// Asks with the SDK. An error of its is told by its class and what it holds.
globalThis.askSdk = async ({ herald, key, model, messages, headers }) => {
  const client = new OpenAI({
    baseURL: `${herald}/v1`,
    apiKey: key,
    maxRetries: 0,
    defaultHeaders: headers,
    dangerouslyAllowBrowser: true,
  });
  try {
    const asked = client.chat.completions.create({ model, messages, stream: true }).withResponse();
    const { data, response } = await asked;
    stream = data;
    return { status: response.status, headers: readable(response.headers) };
  } catch (error) {
    const kind = Object.keys(OpenAI).find((name) => OpenAI[name] === error.constructor);
    return { kind, status: error.status, code: error.code, headers: readable(error.headers ?? []) };
  }
};

globalThis.readSdk = async () => {
  let text = "";
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
  return text;
};
