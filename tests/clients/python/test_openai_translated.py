"""The Python SDK of OpenAI over a provider of Anthropic's family."""

import asyncio
import json
import os
import time

import openai
import pytest
from conftest import MESSAGES, ask, text_of
from scenarios import CITIES, TEXT, THOUGHT, WORDS
from scenarios_anthropic import REDACTED_BLOCK, SIGNATURE, THINKING_BLOCK
from test_leaving import left_after
from test_streams import WEATHER

BOTH = pytest.mark.parametrize("is_stream", [True, False], ids=["stream", "document"])


def completion_of(client, is_stream, model, **more):
    """A whole completion: as a document, or gathered from a stream by the SDK."""
    options = {"model": model, "messages": MESSAGES, **more}
    if not is_stream:
        return client.chat.completions.create(**options)
    with client.chat.completions.stream(**options) as stream:
        return stream.get_final_completion()


@BOTH
def test_a_completion_says_what_the_provider_said(case, is_stream):
    completion = completion_of(case.openai(), is_stream, "anthropic/text")
    assert completion.choices[0].message.content == TEXT
    assert completion.choices[0].finish_reason == "stop"
    assert (completion.id, completion.model) == ("msg_scripted", "scripted-2026-11-02")
    assert (completion.usage is None) == is_stream


def test_text_comes_as_it_was_said_piece_by_piece(case):
    chunks = list(ask(case.openai(), "anthropic/text", stream=True))
    assert [each.choices[0].delta.content for each in chunks if each.choices[0].delta.content] == WORDS


@BOTH
@pytest.mark.parametrize(("model", "inputs"), [("tools", ["Wien"]), ("parallel-tools", CITIES)])
def test_tools_are_called_and_their_results_go_back(case, is_stream, model, inputs):
    client, model = case.openai(), f"anthropic/{model}"
    first = completion_of(client, is_stream, model, tools=[WEATHER]).choices[0]
    calls = first.message.tool_calls
    assert [json.loads(call.function.arguments) for call in calls] == [{"city": city} for city in inputs]
    assert first.finish_reason == "tool_calls"
    said = {"role": "assistant", "content": None, "tool_calls": [plain(call) for call in calls]}
    results = [{"role": "tool", "tool_call_id": call.id, "content": "snow"} for call in calls]
    answer = completion_of(client, is_stream, model, tools=[WEATHER], messages=[*MESSAGES, said, *results])
    assert answer.choices[0].message.content == TEXT


def plain(call):
    function = {"name": call.function.name, "arguments": call.function.arguments}
    return {"id": call.id, "type": "function", "function": function}


def test_thoughts_come_with_their_signature_and_go_back_with_the_result(case):
    client = case.openai()
    options = {"model": "anthropic/thinking", "reasoning_effort": "high", "tools": [WEATHER]}
    message = client.chat.completions.create(messages=MESSAGES, **options).choices[0].message
    assert message.reasoning_content == THOUGHT
    thought, redacted = message.reasoning_details
    assert (thought["text"], thought["signature"]) == (THOUGHT, SIGNATURE)
    assert redacted["data"] == REDACTED_BLOCK["data"]
    result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "snow"}
    messages = [*MESSAGES, message.to_dict(), result]
    answer = client.chat.completions.with_raw_response.create(messages=messages, **options)
    assert answer.parse().choices[0].message.content == TEXT
    assert "x-herald-dropped" not in answer.headers
    asked = case.exchanges()[1]["body"]
    assert asked["messages"][1]["content"][:2] == [THINKING_BLOCK, REDACTED_BLOCK]
    assert (asked["thinking"]["type"], asked["output_config"]) == ("adaptive", {"effort": "high"})


def test_thoughts_are_streamed_where_servers_of_open_models_have_them(case):
    chunks = list(ask(case.openai(), "anthropic/thinking", stream=True, reasoning_effort="low"))
    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas) == THOUGHT
    details = [each for delta in deltas for each in getattr(delta, "reasoning_details", None) or []]
    assert SIGNATURE in [each.get("signature") for each in details]
    assert text_of(chunks) == TEXT


def test_usage_counts_the_cache_among_the_prompt(case):
    told = ask(case.openai(), "anthropic/cached").usage
    *chunks, last = ask(case.openai(), "anthropic/cached", stream=True, stream_options={"include_usage": True})
    assert all(chunk.usage is None for chunk in chunks)
    for usage in (told, last.usage):
        assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (100, 25, 125)
        assert usage.prompt_tokens_details.cached_tokens == 64


