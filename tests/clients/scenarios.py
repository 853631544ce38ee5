"""What the scripted provider answers, in OpenAI's words: one scenario for each model name."""

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

#: A step of a body: wait until the test says `release`.
RELEASE = object()
#: A step of a body: wait for the time a model takes for a token.
PACE = object()


@dataclass
class Request:
    """A request as the provider read it."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes
    #: 1 for the first request of a test, 2 for its first repeat, and so on.
    attempt: int = 1
    json: dict = field(default_factory=dict)

    @property
    def is_stream(self) -> bool:
        return self.json.get("stream") is True


@dataclass
class Answer:
    """An answer: the head, then the body's steps, then the way in which it ends."""

    body: Iterable
    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    #: "complete", "truncated" (closed before the last chunk) or "reset" (aborted).
    end: str = "complete"
    #: "chunked", or "length" for a body whose steps are all bytes.
    framing: str = "chunked"
    #: Whether even the head waits until the test says `release`.
    head_waits: bool = False


#: What OpenAI sends beside a stream. The first block is for the client, the second must stay behind.
FOR_THE_CLIENT = [
    ("x-request-id", "req_scripted_1"),
    ("openai-processing-ms", "107"),
    ("openai-version", "2020-10-01"),
    ("x-ratelimit-limit-requests", "5000"),
    ("x-ratelimit-limit-tokens", "160000"),
    ("x-ratelimit-remaining-requests", "4999"),
    ("x-ratelimit-remaining-tokens", "159974"),
    ("x-ratelimit-reset-requests", "12ms"),
    ("x-ratelimit-reset-tokens", "9ms"),
]
NOT_FOR_THE_CLIENT = [
    ("set-cookie", "__cf_bm=scripted; path=/; HttpOnly"),
    ("set-cookie", "_cfuvid=scripted; path=/; HttpOnly"),
    ("openai-organization", "scripted-organization"),
    ("openai-project", "proj_scripted"),
    ("access-control-expose-headers", "X-Request-ID"),
    ("strict-transport-security", "max-age=31536000"),
    ("alt-svc", 'h3=":443"; ma=86400'),
    ("server", "cloudflare"),
    ("cf-ray", "860b0753cd7c3746-MXP"),
    ("x-invented-tomorrow", "1"),
]
EVERYTHING = FOR_THE_CLIENT + NOT_FOR_THE_CLIENT

WORDS = ["A", " herald", " walks", " ahead", " of", " the", " news", "; ünïcödé ☂ too", "."]
TEXT = "".join(WORDS)
USAGE = {"prompt_tokens": 7, "completion_tokens": 9, "total_tokens": 16}
#: Of 100 tokens 64 came out of the provider's cache; of 25 that it wrote 16 were thoughts.
CACHED_USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 25,
    "total_tokens": 125,
    "prompt_tokens_details": {"cached_tokens": 64},
    "completion_tokens_details": {"reasoning_tokens": 16},
}
THOUGHTS = ["They ask", " for the", " news."]
THOUGHT = "".join(THOUGHTS)


def chunk(delta: dict, finish: str | None = None, **more: object) -> dict:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return envelope("chat.completion.chunk", [choice], **more)


def envelope(kind: str, choices: list, **more: object) -> dict:
    return {
        "id": "chatcmpl-scripted",
        "object": kind,
        "created": 1793611800,
        "model": "scripted-2026-11-02",
        "choices": choices,
        **more,
    }


def sse(value: object) -> bytes:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n".encode()


DONE = b"data: [DONE]\n\n"
ROLE = sse(chunk({"role": "assistant", "content": ""}))
FINISH = sse(chunk({}, "stop"))


def words(count: int = len(WORDS)) -> list[bytes]:
    return [sse(chunk({"content": word})) for word in WORDS[:count]]


def stream(*steps: object, end: str = "complete", headers: list | None = None) -> Answer:
    head = [("content-type", "text/event-stream; charset=utf-8")]
    return Answer(steps, headers=head + (EVERYTHING if headers is None else headers), end=end)


def document(value: object, status: int = 200, headers: list | None = None) -> Answer:
    body = json.dumps(value, ensure_ascii=False).encode()
    head = [("content-type", "application/json")]
    return Answer([body], status, head + (EVERYTHING if headers is None else headers), framing="length")


