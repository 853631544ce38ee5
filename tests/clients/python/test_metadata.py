"""What the provider said is known before the first event."""

import asyncio
import json
import re

import httpx2
import pytest
from conftest import HERALD, MESSAGES, ask, text_of
from scenarios import FOR_THE_CLIENT, NOT_FOR_THE_CLIENT, TEXT


def check(headers, case):
    """The whole promise about the head, while the provider has not sent one event."""
    assert [each["sent"] for each in case.exchanges()] == [0]
    assert headers["x-upstream-status"] == "200"
    assert headers["x-upstream-provider"] == "scripted"
    assert headers["x-upstream-model"] == "gated"
    assert re.fullmatch(r"[0-9a-f-]{36}", headers["x-herald-request-id"])
    for name, value in FOR_THE_CLIENT:
        assert headers[name] == value
    for name, _ in NOT_FOR_THE_CLIENT:
        assert name not in headers


def test_a_raw_response_has_the_metadata_before_any_event(case):
    raw = case.openai().chat.completions.with_raw_response.create(
        model="gated", messages=[], stream=True
    )
    check(raw.headers, case)
    assert raw.request_id == "req_scripted_1"
    case.release()
    assert text_of(list(raw.parse())) == TEXT


def test_a_streaming_response_has_the_metadata_before_any_event(case):
    create = case.openai().chat.completions.with_streaming_response.create
    with create(model="gated", messages=[], stream=True) as response:
        check(response.headers, case)
        assert "x-upstream-time-to-first-token" not in response.headers
        case.release()
        assert text_of(list(response.parse())) == TEXT


def test_an_async_raw_response_has_the_metadata_before_any_event(case):
    async def read():
        async with case.async_openai() as client:
            create = client.chat.completions.with_raw_response.create
            raw = await create(model="gated", messages=[], stream=True)
            check(raw.headers, case)
            case.release()
            return [chunk async for chunk in raw.parse()]

    assert text_of(asyncio.run(read())) == TEXT


def test_a_plain_stream_has_the_metadata_on_its_response(case):
    stream = ask(case.openai(), "gated", stream=True)
    check(stream.response.headers, case)
    case.release()
    assert text_of(list(stream)) == TEXT


def test_a_head_that_waited_for_the_first_token_tells_how_long(case):
    headers = ask(case.openai(), "text", stream=True).response.headers
    assert 0 <= int(headers["x-upstream-time-to-first-token"]) < 1000
    assert "first-event;dur=" in headers["server-timing"]


@pytest.mark.parametrize("model", ["text", "tools"])
def test_a_document_has_the_same_metadata_as_a_stream(case, model):
    create = case.openai().chat.completions.with_raw_response.create
    heads = [create(model=model, messages=[], stream=stream).headers for stream in (True, False)]
    of_framing = {"content-type", "transfer-encoding", "content-length", "x-accel-buffering", "content-encoding"}
    of_streams = {"x-upstream-time-to-first-token"}
    names = [set(head) - of_framing - of_streams for head in heads]
    assert names[0] == names[1]
    assert {name for name, _ in FOR_THE_CLIENT} < names[0]
    assert [head["content-type"] for head in heads] == ["text/event-stream", "application/json"]


def test_a_reader_of_raw_lines_has_the_metadata_in_the_first_event(case):
    asked = {"x-client-request-id": case.id, "x-herald-metadata": "event"}
    body = {"model": "gated", "messages": MESSAGES, "stream": True}
    with httpx2.stream("POST", f"{HERALD}/v1/chat/completions", headers=asked, json=body) as response:
        check(response.headers, case)
        lines = response.iter_lines()
        assert next(lines) == "event: metadata"
        metadata = json.loads(next(lines).removeprefix("data: "))
        assert next(lines) == ""
        assert [each["sent"] for each in case.exchanges()] == [0]
        case.release()
        assert [line for line in lines if line][-1] == "data: [DONE]"
        assert metadata["headers"] == dict(FOR_THE_CLIENT)
        assert metadata["request_id"] == response.headers["x-herald-request-id"]
        assert metadata["upstream"] == {"provider": "scripted", "model": "gated", "status": 200}


def test_the_sdk_takes_the_event_metadata_for_a_chunk_without_choices(case):
    """So docs/api.md says that SDKs are not to ask for it: they have the headers."""
    headers = {"x-client-request-id": case.id, "x-herald-metadata": "event"}
    first, *rest = ask(case.openai(default_headers=headers), "text", stream=True)
    assert (first.choices, first.upstream["status"]) == (None, 200)
    assert text_of(rest) == TEXT


def test_each_request_has_an_id_of_its_own(case):
    client = case.openai()
    ids = {ask(client, "text", stream=True).response.headers["x-herald-request-id"] for _ in range(3)}
    assert len(ids) == 3
