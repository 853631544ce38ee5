"""What a client sees of a gateway that is told to stop."""

import os
import time
import urllib.request

import openai
import pytest
from conftest import ask, text_of
from processes import PATIENCE, Process
from scenarios import TEXT


@pytest.fixture
def start(tmp_path):
    """Starts a Herald of this test's own, with so many seconds to drain."""
    started = []

    def start(drain: str) -> Process:
        command = [os.environ["HERALD_BIN"], "--settings", os.environ["HERALD_SETTINGS"]]
        started.append(Process("herald", command, tmp_path / "log", HERALD__SERVER__DRAIN_TIMEOUT=drain))
        return started[-1]

    yield start
    for process in started:
        process.stop()


def test_a_stream_that_outlasts_the_drain_ends_with_an_error_that_says_so(case, start):
    herald = start("1s")
    stream = ask(case.openai(herald.address()), "endless", stream=True)
    next(stream)
    herald.child.terminate()
    with pytest.raises(openai.APIError) as raised:
        list(stream)
    assert raised.value.code == "gateway_draining"
    [exchange] = case.ended()
    assert exchange["end"] == "left"
    assert herald.child.wait(PATIENCE) == 3, "one was cut"


def test_a_stream_that_ends_within_the_drain_is_whole(case, start):
    herald = start("15s")
    address = herald.address()
    stream = ask(case.openai(address), "paused", stream=True)
    chunks = [next(stream)]
    herald.child.terminate()
    wait_until_it_takes_no_more(address)
    case.release()
    assert text_of([*chunks, *stream]) == TEXT
    assert herald.child.wait(PATIENCE) == 0


def test_a_second_signal_ends_it_at_once_and_the_exit_code_says_that_a_stream_was_cut(case, start):
    herald = start("1h")
    address = herald.address()
    stream = ask(case.openai(address), "endless", stream=True)
    next(stream)
    herald.child.terminate()
    wait_until_it_takes_no_more(address)
    herald.child.terminate()
    assert herald.child.wait(timeout=PATIENCE) == 3
    with pytest.raises(Exception):
        list(stream)


def wait_until_it_takes_no_more(address: str) -> None:
    """Asks until readiness says 503 or the port is closed."""
    patience_ends = time.monotonic() + PATIENCE
    while time.monotonic() < patience_ends:
        try:
            urllib.request.urlopen(f"{address}/health/ready", timeout=5).close()
        except OSError:
            return
    pytest.fail("it still says that it is ready")