def message(content: str | None, finish: str, usage: dict = USAGE, **more: object) -> Answer:
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": content, **more},
        "logprobs": None,
        "finish_reason": finish,
    }
    return document(envelope("chat.completion", [choice], usage=usage))


def ending(request: Request, usage: dict) -> list[bytes]:
    """The last events: with a usage chunk where it was asked for, as OpenAI does it."""
    options = request.json.get("stream_options") or {}
    last = [sse(envelope("chat.completion.chunk", [], usage=usage))]
    return [*(last if options.get("include_usage") else []), DONE]


def text(request: Request, usage: dict = USAGE, said: list[str] = WORDS) -> Answer:
    """A sentence."""
    if not request.is_stream:
        return message("".join(said), "stop", usage)
    pieces = [sse(chunk({"content": word})) for word in said]
    return stream(ROLE, *pieces, FINISH, *ending(request, usage))


def cached(request: Request) -> Answer:
    """A sentence, and a usage that tells of a cache."""
    return text(request, CACHED_USAGE)


CALL = {"id": "call_1", "type": "function"}
ARGUMENTS = ['{"ci', 'ty":"', "Wien", '"}']
CITIES = ["Wien", "Graz"]


def structured(request: Request) -> Answer:
    """JSON as the answer, of the schema that was asked for."""
    return text(request, said=ARGUMENTS)


def has_result(request: Request) -> bool:
    return any(each.get("role") == "tool" for each in request.json["messages"])


def tools(request: Request) -> Answer:
    """A function call whose arguments come in pieces; then, given the result, a sentence."""
    if has_result(request):
        return text(request)
    function = {"name": "get_weather", "arguments": "".join(ARGUMENTS)}
    if not request.is_stream:
        return message(None, "tool_calls", tool_calls=[{**CALL, "function": function}])
    first = {"index": 0, **CALL, "function": {"name": "get_weather", "arguments": ""}}
    pieces = [
        sse(chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}))
        for piece in ARGUMENTS
    ]
    opening = sse(chunk({"role": "assistant", "content": None, "tool_calls": [first]}))
    return stream(opening, *pieces, sse(chunk({}, "tool_calls")), DONE)


def parallel_tools(request: Request) -> Answer:
    """Two calls at once, one after the other; then, given the results, a sentence."""
    if has_result(request):
        return text(request)
    calls = [
        {
            "id": f"call_{city}",
            "type": "function",
            "function": {"name": "get_weather", "arguments": json.dumps({"city": city})},
        }
        for city in CITIES
    ]
    if not request.is_stream:
        return message(None, "tool_calls", tool_calls=calls)
    pieces = [sse(chunk({"tool_calls": [{"index": at, **call}]})) for at, call in enumerate(calls)]
    return stream(ROLE, *pieces, sse(chunk({}, "tool_calls")), *ending(request, USAGE))


def thinking(request: Request) -> Answer:
    """A thought without a proof, as DeepSeek tells it, then a sentence."""
    if not request.is_stream:
        return message(TEXT, "stop", CACHED_USAGE, reasoning_content=THOUGHT)
    thoughts = [sse(chunk({"reasoning_content": each})) for each in THOUGHTS]
    return stream(ROLE, *thoughts, *words(), FINISH, *ending(request, CACHED_USAGE))


def gated(_: Request) -> Answer:
    """The head at once, everything else when the test says so."""
    return stream(RELEASE, ROLE, *words(), FINISH, DONE)


def paused(_: Request) -> Answer:
    """Two words, and the rest when the test says so."""
    return stream(ROLE, *words(2), RELEASE, *words()[2:], FINISH, DONE)


def endless(_: Request) -> Answer:
    def steps() -> Iterable:
        while True:
            yield sse(chunk({"content": "on and "}))
            yield PACE

    return Answer(steps(), headers=[("content-type", "text/event-stream")])


def silent(_: Request) -> Answer:
    """Not even a head, until the test says so."""
    return Answer([], headers=[("content-type", "text/event-stream")], head_waits=True)


