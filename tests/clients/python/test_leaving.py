"""The client leaves, the provider stops: within a second, by the provider's own record."""

import asyncio
import time

import openai
import pytest
from conftest import ask


def left_after(case, since):
    [exchange] = case.ended()
    assert exchange["end"] == "left"
    assert exchange["ended_at"] - since < 1.0
    return exchange


def test_closing_a_stream_stops_the_provider(case):
    stream = ask(case.openai(), "endless", stream=True)
    assert [next(stream) for _ in range(5)]
    since = time.monotonic()
    stream.close()
    assert left_after(case, since)["sent"] >= 5


def test_leaving_the_with_block_stops_the_provider(case):
    with ask(case.openai(), "endless", stream=True) as stream:
        next(stream)
        since = time.monotonic()
    left_after(case, since)


def test_leaving_the_stream_helper_stops_the_provider(case):
    with case.openai().chat.completions.stream(model="endless", messages=[]) as stream:
        next(iter(stream))
        since = time.monotonic()
    left_after(case, since)


def test_leaving_a_stream_that_says_nothing_stops_the_provider(case):
    stream = ask(case.openai(), "paused", stream=True)
    next(stream)
    since = time.monotonic()
    stream.close()
    left_after(case, since)


def test_a_cancelled_task_stops_the_provider(case):
    async def leave():
        async with case.async_openai() as client:
            stream = await ask(client, "endless", stream=True)
            began = asyncio.Event()

            async def read():
                async for _ in stream:
                    began.set()

            reading = asyncio.create_task(read())
            await began.wait()
            since = time.monotonic()
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            # The record is read here, before the client is closed with everything it holds.
            return await asyncio.to_thread(left_after, case, since)

    assert asyncio.run(leave())["sent"] >= 1


@pytest.mark.parametrize("model", ["silent", "gated"])
def test_a_client_that_times_out_stops_a_provider_that_says_nothing(case, model):
    since = time.monotonic()
    with pytest.raises(openai.APITimeoutError):
        list(ask(case.openai(timeout=0.4), model, stream=True))
    left_after(case, since + 0.4)


def test_a_stream_that_was_read_to_its_end_was_not_left(case):
    list(ask(case.openai(), "text", stream=True))
    assert [each["end"] for each in case.ended()] == ["complete"]
