"""What the scripted provider answers at OpenAI's /v1/responses: one scenario for each model name."""

import json
from collections.abc import Callable, Iterable

import scenarios
from scenarios import ARGUMENTS, CITIES, PACE, TEXT, THOUGHT, THOUGHTS, WORDS, Answer, Request, document, stream

PROOF = "Z0FBQUFBcHJvb2Ygb2YgdGhlIHNjcmlwdGVkIHByb3ZpZGVy"
USAGE = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 64},
    "output_tokens": 25,
    "output_tokens_details": {"reasoning_tokens": 16},
    "total_tokens": 125,
}
REASONING = {
    "id": "rs_1",
    "type": "reasoning",
    "summary": [{"type": "summary_text", "text": THOUGHT}],
    "encrypted_content": PROOF,
}


def message(text: str) -> dict:
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [part]}


def call(city: str) -> dict:
    return {
        "id": f"fc_{city}",
        "type": "function_call",
        "status": "completed",
        "call_id": f"call_{city}",
        "name": "get_weather",
        "arguments": json.dumps({"city": city}),
    }


def response(status: str, output: list, usage: dict | None = None) -> dict:
    return {
        "id": "resp_scripted",
        "object": "response",
        "created_at": 1793611800,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": "scripted-2026-11-02",
        "output": output,
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": usage,
    }


def item_events(at: int, item: dict) -> list[dict]:
    """An item as it is streamed: begun empty, told in pieces, repeated whole at its end."""
    place = {"item_id": item["id"], "output_index": at}
    match item["type"]:
        case "message":
            [part] = item["content"]
            place["content_index"] = 0
            pieces = WORDS if part["text"] == TEXT else [part["text"]]
            empty = {"status": "in_progress", "content": []}
            told = [{"type": "response.content_part.added", **place, "part": {**part, "text": ""}}]
            told += [{"type": "response.output_text.delta", **place, "delta": each, "logprobs": []} for each in pieces]
            told += [{"type": "response.output_text.done", **place, "text": part["text"], "logprobs": []}]
            told += [{"type": "response.content_part.done", **place, "part": part}]
        case "function_call":
            name, arguments = "response.function_call_arguments", item["arguments"]
            empty = {"status": "in_progress", "arguments": ""}
            told = [{"type": f"{name}.delta", **place, "delta": each} for each in (arguments[:3], arguments[3:])]
            told += [{"type": f"{name}.done", **place, "name": item["name"], "arguments": arguments}]
        case "reasoning":
            name, [part] = "response.reasoning_summary", item["summary"]
            place["summary_index"] = 0
            empty = {"summary": []}
            told = [{"type": f"{name}_part.added", **place, "part": {**part, "text": ""}}]
            told += [{"type": f"{name}_text.delta", **place, "delta": each} for each in THOUGHTS]
            told += [{"type": f"{name}_text.done", **place, "text": part["text"]}]
            told += [{"type": f"{name}_part.done", **place, "part": part}]
    added = {"type": "response.output_item.added", "output_index": at, "item": {**item, **empty}}
    return [added, *told, {"type": "response.output_item.done", "output_index": at, "item": item}]


def events(told: Iterable[dict]) -> list[bytes]:
    numbered = [{**each, "sequence_number": at} for at, each in enumerate(told)]
    return [f"event: {each['type']}\n".encode() + scenarios.sse(each) for each in numbered]


BEGUN = [
    {"type": name, "response": response("in_progress", [])}
    for name in ("response.created", "response.in_progress")
]


def answer(request: Request, *output: dict) -> Answer:
    """The items, as a stream or whole, whichever was asked for."""
    whole = response("completed", list(output), USAGE)
    if not request.is_stream:
        return document(whole)
    told = [event for at, item in enumerate(output) for event in item_events(at, item)]
    return stream(*events([*BEGUN, *told, {"type": "response.completed", "response": whole}]))


def text(request: Request) -> Answer:
    return answer(request, message(TEXT))


def items(request: Request, kind: str) -> list[dict]:
    given = request.json["input"]
    return [item for item in given if item.get("type") == kind] if isinstance(given, list) else []


def calls(*cities: str) -> Callable[[Request], Answer]:
    """Calls, all at once; then, given all results, a sentence."""

    def play(request: Request) -> Answer:
        has_results = len(items(request, "function_call_output")) == len(cities)
        return text(request) if has_results else answer(request, *map(call, cities))

    return play


def thinking(request: Request) -> Answer:
    """A thought, then a call if there are tools, else a sentence. With a result it wants its proof back."""
    if items(request, "function_call_output"):
        if [item.get("encrypted_content") for item in items(request, "reasoning")] != [PROOF]:
            return document({"error": {"message": "no reasoning", "type": "invalid_request_error"}}, 400)
    elif request.json.get("tools"):
        return answer(request, REASONING, call("Wien"))
    return answer(request, REASONING, message(TEXT))


def broken(*told: dict, end: str = "complete", steps: tuple = ()) -> Callable[[Request], Answer]:
    """Three words, and then no good end."""
    begun = item_events(0, message(TEXT))[:5]
    return lambda _: stream(*events([*BEGUN, *begun, *told]), *steps, end=end)


def endless(_: Request) -> Answer:
    def steps() -> Iterable:
        begun = events([*BEGUN, *item_events(0, message(TEXT))[:3]])
        yield from begun
        while True:
            yield begun[-1]
            yield PACE

    return Answer(steps(), headers=[("content-type", "text/event-stream")])


ERROR = {"type": "server_error", "code": "server_error", "message": "The server had an error.", "param": None}

#: Failures before the head look like those of chat completions.
SCENARIOS: dict[str, Callable[[Request], Answer]] = {
    "text": text,
    "cached": text,
    "structured": lambda request: answer(request, message("".join(ARGUMENTS))),
    "tools": calls("Wien"),
    "parallel-tools": calls(*CITIES),
    "thinking": thinking,
    "endless": endless,
    "truncated": broken(end="truncated"),
    "reset": broken(steps=(PACE,), end="reset"),
    "error-mid-stream": broken({"type": "error", "error": ERROR}),
    "limited-once": lambda request: (text if request.attempt > 1 else scenarios.limited(1))(request),
    **{name: scenarios.SCENARIOS[name] for name in ("silent", "limited-always", "refused-400", "failing-503")},
}
