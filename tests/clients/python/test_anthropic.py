"""Anthropic's SDK for Python, over a provider of its own family and over one of OpenAI's."""

import asyncio
import os

import anthropic
import pytest
from conftest import LOCKED, MESSAGES
from scenarios import CITIES, TEXT, THOUGHT
from scenarios_anthropic import REDACTED_BLOCK, SIGNATURE, THINKING_BLOCK

WEATHER = {
    "name": "get_weather",
    "description": "Tells the weather.",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
}
THINKING = {"type": "adaptive"}


def options(model, **more):
    return {"model": model, "messages": MESSAGES, "max_tokens": 1000, **more}


def message_of(client, is_stream, model, **more):
    """A whole message: as a document, or gathered from a stream by the SDK."""
    if not is_stream:
        return client.messages.create(**options(model, **more))
    with client.messages.stream(**options(model, **more)) as stream:
        return stream.get_final_message()


BOTH = pytest.mark.parametrize("is_stream", [True, False], ids=["stream", "document"])


@BOTH
def test_a_message_says_what_the_provider_said(case, family, is_stream):
    message = message_of(case.anthropic(), is_stream, f"{family}/text")
    assert [block.text for block in message.content] == [TEXT]
    assert (message.type, message.role, message.stop_reason) == ("message", "assistant", "end_turn")
    assert message.model == "scripted-2026-11-02"


def test_a_stream_has_the_events_of_anthropics_own_in_their_order(case, family):
    stream = case.anthropic().messages.create(**options(f"{family}/text", stream=True))
    names = [event.type for event in stream]
    assert names[:2] == ["message_start", "content_block_start"]
    assert set(names[2:-3]) == {"content_block_delta"}
    assert names[-3:] == ["content_block_stop", "message_delta", "message_stop"]


def test_text_comes_as_it_was_said_piece_by_piece(case, family):
    with case.anthropic().messages.stream(**options(f"{family}/text")) as stream:
        pieces = list(stream.text_stream)
    assert len(pieces) > 5 and "".join(pieces) == TEXT


def test_an_async_stream_gives_the_same_text(case, family):
    async def read():
        client = case.async_anthropic()
        async with client, client.messages.stream(**options(f"{family}/text")) as stream:
            return await stream.get_final_text()

    assert asyncio.run(read()) == TEXT


@BOTH
def test_a_tool_is_called_and_its_result_goes_back(case, family, is_stream):
    client, model = case.anthropic(), f"{family}/tools"
    message = message_of(client, is_stream, model, tools=[WEATHER])
    [call] = message.content
    assert (call.type, call.name, call.input) == ("tool_use", "get_weather", {"city": "Wien"})
    assert message.stop_reason == "tool_use"
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "snow"}
    messages = [*MESSAGES, {"role": "assistant", "content": message.content}, {"role": "user", "content": [result]}]
    answer = message_of(client, is_stream, model, tools=[WEATHER], messages=messages)
    assert answer.content[0].text == TEXT


@BOTH
def test_two_calls_at_once_stay_two(case, family, is_stream):
    client, model = case.anthropic(), f"{family}/parallel-tools"
    message = message_of(client, is_stream, model, tools=[WEATHER])
    assert [call.input for call in message.content] == [{"city": city} for city in CITIES]
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": "snow"} for call in message.content]
    messages = [*MESSAGES, {"role": "assistant", "content": message.content}, {"role": "user", "content": results}]
    answer = message_of(client, is_stream, model, tools=[WEATHER], messages=messages)
    assert answer.content[0].text == TEXT


@BOTH
def test_anthropics_thoughts_come_signed_and_go_back_with_the_result(case, is_stream):
    client, model = case.anthropic(), "anthropic/thinking"
    message = message_of(client, is_stream, model, tools=[WEATHER], thinking=THINKING)
    thought, redacted, call = message.content
    assert (thought.thinking, thought.signature) == (THOUGHT, SIGNATURE)
    assert redacted.data == REDACTED_BLOCK["data"]
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "snow"}
    messages = [*MESSAGES, {"role": "assistant", "content": message.content}, {"role": "user", "content": [result]}]
    answer = message_of(client, is_stream, model, tools=[WEATHER], thinking=THINKING, messages=messages)
    assert answer.content[-1].text == TEXT
    assert case.exchanges()[1]["body"]["messages"][1]["content"][0] == THINKING_BLOCK


@BOTH
def test_thoughts_of_another_provider_come_unsigned_and_are_told_as_lost_when_they_go_back(case, is_stream):
    client, model = case.anthropic(), "openai/thinking"
    message = message_of(client, is_stream, model, thinking=THINKING)
    thought, text = message.content
    assert (thought.thinking, thought.signature, text.text) == (THOUGHT, "", TEXT)
    messages = [*MESSAGES, {"role": "assistant", "content": message.content}, *MESSAGES]
    answer = client.messages.with_raw_response.create(**options(model, messages=messages))
    assert answer.headers["x-herald-dropped"] == "thinking"
    assert case.exchanges()[1]["body"]["messages"][1] == {"role": "assistant", "content": TEXT}


