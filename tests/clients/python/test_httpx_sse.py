"""A plain reader of event streams, `httpx-sse`: names and data of every event, over both families."""

import json
import time

import httpx
import pytest
from conftest import HERALD, MESSAGES
from httpx_sse import SSEError, aconnect_sse, connect_sse
from scenarios import TEXT, WORDS
from test_leaving import left_after

CHAT, ANTHROPIC = "/v1/chat/completions", "/v1/messages"
DIALECTS = pytest.mark.parametrize("path", [CHAT, ANTHROPIC])


def connect(case, path, model, client=None, **headers):
    body = {"model": model, "messages": MESSAGES, "max_tokens": 1000, "stream": True}
    headers = {"x-client-request-id": case.id, **headers}
    return connect_sse(client or httpx.Client(timeout=20), "POST", f"{HERALD}{path}", json=body, headers=headers)


def text_of(path, events):
    told = [json.loads(event.data) for event in events if event.data != "[DONE]"]
    if path == CHAT:
        return "".join(each["choices"][0]["delta"].get("content") or "" for each in told if each.get("choices"))
    return "".join(each["delta"].get("text", "") for each in told if each["type"] == "content_block_delta")


@DIALECTS
def test_every_event_is_one_of_the_clients_dialect(case, family, path):
    with connect(case, path, f"{family}/text") as source:
        events = list(source.iter_sse())
    assert text_of(path, events) == TEXT
    if path == CHAT:
        assert {event.event for event in events} == {"message"}
        assert events[-1].data == "[DONE]"
    else:
        assert all(event.event == json.loads(event.data)["type"] for event in events)
        assert (events[0].event, events[-1].event) == ("message_start", "message_stop")


@DIALECTS
def test_the_head_is_there_while_the_provider_is_silent(case, family, path):
    with connect(case, path, f"{family}/gated") as source:
        assert [each["sent"] for each in case.exchanges()] == [0]
        assert source.response.headers["x-upstream-status"] == "200"
        case.release()
        assert text_of(path, list(source.iter_sse())) == TEXT


def test_an_event_metadata_comes_first_where_clients_take_one(case, family):
    for path, first in ((CHAT, "metadata"), (ANTHROPIC, "message_start")):
        with connect(case, path, f"{family}/text", **{"x-herald-metadata": "event"}) as source:
            assert next(source.iter_sse()).event == first


@DIALECTS
@pytest.mark.parametrize("model", ["error-mid-stream", "truncated", "reset"])
def test_a_stream_that_breaks_off_ends_in_an_error_and_nothing_after_it(case, family, path, model):
    with connect(case, path, f"{family}/{model}") as source:
        *events, last = source.iter_sse()
    assert text_of(path, events) == "".join(WORDS[:3])
    assert last.event == ("message" if path == CHAT else "error")
    assert json.loads(last.data)["error"]["message"]


@DIALECTS
def test_a_refusal_is_no_event_stream(case, family, path):
    with connect(case, path, f"{family}/limited-always") as source:
        with pytest.raises(SSEError):
            next(source.iter_sse())
        assert source.response.status_code == 429
        assert source.response.headers["retry-after"] == "17"
        assert json.loads(source.response.read())["upstream"]["provider"] == family


@DIALECTS
def test_leaving_stops_the_provider(case, family, path):
    with connect(case, path, f"{family}/endless") as source:
        events = source.iter_sse()
        assert [next(events) for _ in range(5)]
        since = time.monotonic()
    left_after(case, since)
