"""OpenAI's responses with its SDK for Python: as they are, and over providers that have none."""

import json
import time

import openai
import pytest
from conftest import MESSAGES
from scenarios import CITIES, TEXT, THOUGHT, WORDS
from scenarios_anthropic import REDACTED_BLOCK, THINKING_BLOCK
from scenarios_responses import PROOF
from test_leaving import left_after

PROMPT = MESSAGES[0]["content"]
BOTH = pytest.mark.parametrize("is_stream", [True, False], ids=["stream", "document"])
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Tells the weather.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}


@pytest.fixture(params=["responses", "openai", "anthropic"])
def family(request) -> str:
    """What the provider speaks; `responses` is the one that needs no translation."""
    return request.param


def response_of(client, is_stream, model, **more):
    """A whole response: as a document, or gathered from a stream by the SDK."""
    options = {"model": model, "input": PROMPT, **more}
    if not is_stream:
        return client.responses.create(**options)
    with client.responses.stream(**options) as stream:
        return stream.get_final_response()


@BOTH
def test_a_response_says_what_the_provider_said(case, family, is_stream):
    response = response_of(case.openai(), is_stream, f"{family}/text")
    assert (response.output_text, response.status) == (TEXT, "completed")
    assert response.model == "scripted-2026-11-02"


def test_text_comes_as_it_was_said_piece_by_piece_and_events_are_numbered(case, family):
    events = list(case.openai().responses.create(model=f"{family}/text", input=PROMPT, stream=True))
    assert [event.delta for event in events if event.type == "response.output_text.delta"] == WORDS
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert (events[0].type, events[-1].type) == ("response.created", "response.completed")


@BOTH
@pytest.mark.parametrize(("model", "cities"), [("tools", ["Wien"]), ("parallel-tools", CITIES)])
def test_tools_are_called_and_their_results_go_back(case, family, is_stream, model, cities):
    client, model = case.openai(), f"{family}/{model}"
    response = response_of(client, is_stream, model, tools=[WEATHER])
    calls = [item for item in response.output if item.type == "function_call"]
    assert [json.loads(call.arguments) for call in calls] == [{"city": city} for city in cities]
    results = [{"type": "function_call_output", "call_id": call.call_id, "output": "snow"} for call in calls]
    said = [{"role": "user", "content": PROMPT}, *(plain(item) for item in response.output), *results]
    assert response_of(client, is_stream, model, tools=[WEATHER], input=said).output_text == TEXT


def plain(item):
    """An item as it goes back; what the SDK parsed for itself is no part of it."""
    return item.model_dump(exclude={"parsed_arguments"}, exclude_none=True, warnings=False)


@BOTH
def test_thoughts_are_shown_as_a_summary(case, family, is_stream):
    response = response_of(case.openai(), is_stream, f"{family}/thinking", reasoning={"effort": "low"})
    [thought, *_] = [item for item in response.output if item.type == "reasoning"]
    assert thought.summary[0].text == THOUGHT
    assert response.output_text == TEXT


@BOTH
@pytest.mark.parametrize("family", ["responses", "anthropic"])
def test_thoughts_go_back_with_the_result_as_they_came(case, family, is_stream):
    client, model = case.openai(), f"{family}/thinking"
    asked = {"tools": [WEATHER], "reasoning": {"effort": "low", "summary": "auto"}, "store": False}
    response = response_of(client, is_stream, model, include=["reasoning.encrypted_content"], **asked)
    call = response.output[-1]
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "snow"}
    said = [{"role": "user", "content": PROMPT}, *(plain(item) for item in response.output), result]
    assert response_of(client, is_stream, model, input=said, **asked).output_text == TEXT
    body = case.exchanges()[1]["body"]
    if family == "responses":
        assert body["input"][1]["encrypted_content"] == PROOF
    else:
        assert body["messages"][1]["content"][:2] == [THINKING_BLOCK, REDACTED_BLOCK]


@BOTH
def test_usage_counts_the_cache_among_the_input(case, family, is_stream):
    usage = response_of(case.openai(), is_stream, f"{family}/cached").usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (100, 25, 125)
    assert usage.input_tokens_details.cached_tokens == 64


def test_what_the_client_says_is_told_in_the_providers_words(case):
    asked = {"instructions": "Be short.", "max_output_tokens": 1000, "tools": [WEATHER], "truncation": "auto"}
    client = case.openai().responses.with_raw_response
    for family in ("openai", "anthropic"):
        answer = client.create(model=f"{family}/text", input=PROMPT, **asked)
        assert answer.headers["x-herald-dropped"] == "truncation"
    chat, messages = case.exchanges()
    function = {name: value for name, value in WEATHER.items() if name != "type"}
    assert (chat["path"], messages["path"]) == ("/v1/chat/completions", "/v1/messages")
    assert chat["body"] == {
        "model": "text",
        "messages": [{"role": "system", "content": "Be short."}, *MESSAGES],
        "max_completion_tokens": 1000,
        "tools": [{"type": "function", "function": function}],
    }
    schema = function.pop("parameters")
    assert messages["body"] == {
        "model": "text",
        "system": "Be short.",
        "messages": MESSAGES,
        "max_tokens": 1000,
        "tools": [{**function, "input_schema": schema}],
        "stream": False,
    }


@BOTH
@pytest.mark.parametrize("field", [{"store": True}, {"background": True}, {"previous_response_id": "resp_1"}])
def test_what_needs_a_memory_is_refused_where_nobody_has_one(case, is_stream, field):
    [name] = field
    for family in ("openai", "anthropic"):
        with pytest.raises(openai.BadRequestError) as raised:
            case.openai().responses.create(model=f"{family}/text", input=PROMPT, stream=is_stream, **field)
        assert raised.value.param == name
    assert case.exchanges() == []
    case.openai().responses.create(model="responses/text", input=PROMPT, stream=is_stream, **field)
    assert case.exchanges()[0]["body"][name] == field[name]


@BOTH
def test_a_rate_limit_raises_with_its_headers(case, family, is_stream):
    with pytest.raises(openai.RateLimitError) as raised:
        response_of(case.openai(), is_stream, f"{family}/limited-always")
    assert raised.value.response.headers["retry-after"] == "17"


def test_a_rate_limit_is_waited_for_as_long_as_the_provider_said(case, family):
    assert response_of(case.openai(max_retries=2), True, f"{family}/limited-once").output_text == TEXT
    first, second = case.exchanges()
    assert 1.0 <= second["received_at"] - first["received_at"] < 3.0


@pytest.mark.parametrize("model", ["error-mid-stream", "truncated", "reset"])
def test_a_stream_that_breaks_off_raises_instead_of_ending(case, family, model):
    events = []
    with pytest.raises(openai.APIError) as raised:
        for event in case.openai().responses.create(model=f"{family}/{model}", input=PROMPT, stream=True):
            events.append(event)
    assert [event.delta for event in events if event.type == "response.output_text.delta"] == WORDS[:3]
    assert "response.completed" not in [event.type for event in events]
    assert raised.value.message


def test_leaving_the_stream_stops_the_provider(case, family):
    stream = case.openai().responses.create(model=f"{family}/endless", input=PROMPT, stream=True)
    assert [next(stream) for _ in range(5)]
    since = time.monotonic()
    stream.close()
    left_after(case, since)
