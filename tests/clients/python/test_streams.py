"""The Python SDK reads what it would read from the provider itself."""

import asyncio
import json
import os

import pytest
from conftest import HERALD, LOCKED, MESSAGES, PROVIDER, ask, text_of
from openai import NotFoundError
from scenarios import ARGUMENTS, TEXT, USAGE

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tells the weather.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}


def test_a_stream_gives_the_same_chunks_as_the_provider_itself(case):
    through = list(ask(case.openai(), "text", stream=True))
    straight = list(ask(case.openai(PROVIDER), "text", stream=True))
    assert text_of(through) == TEXT
    assert [each.model_dump() for each in through] == [each.model_dump() for each in straight]


def test_an_async_stream_gives_the_same_text(case):
    async def read():
        async with case.async_openai() as client:
            return [chunk async for chunk in await ask(client, "text", stream=True)]

    assert text_of(asyncio.run(read())) == TEXT


def test_many_async_streams_at_once_do_not_mix(case):
    async def read(client, model):
        return [chunk.model_dump_json() async for chunk in await ask(client, model, stream=True)]

    async def all_of_them():
        async with case.async_openai() as client:
            models = ["text", "tools", "odd"] * 10
            return models, await asyncio.gather(*(read(client, model) for model in models))

    models, streams = asyncio.run(all_of_them())
    for model in set(models):
        assert len({tuple(each) for name, each in zip(models, streams) if name == model}) == 1
    assert len({tuple(each) for each in streams}) == 2, "odd tells the same story as text"


def test_the_stream_helper_gathers_the_message(case):
    with case.openai().chat.completions.stream(model="text", messages=MESSAGES) as stream:
        deltas = [event.delta for event in stream if event.type == "content.delta"]
        final = stream.get_final_completion()
    assert "".join(deltas) == final.choices[0].message.content == TEXT
    assert final.choices[0].finish_reason == "stop"


def test_the_async_stream_helper_gathers_the_message(case):
    async def read():
        client = case.async_openai()
        async with client, client.chat.completions.stream(model="text", messages=MESSAGES) as stream:
            return await stream.get_final_completion()

    assert asyncio.run(read()).choices[0].message.content == TEXT


def test_the_stream_helper_gathers_a_tool_call(case):
    helper = case.openai().chat.completions.stream(model="tools", messages=MESSAGES, tools=[WEATHER])
    with helper as stream:
        done = [event for event in stream if event.type == "tool_calls.function.arguments.done"]
        final = stream.get_final_completion()
    assert [(event.name, event.arguments) for event in done] == [("get_weather", "".join(ARGUMENTS))]
    call = final.choices[0].message.tool_calls[0]
    assert (call.id, call.function.parsed_arguments) == ("call_1", {"city": "Wien"})
    assert final.choices[0].finish_reason == "tool_calls"


def test_a_tool_call_and_its_result_make_a_conversation(case):
    client = case.openai()
    message = ask(client, "tools", tools=[WEATHER]).choices[0].message
    [call] = message.tool_calls
    assert json.loads(call.function.arguments) == {"city": "Wien"}
    result = {"role": "tool", "tool_call_id": call.id, "content": "snow"}
    messages = [*MESSAGES, message, result]
    answer = client.chat.completions.create(model="tools", messages=messages, tools=[WEATHER])
    assert answer.choices[0].message.content == TEXT


def test_usage_comes_last_when_it_was_asked_for(case):
    stream = ask(case.openai(), "text", stream=True, stream_options={"include_usage": True})
    *chunks, last = stream
    assert last.choices == [] and last.usage.model_dump(exclude_none=True) == USAGE
    assert text_of(chunks) == TEXT
    assert case.exchanges()[0]["stream_options"] == {"include_usage": True}


def test_usage_that_only_herald_asked_for_stays_out_of_sight(case):
    chunks = list(ask(case.openai(), "counted-text", stream=True))
    assert case.exchanges()[0]["stream_options"] == {"include_usage": True}
    assert all(chunk.usage is None for chunk in chunks)
    assert text_of(chunks) == TEXT and chunks[-1].choices[0].finish_reason == "stop"


def test_without_stream_the_whole_document_comes(case):
    through, straight = (ask(case.openai(base), "text") for base in (HERALD, PROVIDER))
    assert through.choices[0].message.content == TEXT
    assert through.model_dump() == straight.model_dump()


def test_what_the_sdk_itself_cannot_read_arrives_well_formed(case):
    with pytest.raises((UnicodeDecodeError, json.JSONDecodeError)):
        list(ask(case.openai(PROVIDER), "odd", stream=True))
    chunks = list(ask(case.openai(), "odd", stream=True))
    assert [each.model_dump() for each in chunks] == [
        each.model_dump() for each in ask(case.openai(PROVIDER), "text", stream=True)
    ]


@pytest.mark.parametrize("model", ["replay-text", "replay-reasoning", "replay-tool-call"])
def test_the_recordings_in_the_box_play_without_a_provider(case, model):
    chunks = list(ask(case.openai(), model, stream=True))
    assert chunks[-1].choices[0].finish_reason in ("stop", "tool_calls")
    assert case.exchanges() == []


def test_models_are_listed_and_told_one_by_one(case):
    client = case.openai()
    listed = client.models.list().data
    assert [each.id for each in listed][:2] == ["replay-text", "replay-tool-call"]
    assert client.models.retrieve("text").to_dict() == {
        "id": "text",
        "created": 0,
        "object": "model",
        "owned_by": "scripted",
    }
    assert {client.models.retrieve(each.id).id for each in listed} == {each.id for each in listed}
    with pytest.raises(NotFoundError) as raised:
        client.models.retrieve("no/such model")
    assert raised.value.code == "model_not_found"


def test_a_known_key_is_let_in_and_goes_no_further(case):
    client = case.openai(LOCKED, api_key=os.environ["CLIENT_KEY"])
    assert text_of(list(ask(client, "text", stream=True))) == TEXT
    assert client.models.retrieve("text").id == "text"
    headers = case.exchanges()[0]["headers"]
    assert ["authorization", f"Bearer {os.environ['PROVIDER_KEY']}"] in headers
    assert os.environ["CLIENT_KEY"] not in json.dumps(headers)


def test_of_the_clients_headers_only_the_allowed_ones_reach_the_provider(case):
    headers = {
        "openai-beta": "assistants=v2",
        "accept-language": "de",
        "idempotency-key": "once",
        "x-fireworks-trace": "1",
        "cookie": "session=secret",
        "x-api-key": "secret",
        "openai-organization": "org-secret",
        "x-forwarded-for": "10.0.0.1",
        "x-unknown": "1",
    }
    ask(case.openai(), "text", extra_headers=headers)
    sent = {name: value for name, value in case.exchanges()[0]["headers"]}
    passed = {name: sent[name] for name in headers if name in sent}
    assert passed == dict(list(headers.items())[:4])
    own = {"host", "date", "authorization", "accept", "accept-encoding", "content-type"}
    own |= {"content-length", "user-agent", "traceparent", "x-client-request-id"}
    assert set(sent) - set(passed) <= own
    assert sent["accept-encoding"] == "identity"