@BOTH
def test_usage_tells_the_cache_apart(case, family, is_stream):
    usage = message_of(case.anthropic(), is_stream, f"{family}/cached").usage
    written = 10 if family == "anthropic" else 0
    assert (usage.input_tokens, usage.cache_read_input_tokens) == (36 - written, 64)
    assert (usage.cache_creation_input_tokens or 0, usage.output_tokens) == (written, 25)


def test_what_the_client_says_is_told_in_openais_words(case):
    message_of(
        case.anthropic(),
        True,
        "openai/text",
        system="Be short.",
        stop_sequences=["END"],
        tools=[WEATHER],
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
        metadata={"user_id": "u-1"},
    )
    [exchange] = case.exchanges()
    function = {"name": "get_weather", "description": "Tells the weather.", "parameters": WEATHER["input_schema"]}
    assert exchange["path"] == "/v1/chat/completions"
    assert exchange["body"] == {
        "model": "text",
        "messages": [{"role": "system", "content": "Be short."}, *MESSAGES],
        "max_completion_tokens": 1000,
        "stop": ["END"],
        "tools": [{"type": "function", "function": function}],
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "user": "u-1",
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    headers = dict(exchange["headers"])
    assert headers["authorization"] == f"Bearer {os.environ['PROVIDER_KEY']}"
    assert "x-api-key" not in headers


def test_a_provider_of_its_own_family_is_told_just_what_the_client_said(case):
    body = options("anthropic/text", system="Be short.")
    invented = {"of_tomorrow": {"a": [1]}}
    headers = {"anthropic-beta": "a-2026-01-01"}
    client = case.anthropic()
    client.messages.create(**body, extra_body=invented, extra_headers=headers)
    [exchange] = case.exchanges()
    assert (exchange["path"], exchange["body"]) == ("/v1/messages", {**body, **invented, "model": "text"})
    headers = dict(exchange["headers"])
    assert headers["x-api-key"] == os.environ["PROVIDER_KEY"]
    assert headers["anthropic-version"] == client.default_headers["anthropic-version"]
    assert headers["anthropic-beta"] == "a-2026-01-01"
    assert "authorization" not in headers


def test_tokens_are_counted_where_the_provider_can_count(case):
    client = case.anthropic()
    assert client.messages.count_tokens(model="anthropic/text", messages=MESSAGES).input_tokens == 7
    with pytest.raises(anthropic.BadRequestError) as raised:
        client.messages.count_tokens(model="openai/text", messages=MESSAGES)
    assert raised.value.body["error"]["code"] == "unsupported_endpoint"
    assert [each["path"] for each in case.exchanges()] == ["/v1/messages/count_tokens"]


@pytest.mark.parametrize("credential", ["api_key", "auth_token"])
def test_a_known_key_is_let_in_by_either_header_and_goes_no_further(case, credential):
    client = case.anthropic(LOCKED, **{"api_key": None, credential: os.environ["CLIENT_KEY"]})
    assert message_of(client, True, "anthropic/text").content[0].text == TEXT
    assert os.environ["CLIENT_KEY"] not in str(case.exchanges()[0]["headers"])


def test_an_unknown_key_is_an_authentication_error(case):
    with pytest.raises(anthropic.AuthenticationError):
        message_of(case.anthropic(LOCKED, api_key="wrong"), True, "anthropic/text")
    assert case.exchanges() == []


def test_models_are_listed_in_anthropics_shape(case):
    client = case.anthropic()
    listed = list(client.models.list())
    assert "anthropic/text" in [model.id for model in listed]
    assert client.models.retrieve("text").type == "model"


def test_the_sdks_own_loop_calls_tools_until_the_answer(case, family):
    @anthropic.beta_tool
    def get_weather(city: str) -> str:
        """Tells the weather.

        Args:
            city: Where.
        """
        return f"snow in {city}"

    client, body = case.anthropic(), options(f"{family}/parallel-tools")
    runner = client.beta.messages.tool_runner(tools=[get_weather], betas=["a-2026-01-01"], **body)
    assert runner.until_done().content[0].text == TEXT
    first, second = case.exchanges()
    assert first["path"].startswith("/v1/")
    assert all(f"snow in {city}" in str(second["body"]["messages"]) for city in CITIES)


def test_a_picture_and_a_document_are_told_in_openais_words(case):
    picture = {"type": "base64", "media_type": "image/png", "data": "aGVyYWxk"}
    document = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}
    content = [
        {"type": "image", "source": picture},
        {"type": "document", "source": document, "title": "news.pdf"},
        {"type": "text", "text": MESSAGES[0]["content"], "cache_control": {"type": "ephemeral"}},
    ]
    answer = case.anthropic().messages.with_raw_response.create(
        model="openai/text", max_tokens=1000, messages=[{"role": "user", "content": content}]
    )
    assert answer.headers["x-herald-dropped"] == "cache_control"
    assert case.exchanges()[0]["body"]["messages"][0]["content"] == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGVyYWxk"}},
        {"type": "file", "file": {"filename": "news.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
        {"type": "text", "text": MESSAGES[0]["content"]},
    ]
