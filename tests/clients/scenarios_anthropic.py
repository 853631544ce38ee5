"""What the scripted provider answers in Anthropic's words: one scenario for each model name."""

import json
from collections.abc import Callable, Iterable

from scenarios import (
    ARGUMENTS,
    CITIES,
    NOT_FOR_THE_CLIENT,
    PACE,
    RELEASE,
    TEXT,
    THOUGHT,
    THOUGHTS,
    WORDS,
    Answer,
    Request,
    silent,
)

#: What Anthropic sends beside an answer and is for the client; the rest must stay behind.
FOR_THE_CLIENT = [
    ("request-id", "req_scripted_2"),
    ("anthropic-ratelimit-requests-limit", "4000"),
    ("anthropic-ratelimit-requests-remaining", "3999"),
    ("anthropic-ratelimit-tokens-remaining", "399000"),
]
EVERYTHING = [*FOR_THE_CLIENT, *NOT_FOR_THE_CLIENT, ("anthropic-organization-id", "scripted-organization")]

SIGNATURE = "c2lnbmVkIGJ5IHRoZSBzY3JpcHRlZCBwcm92aWRlcg=="
REDACTED = "ZW5jcnlwdGVkIGJ5IHRoZSBzY3JpcHRlZCBwcm92aWRlcg=="
THINKING_BLOCK = {"type": "thinking", "thinking": THOUGHT, "signature": SIGNATURE}
REDACTED_BLOCK = {"type": "redacted_thinking", "data": REDACTED}
USAGE = {"input_tokens": 7, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 9}
#: 100 tokens came in: 26 anew, 64 out of the cache, 10 into it.
CACHED_USAGE = {
    "input_tokens": 26,
    "cache_creation_input_tokens": 10,
    "cache_read_input_tokens": 64,
    "output_tokens": 25,
}


def event(name: str, **data: object) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name, **data}, ensure_ascii=False)}\n\n".encode()


def message(content: list, stop: str | None, usage: dict) -> dict:
    return {
        "id": "msg_scripted",
        "type": "message",
        "role": "assistant",
        "model": "scripted-2026-11-02",
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": usage,
    }


def start(usage: dict = USAGE) -> bytes:
    return event("message_start", message=message([], None, {**usage, "output_tokens": 1}))


def finish(stop: str, usage: dict = USAGE) -> list[bytes]:
    delta = {"stop_reason": stop, "stop_sequence": None}
    return [event("message_delta", delta=delta, usage=usage), event("message_stop")]


def deltas(at: int, kind: str, member: str, pieces: Iterable[str]) -> list[bytes]:
    return [event("content_block_delta", index=at, delta={"type": kind, member: each}) for each in pieces]


def block_events(at: int, block: dict) -> list[bytes]:
    """A block as it is streamed: the beginning of it is empty, and what it says comes in pieces."""
    match block["type"]:
        case "text":
            said = WORDS if block["text"] == TEXT else [block["text"]]
            empty, pieces = {**block, "text": ""}, deltas(at, "text_delta", "text", said)
        case "thinking":
            empty = {**block, "thinking": "", "signature": ""}
            pieces = deltas(at, "thinking_delta", "thinking", THOUGHTS)
            pieces += deltas(at, "signature_delta", "signature", [block["signature"]])
        case "tool_use":
            whole = json.dumps(block["input"])
            split = ["", whole[:3], whole[3:]]
            empty, pieces = {**block, "input": {}}, deltas(at, "input_json_delta", "partial_json", split)
        case _:
            empty, pieces = block, []
    begun = event("content_block_start", index=at, content_block=empty)
    return [begun, event("ping"), *pieces, event("content_block_stop", index=at)]


def stream(*steps: object, end: str = "complete") -> Answer:
    head = [("content-type", "text/event-stream; charset=utf-8")]
    return Answer(steps, headers=head + EVERYTHING, end=end)


def document(value: object, status: int = 200, headers: list = EVERYTHING) -> Answer:
    body = json.dumps(value, ensure_ascii=False).encode()
    return Answer([body], status, [("content-type", "application/json"), *headers], framing="length")


def answer(request: Request, blocks: list[dict], stop: str = "end_turn", usage: dict = USAGE) -> Answer:
    """The blocks, as a stream or whole, whichever was asked for."""
    if not request.is_stream:
        return document(message(blocks, stop, usage))
    events = [each for at, block in enumerate(blocks) for each in block_events(at, block)]
    return stream(start(usage), *events, *finish(stop, usage))


TEXT_BLOCK = {"type": "text", "text": TEXT}


def text(request: Request) -> Answer:
    """A sentence."""
    return answer(request, [TEXT_BLOCK])


