"""Anthropic's SDK for Python raises the class that names whose fault it is, and waits as it was told."""

import asyncio
import time

import anthropic
import pytest
from conftest import MESSAGES
from scenarios import FOR_THE_CLIENT, NOT_FOR_THE_CLIENT, WORDS
from scenarios_anthropic import FOR_THE_CLIENT as ANTHROPIC_FOR_THE_CLIENT
from test_anthropic import BOTH, message_of, options
from test_leaving import left_after


def failure(case, is_stream, model, kind):
    with pytest.raises(anthropic.APIStatusError) as raised:
        message_of(case.anthropic(), is_stream, model)
    assert type(raised.value) is kind, raised.value
    return raised.value


@BOTH
def test_a_rate_limit_comes_with_its_headers(case, family, is_stream):
    error = failure(case, is_stream, f"{family}/limited-always", anthropic.RateLimitError)
    headers = error.response.headers
    assert (headers["retry-after"], headers["x-upstream-status"]) == ("17", "429")
    for name, value in ANTHROPIC_FOR_THE_CLIENT if family == "anthropic" else FOR_THE_CLIENT:
        assert headers[name] == value
    for name in [*(name for name, _ in NOT_FOR_THE_CLIENT), "anthropic-organization-id"]:
        assert name not in headers
    assert error.body["type"] == "error"
    assert error.body["error"]["type"] == "rate_limit_error"
    assert "rate limit" in error.body["error"]["message"].lower()
    assert error.body["upstream"]["provider"] == family


@BOTH
@pytest.mark.parametrize(
    ("model", "kind", "word", "theirs"),
    [
        ("refused-400", anthropic.BadRequestError, "invalid_request_error", 400),
        ("refused-401", anthropic.InternalServerError, "api_error", 401),
        ("failing-500", anthropic.InternalServerError, "api_error", 500),
        ("failing-503", anthropic.ServiceUnavailableError, "overloaded_error", None),
    ],
)
def test_a_failure_raises_the_class_that_names_whose_fault_it_is(case, family, is_stream, model, kind, word, theirs):
    error = failure(case, is_stream, f"{family}/{model}", kind)
    assert error.body["error"]["type"] == word
    # Anthropic's own word for it is 529, of which no SDK but its own knows.
    overloaded = 529 if family == "anthropic" else 503
    assert error.response.headers["x-upstream-status"] == str(theirs or overloaded)


def test_an_error_before_any_content_is_a_status(case, family):
    failure(case, True, f"{family}/error-first", anthropic.RateLimitError)


@BOTH
def test_an_unknown_model_never_reaches_a_provider(case, is_stream):
    error = failure(case, is_stream, "no/such-model", anthropic.NotFoundError)
    assert error.body["error"]["type"] == "not_found_error"
    assert case.exchanges() == []


def test_a_document_or_a_stream_without_a_bound_is_refused_as_anthropic_refuses_it(case):
    with pytest.raises(anthropic.BadRequestError) as raised:
        case.anthropic().post("/v1/messages", body={"model": "openai/text", "messages": MESSAGES}, cast_to=dict)
    assert "max_tokens" in raised.value.body["error"]["message"]
    assert case.exchanges() == []


def broken_stream(case, model):
    """The text before the break, and the error that tells of it."""
    text = ""
    with pytest.raises(anthropic.APIStatusError) as raised:
        for event in case.anthropic().messages.create(**options(model, stream=True)):
            assert event.type not in ("message_stop", "message_delta")
            if event.type == "content_block_delta":
                text += event.delta.text
    return text, raised.value


def test_an_error_in_the_stream_raises_with_the_providers_words(case, family):
    text, error = broken_stream(case, f"{family}/error-mid-stream")
    assert text == "".join(WORDS[:3])
    kind, words = ("overloaded_error", "Overloaded") if family == "anthropic" else ("api_error", "The server had")
    assert error.body["error"]["type"] == kind
    assert words in error.body["error"]["message"]


@pytest.mark.parametrize(("model", "code"), [("truncated", "upstream_truncated"), ("reset", "upstream_reset")])
def test_a_stream_that_breaks_off_raises_instead_of_ending(case, family, model, code):
    text, error = broken_stream(case, f"{family}/{model}")
    assert text == "".join(WORDS[:3])
    assert error.body["error"]["code"] == code


def test_the_stream_helper_raises_when_a_stream_breaks_off(case, family):
    with pytest.raises(anthropic.APIStatusError):
        message_of(case.anthropic(), True, f"{family}/truncated")


def test_a_rate_limit_is_waited_for_as_long_as_the_provider_said(case, family):
    assert message_of(case.anthropic(max_retries=2), True, f"{family}/limited-once").stop_reason == "end_turn"
    first, second = case.exchanges()
    assert 1.0 <= second["received_at"] - first["received_at"] < 3.0


@pytest.mark.parametrize("model", ["refused-400", "refused-401"])
def test_what_a_repeat_cannot_mend_is_asked_once(case, family, model):
    with pytest.raises(anthropic.APIStatusError):
        message_of(case.anthropic(max_retries=2), True, f"{family}/{model}")
    assert len(case.exchanges()) == 1


def test_leaving_the_stream_stops_the_provider(case, family):
    with case.anthropic().messages.stream(**options(f"{family}/endless")) as stream:
        assert [next(stream.text_stream) for _ in range(5)]
        since = time.monotonic()
    assert left_after(case, since)["sent"] >= 5


def test_a_cancelled_task_stops_the_provider(case, family):
    async def leave():
        async with case.async_anthropic() as client:
            stream = await client.messages.create(**options(f"{family}/endless", stream=True))
            await anext(stream)
            reading = asyncio.create_task(anext_for_ever(stream))
            await asyncio.sleep(0)
            since = time.monotonic()
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            return await asyncio.to_thread(left_after, case, since)

    assert asyncio.run(leave())["sent"] >= 1


async def anext_for_ever(stream):
    async for _ in stream:
        pass


def test_a_client_that_times_out_stops_a_provider_that_says_nothing(case, family):
    since = time.monotonic()
    with pytest.raises(anthropic.APITimeoutError):
        message_of(case.anthropic(timeout=0.4), True, f"{family}/silent")
    left_after(case, since + 0.4)