def refusal(status: int, code: str, kind: str, text: str, *more: tuple[str, str]) -> Callable:
    error = {"message": text, "type": kind, "param": None, "code": code}

    def answer(_: Request) -> Answer:
        return document({"error": error}, status, EVERYTHING + list(more))

    return answer


def limited(refusals: float, seconds: int = 1) -> Callable:
    """Refuses so many times with 429 and `retry-after`, then speaks."""
    refuse = refusal(
        429,
        "rate_limit_exceeded",
        "requests",
        "Rate limit reached. Please try again in 1s.",
        ("retry-after", str(seconds)),
    )
    return lambda request: (refuse if request.attempt <= refusals else text)(request)


IN_STREAM_ERROR = {
    "message": "The server had an error while processing your request.",
    "type": "server_error",
    "param": None,
    "code": "engine_failed",
}


def odd(_: Request) -> Answer:
    """Everything that an event stream may hold and that the Python SDK's own reader trips over."""
    events = [ROLE, *words(), FINISH, DONE]
    odd = b"\xef\xbb\xbf: hello\r\nretry: 10\r\n\r\n" + b"data:\r\n\r\n"
    odd += b": not \xff UTF-8\r\n\r\n".join(each.replace(b"\n", b"\r\n") for each in events)
    return stream(*(odd[at : at + 7] for at in range(0, len(odd), 7)))


def html(_: Request) -> Answer:
    page = b"<html><body><h1>Welcome</h1></body></html>"
    return Answer([page], headers=[("content-type", "text/html")], framing="length")


def redirect(_: Request) -> Answer:
    return Answer([b""], 307, [("location", "/v1/elsewhere")], framing="length")


SCENARIOS: dict[str, Callable[[Request], Answer]] = {
    "text": text,
    "cached": cached,
    "structured": structured,
    "tools": tools,
    "parallel-tools": parallel_tools,
    "thinking": thinking,
    "gated": gated,
    "paused": paused,
    "endless": endless,
    "silent": silent,
    "odd": odd,
    "truncated": lambda _: stream(ROLE, *words(3), end="truncated"),
    "reset": lambda _: stream(ROLE, *words(3), PACE, end="reset"),
    "error-mid-stream": lambda _: stream(ROLE, *words(3), sse({"error": IN_STREAM_ERROR})),
    "error-first": lambda _: stream(
        ROLE, sse({"error": {"message": "Slow down.", "type": "tokens", "code": "rate_limit_exceeded"}})
    ),
    "limited-once": limited(1),
    "limited-always": limited(float("inf"), seconds=17),
    "refused-400": refusal(
        400, "context_length_exceeded", "invalid_request_error", "This model's maximum context length is 8 tokens."
    ),
    "refused-401": refusal(
        401, "invalid_api_key", "invalid_request_error", "Incorrect API key provided: sk-scripted0123456789abcdef."
    ),
    "refused-403": refusal(403, "unsupported_country", "request_forbidden", "Country not supported."),
    "refused-404": refusal(404, "model_not_found", "invalid_request_error", "The model `x` does not exist."),
    "failing-500": refusal(500, "internal_error", "server_error", "The server had an error."),
    "failing-503": refusal(503, "overloaded", "server_error", "The engine is overloaded."),
    "html": html,
    "redirect": redirect,
}


RECORDING = "recording/"


def recordings() -> dict[str, Path]:
    """The OpenAI streams and errors of RECORDINGS_DIR by model name; none where it is absent."""
    folder = Path(os.environ.get("RECORDINGS_DIR", "/nonexistent"))
    heads = sorted([*folder.glob("oa-*.json"), *folder.glob("err-*.json")])
    return {RECORDING + head.stem: head for head in heads if head.with_suffix(".body").exists()}


def play(head: Path) -> Answer:
    """A recording: its status and headers in order, its body cut at odd places."""
    recorded = json.loads(head.read_text())
    body = head.with_suffix(".body").read_bytes()
    framing = {"connection", "content-length", "transfer-encoding"}
    headers = [(name, value) for name, value in recorded["headers"] if name.lower() not in framing]
    pieces = [body[at : at + 97] for at in range(0, len(body), 97)]
    return Answer(pieces, recorded["status"], headers)
