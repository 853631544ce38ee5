"""LangChain's ChatOpenAI, over a provider of OpenAI's family and over one of Anthropic's."""

import asyncio
import time

import openai
import pytest
from conftest import HERALD, MESSAGES
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel
from scenarios import CITIES, TEXT, THOUGHT, WORDS
from scenarios_anthropic import REDACTED_BLOCK, THINKING_BLOCK
from test_leaving import left_after

PROMPT = HumanMessage(MESSAGES[0]["content"])


@tool
def get_weather(city: str) -> str:
    """Tells the weather."""
    return f"snow in {city}"


class Weather(BaseModel):
    city: str


def chat(case, model, **more):
    return ChatOpenAI(model=model, stream_usage=True, **{**case.options(HERALD), **more})


def gathered(chunks):
    whole = None
    for chunk in chunks:
        whole = chunk if whole is None else whole + chunk
    return whole


def answer_of(model, is_stream, messages):
    """A whole answer, by `stream` or by `invoke`."""
    return gathered(model.stream(messages)) if is_stream else model.invoke(messages)


BOTH = pytest.mark.parametrize("is_stream", [True, False], ids=["stream", "invoke"])


@BOTH
def test_an_answer_has_its_text_and_its_reason_to_end(case, family, is_stream):
    answer = answer_of(chat(case, f"{family}/text"), is_stream, [PROMPT])
    assert answer.text == TEXT
    assert answer.response_metadata["finish_reason"] == "stop"
    assert answer.response_metadata["model_name"] == "scripted-2026-11-02"


def test_async_streams_of_both_families_give_the_same_text(case):
    async def read(model):
        return gathered([chunk async for chunk in chat(case, model).astream([PROMPT])]).text

    async def both():
        return await asyncio.gather(read("openai/text"), read("anthropic/text"))

    assert asyncio.run(both()) == [TEXT, TEXT]


@BOTH
@pytest.mark.parametrize(("model", "cities"), [("tools", ["Wien"]), ("parallel-tools", CITIES)])
def test_tools_are_called_and_their_results_go_back(case, family, is_stream, model, cities):
    model = chat(case, f"{family}/{model}").bind_tools([get_weather])
    called = answer_of(model, is_stream, [PROMPT])
    assert [call["args"] for call in called.tool_calls] == [{"city": city} for city in cities]
    results = [get_weather.invoke(call) for call in called.tool_calls]
    assert all(isinstance(result, ToolMessage) for result in results)
    assert answer_of(model, is_stream, [PROMPT, called, *results]).text == TEXT


@BOTH
def test_with_responses_thoughts_go_back_with_the_result(case, is_stream):
    thinks = {"reasoning": {"effort": "low", "summary": "auto"}, "include": ["reasoning.encrypted_content"]}
    model = chat(case, "anthropic/thinking", use_responses_api=True, store=False, **thinks)
    model = model.bind_tools([get_weather])
    called = answer_of(model, is_stream, [PROMPT])
    assert [block["reasoning"] for block in called.content_blocks if block.get("reasoning")] == [THOUGHT]
    results = [get_weather.invoke(call) for call in called.tool_calls]
    assert answer_of(model, is_stream, [PROMPT, called, *results]).text == TEXT
    said = case.exchanges()[1]["body"]["messages"][1]["content"]
    assert said[:2] == [THINKING_BLOCK, REDACTED_BLOCK]


@BOTH
def test_thoughts_that_it_has_no_word_for_do_not_disturb_it(case, family, is_stream):
    model = chat(case, f"{family}/thinking", reasoning_effort="low")
    first = answer_of(model, is_stream, [PROMPT])
    assert first.text == TEXT
    assert answer_of(model, is_stream, [PROMPT, first, PROMPT]).text == TEXT


@BOTH
def test_usage_tells_what_came_out_of_the_cache(case, family, is_stream):
    usage = answer_of(chat(case, f"{family}/cached"), is_stream, [PROMPT]).usage_metadata
    assert (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) == (100, 25, 125)
    assert usage["input_token_details"]["cache_read"] == 64


def test_a_structure_is_asked_for_in_the_providers_words_and_comes(case, family):
    model = chat(case, f"{family}/structured").with_structured_output(Weather)
    assert model.invoke([PROMPT]) == Weather(city="Wien")
    body = case.exchanges()[0]["body"]
    asked = body["output_config"]["format"] if family == "anthropic" else body["response_format"]["json_schema"]
    assert asked["schema"]["properties"].keys() == {"city"}


@BOTH
def test_a_rate_limit_raises_with_its_headers(case, family, is_stream):
    with pytest.raises(openai.RateLimitError) as raised:
        answer_of(chat(case, f"{family}/limited-always"), is_stream, [PROMPT])
    assert raised.value.response.headers["retry-after"] == "17"
    assert len(case.exchanges()) == 1


def test_a_rate_limit_is_waited_for_as_long_as_the_provider_said(case, family):
    assert chat(case, f"{family}/limited-once", max_retries=2).invoke([PROMPT]).text == TEXT
    first, second = case.exchanges()
    assert 1.0 <= second["received_at"] - first["received_at"] < 3.0


@pytest.mark.parametrize("model", ["error-mid-stream", "truncated", "reset"])
def test_a_stream_that_breaks_off_raises_instead_of_ending(case, family, model):
    chunks = []
    with pytest.raises(openai.APIError):
        for chunk in chat(case, f"{family}/{model}").stream([PROMPT]):
            chunks.append(chunk)
    assert gathered(chunks).text == "".join(WORDS[:3])


def test_closing_a_stream_stops_the_provider(case, family):
    stream = chat(case, f"{family}/endless").stream([PROMPT])
    assert [next(stream) for _ in range(5)]
    since = time.monotonic()
    stream.close()
    left_after(case, since)
