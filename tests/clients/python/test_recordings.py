"""As a new user would: what a real provider once said, read straight and read through Herald.

The recordings stand outside the project (RECORDINGS_DIR); where they are absent these are skipped.
"""

import json
from fnmatch import fnmatch

import openai
import pytest
from conftest import HERALD, PROVIDER, ask
from scenarios import recordings

PLAYED = recordings()
ABSENT = [pytest.param("", marks=pytest.mark.skip(reason="RECORDINGS_DIR has no recordings"))]
EACH = pytest.mark.parametrize("model", list(PLAYED) or ABSENT)
ERRORS = [each for each in PLAYED if "/err-" in each]

#: Written out on their own, not read from the settings: this is what a user is told.
ALLOWED = [
    *("x-request-id", "request-id", "apim-request-id", "x-ms-client-request-id", "x-amzn-requestid"),
    *("mistral-correlation-id", "x-kong-request-id", "x-ds-trace-id", "x-debug-trace-id"),
    *("x-generation-id", "inference-id", "traceresponse"),
    *("x-ratelimit-*", "anthropic-ratelimit-*", "x-trial-endpoint-call-*", "x-endpoint-monthly-call-limit"),
    *("retry-after", "retry-after-ms", "x-should-retry"),
    *("openai-processing-ms", "fireworks-*"),
    *("openai-version", "openai-model", "x-cody-resolved-model", "x-groq-region", "x-ms-region"),
    *("x-ms-deployment-name", "x-api-warning"),
]
OWN = {"content-type", "cache-control", "date", "server-timing", "x-herald-request-id"}
OWN |= {"x-upstream-status", "x-upstream-provider", "x-upstream-model"}
OWN |= {"x-herald-settings-generation"}
OWN_OF_STREAMS = {
    "transfer-encoding",
    "content-encoding",
    "x-accel-buffering",
    "x-upstream-time-to-first-token",
}
OWN_OF_ERRORS = {"content-length", "proxy-status"}


def read(case, base, model):
    """The head, the chunks, and the error if there was one."""
    chunks = []
    try:
        stream = ask(case.openai(base), model, stream=True)
        for chunk in stream:
            chunks.append(chunk.model_dump())
    except openai.APIStatusError as error:
        return error.response, chunks, error
    except openai.APIError as error:
        return stream.response, chunks, error
    return stream.response, chunks, None


@EACH
def test_a_recording_reads_the_same_through_herald(case, model):
    _, straight, failed_straight = read(case, PROVIDER, model)
    _, through, failed_through = read(case, HERALD, model)
    assert through == straight
    assert type(failed_through) is type(failed_straight)
    if failed_straight is None:
        assert len(straight) > 3
        return
    assert getattr(failed_through, "status_code", None) == getattr(failed_straight, "status_code", None)
    assert failed_through.body["message"] == failed_straight.body["message"]


@pytest.mark.parametrize("model", ERRORS or ABSENT)
def test_a_recorded_error_keeps_its_words_through_herald(case, model):
    _, _, straight = read(case, PROVIDER, model)
    _, _, through = read(case, HERALD, model)
    for name in ("type", "param", "code"):
        assert through.body[name] == straight.body.get(name), name
        assert getattr(through, name) == getattr(straight, name), name


@EACH
def test_of_a_recordings_headers_the_allowed_ones_pass_and_no_others(case, model):
    response, _, _ = read(case, HERALD, model)
    recorded = json.loads(PLAYED[model].read_text())
    theirs = [(name.lower(), value) for name, value in recorded["headers"]]
    theirs = [each for each in theirs if any(fnmatch(each[0], rule) for rule in ALLOWED)]
    got = response.headers.multi_items()
    allowed = [each for each in got if any(fnmatch(each[0], rule) for rule in ALLOWED)]
    assert sorted(allowed) == sorted(theirs)
    own = OWN | (OWN_OF_STREAMS if recorded["status"] == 200 else OWN_OF_ERRORS)
    assert sorted(name for name, _ in got) == sorted([*own, *(name for name, _ in theirs)])
    assert response.headers["x-upstream-status"] == str(recorded["status"])
    assert response.headers["x-upstream-model"] == model