def call(name: str, city: str) -> dict:
    return {"type": "tool_use", "id": name, "name": "get_weather", "input": {"city": city}}


def said(request: Request, role: str) -> list[dict]:
    """The blocks that one side has said."""
    contents = [each["content"] for each in request.json["messages"] if each["role"] == role]
    return [block for content in contents if isinstance(content, list) for block in content]


def results(request: Request) -> set[str]:
    return {block["tool_use_id"] for block in said(request, "user") if block["type"] == "tool_result"}


def tools(request: Request) -> Answer:
    """A call whose input comes in pieces; then, given the result, a sentence."""
    if "toolu_1" in results(request):
        return text(request)
    return answer(request, [call("toolu_1", "Wien")], "tool_use")


def parallel_tools(request: Request) -> Answer:
    """Two calls at once; then, given both results, a sentence."""
    calls = {f"toolu_{city}": city for city in CITIES}
    if results(request) == set(calls):
        return text(request)
    return answer(request, [call(*each) for each in calls.items()], "tool_use")


def thinking(request: Request) -> Answer:
    """Thoughts, then a call if there are tools, else a sentence. Thoughts that come back must be whole."""
    if results(request):
        # With a budget they must also come; where the model thinks as it likes they may be missing.
        must = request.json.get("thinking", {}).get("type") == "enabled"
        thoughts = [block for block in said(request, "assistant") if "thinking" in block["type"]]
        if (thoughts or must) and thoughts != [THINKING_BLOCK, REDACTED_BLOCK]:
            return refuse(400, "invalid_request_error", "Expected `thinking` or `redacted_thinking`.")
    elif "tools" in request.json:
        blocks = [THINKING_BLOCK, REDACTED_BLOCK, call("toolu_1", "Wien")]
        return answer(request, blocks, "tool_use", CACHED_USAGE)
    return answer(request, [THINKING_BLOCK, REDACTED_BLOCK, TEXT_BLOCK], usage=CACHED_USAGE)


def broken(*steps: object, end: str = "complete") -> Callable[[Request], Answer]:
    """Three words, and then no good end."""
    begun = [start(), *block_events(0, TEXT_BLOCK)[:5]]
    return lambda _: stream(*begun, *steps, end=end)


def endless(_: Request) -> Answer:
    def steps() -> Iterable:
        yield start()
        yield event("content_block_start", index=0, content_block={"type": "text", "text": ""})
        while True:
            yield from deltas(0, "text_delta", "text", ["on and "])
            yield PACE

    return Answer(steps(), headers=[("content-type", "text/event-stream")])


def gated(_: Request) -> Answer:
    """The head at once, everything else when the test says so."""
    return stream(RELEASE, start(), *block_events(0, TEXT_BLOCK), *finish("end_turn"))


def error(kind: str, words: str) -> dict:
    return {"type": kind, "message": words}


def refuse(status: int, kind: str, words: str, *more: tuple[str, str]) -> Answer:
    body = {"type": "error", "error": error(kind, words), "request_id": "req_scripted_2"}
    return document(body, status, [*EVERYTHING, *more])


def limited(refusals: float, seconds: int = 1) -> Callable[[Request], Answer]:
    """Refuses so many times with 429 and `retry-after`, then speaks."""

    def play(request: Request) -> Answer:
        if request.attempt > refusals:
            return text(request)
        words = "This request would exceed your rate limit."
        return refuse(429, "rate_limit_error", words, ("retry-after", str(seconds)))

    return play


IN_STREAM_ERROR = error("overloaded_error", "Overloaded")

#: Each name is one of OpenAI's chat completions too.
SCENARIOS: dict[str, Callable[[Request], Answer]] = {
    "text": text,
    "cached": lambda request: answer(request, [TEXT_BLOCK], usage=CACHED_USAGE),
    "structured": lambda request: answer(request, [{"type": "text", "text": "".join(ARGUMENTS)}]),
    "tools": tools,
    "parallel-tools": parallel_tools,
    "thinking": thinking,
    "gated": gated,
    "endless": endless,
    "silent": silent,
    "truncated": broken(end="truncated"),
    "reset": broken(PACE, end="reset"),
    "error-mid-stream": broken(event("error", error=IN_STREAM_ERROR)),
    "error-first": lambda _: stream(event("error", error=error("rate_limit_error", "Slow down."))),
    "limited-once": limited(1),
    "limited-always": limited(float("inf"), seconds=17),
    "refused-400": lambda _: refuse(400, "invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"),
    "refused-401": lambda _: refuse(401, "authentication_error", "invalid x-api-key"),
    "failing-500": lambda _: refuse(500, "api_error", "Internal server error"),
    "failing-503": lambda _: refuse(529, "overloaded_error", "Overloaded"),
}