def test_what_the_client_says_is_told_in_anthropics_words(case):
    system = {"role": "system", "content": "Be short."}
    answer = case.openai().chat.completions.with_raw_response.create(
        model="anthropic/text",
        messages=[system, *MESSAGES],
        max_completion_tokens=1000,
        stop="END",
        tools=[WEATHER],
        tool_choice="required",
        parallel_tool_calls=False,
        user="u-1",
        seed=7,
    )
    assert answer.headers["x-herald-dropped"] == "seed"
    [exchange] = case.exchanges()
    function = WEATHER["function"]
    assert exchange["path"] == "/v1/messages"
    assert exchange["body"] == {
        "model": "text",
        "system": "Be short.",
        "messages": MESSAGES,
        "max_tokens": 1000,
        "stop_sequences": ["END"],
        "tools": [
            {
                "name": "get_weather",
                "description": "Tells the weather.",
                "input_schema": function["parameters"],
                "strict": True,
            }
        ],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
        "metadata": {"user_id": "u-1"},
        "stream": False,
    }
    headers = dict(exchange["headers"])
    assert (headers["x-api-key"], headers["anthropic-version"]) == (os.environ["PROVIDER_KEY"], "2023-06-01")
    assert "authorization" not in headers


@BOTH
@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("limited-always", openai.RateLimitError),
        ("refused-400", openai.BadRequestError),
        ("refused-401", openai.InternalServerError),
        ("failing-503", openai.InternalServerError),
    ],
)
def test_a_failure_raises_the_class_that_names_whose_fault_it_is(case, is_stream, model, kind):
    with pytest.raises(openai.APIStatusError) as raised:
        completion_of(case.openai(), is_stream, f"anthropic/{model}")
    error = raised.value
    assert type(error) is kind
    assert error.type and error.body["message"]
    headers = error.response.headers
    assert headers["request-id"] == "req_scripted_2"
    assert headers.get("retry-after") == {"limited-always": "17", "failing-503": "5"}.get(model)


def test_a_rate_limit_is_waited_for_as_long_as_the_provider_said(case):
    assert text_of(list(ask(case.openai(max_retries=2), "anthropic/limited-once", stream=True))) == TEXT
    first, second = case.exchanges()
    assert 1.0 <= second["received_at"] - first["received_at"] < 3.0


@pytest.mark.parametrize("model", ["error-mid-stream", "truncated", "reset"])
def test_a_stream_that_breaks_off_raises_instead_of_ending(case, model):
    chunks = []
    with pytest.raises(openai.APIError) as raised:
        for chunk in ask(case.openai(), f"anthropic/{model}", stream=True):
            chunks.append(chunk)
    assert text_of(chunks) == "".join(WORDS[:3])
    assert all(chunk.choices[0].finish_reason is None for chunk in chunks)
    assert raised.value.body["type"]


def test_closing_a_stream_stops_the_provider(case):
    stream = ask(case.openai(), "anthropic/endless", stream=True)
    assert [next(stream) for _ in range(5)]
    since = time.monotonic()
    stream.close()
    left_after(case, since)


def test_many_async_streams_of_both_families_do_not_mix(case):
    async def read(client, model):
        return text_of([chunk async for chunk in await ask(client, model, stream=True)])

    async def all_of_them():
        async with case.async_openai() as client:
            models = ["openai/text", "anthropic/text"] * 10
            return await asyncio.gather(*(read(client, model) for model in models))

    assert set(asyncio.run(all_of_them())) == {TEXT}


def test_a_picture_and_a_document_are_told_in_anthropics_words(case):
    pdf = {"filename": "news.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}
    content = [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGVyYWxk", "detail": "low"}},
        {"type": "file", "file": pdf},
        {"type": "text", "text": MESSAGES[0]["content"]},
    ]
    answer = case.openai().chat.completions.with_raw_response.create(
        model="anthropic/text", messages=[{"role": "user", "content": content}]
    )
    assert answer.headers["x-herald-dropped"] == "image.detail"
    picture = {"type": "base64", "media_type": "image/png", "data": "aGVyYWxk"}
    document = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}
    assert case.exchanges()[0]["body"]["messages"][0]["content"] == [
        {"type": "image", "source": picture},
        {"type": "document", "source": document, "title": "news.pdf"},
        {"type": "text", "text": MESSAGES[0]["content"]},
    ]
