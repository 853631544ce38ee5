"""Who repeats what, counted where it arrives."""

import asyncio

import openai
import pytest
from conftest import ask, text_of
from scenarios import TEXT

#: The SDK's own default.
RETRIES = {"max_retries": 2}


def test_a_rate_limit_is_waited_for_as_long_as_the_provider_said(case):
    stream = ask(case.openai(**RETRIES), "limited-once", stream=True)
    assert text_of(list(stream)) == TEXT
    first, second = case.exchanges()
    assert 1.0 <= second["received_at"] - first["received_at"] < 3.0


def test_an_async_client_waits_as_long(case):
    async def read():
        async with case.async_openai(**RETRIES) as client:
            return [chunk async for chunk in await ask(client, "limited-once", stream=True)]

    assert text_of(asyncio.run(read())) == TEXT
    first, second = case.exchanges()
    assert 1.0 <= second["received_at"] - first["received_at"] < 3.0


@pytest.mark.parametrize("model", ["refused-400", "refused-401", "refused-403", "refused-404", "redirect"])
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "document"])
def test_what_a_repeat_cannot_mend_is_asked_once(case, model, stream):
    with pytest.raises(openai.APIStatusError):
        ask(case.openai(**RETRIES), model, stream=stream)
    assert len(case.exchanges()) == 1


def test_a_failing_provider_is_asked_as_often_as_the_client_wants_and_no_more(case):
    with pytest.raises(openai.InternalServerError):
        ask(case.openai(**RETRIES), "failing-500", stream=True)
    assert len(case.exchanges()) == 3


def test_herald_never_repeats_by_itself(case):
    for model in ("failing-500", "failing-503", "limited-always", "error-first"):
        before = len(case.exchanges())
        with pytest.raises(openai.APIStatusError):
            ask(case.openai(), model, stream=True)
        assert len(case.exchanges()) == before + 1


def test_a_broken_stream_is_not_begun_anew(case):
    with pytest.raises(openai.APIError):
        list(ask(case.openai(**RETRIES), "truncated", stream=True))
    assert len(case.exchanges()) == 1
