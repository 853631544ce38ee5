"""Each failure raises the class that names whose fault it is."""

import asyncio
import os

import openai
import pytest
from conftest import HERALD, LOCKED, ask, text_of
from scenarios import FOR_THE_CLIENT, IN_STREAM_ERROR, NOT_FOR_THE_CLIENT, WORDS

BOTH = pytest.mark.parametrize("stream", [True, False], ids=["stream", "document"])


def failure(case, model, kind, stream=True, base=HERALD, **options):
    with pytest.raises(openai.APIStatusError) as raised:
        ask(case.openai(base, **options), model, stream=stream)
    assert type(raised.value) is kind, raised.value
    return raised.value


@BOTH
def test_a_rate_limit_comes_with_its_headers_and_its_words(case, stream):
    error = failure(case, "limited-always", openai.RateLimitError, stream)
    headers = error.response.headers
    assert headers["retry-after"] == "17"
    assert headers["x-upstream-status"] == "429"
    assert headers["proxy-status"].startswith("herald;received-status=429")
    for name, value in FOR_THE_CLIENT:
        assert headers[name] == value
    for name, _ in NOT_FOR_THE_CLIENT:
        assert name not in headers
    assert (error.code, error.type, error.param) == ("rate_limit_exceeded", "requests", None)
    assert error.body["message"] == "Rate limit reached. Please try again in 1s."
    assert error.request_id == "req_scripted_1"


@BOTH
def test_a_rate_limit_of_the_operators_own_quota_is_an_unavailable_gateway(case, stream):
    error = failure(case, "shared-limited", openai.InternalServerError, stream)
    assert error.status_code == 503
    assert error.response.headers["retry-after"] == "17"
    assert error.response.headers["x-upstream-status"] == "429"


@BOTH
def test_a_bad_request_keeps_the_providers_words(case, stream):
    error = failure(case, "refused-400", openai.BadRequestError, stream)
    assert (error.code, error.type) == ("context_length_exceeded", "invalid_request_error")
    assert error.body["message"] == "This model's maximum context length is 8 tokens."
    upstream = error.response.json()["upstream"]
    assert (upstream["provider"], upstream["model"], upstream["status"]) == ("scripted", "refused-400", 400)


@BOTH
@pytest.mark.parametrize("status", [401, 403, 404])
def test_the_operators_trouble_with_the_provider_is_not_the_clients_fault(case, status, stream):
    error = failure(case, f"refused-{status}", openai.InternalServerError, stream)
    assert error.status_code == 502
    assert error.type == "upstream_error" and error.code.startswith("upstream_")
    headers = error.response.headers
    assert headers["x-upstream-status"] == str(status)
    assert headers["x-should-retry"] == "false"
    assert f"received-status={status}" in headers["proxy-status"]
    assert error.response.json()["upstream"]["status"] == status


def test_a_key_in_the_providers_words_is_cut_out(case):
    error = failure(case, "refused-401", openai.InternalServerError)
    assert "Incorrect API key provided" in error.response.text
    assert "sk-scripted" not in error.response.text


@BOTH
@pytest.mark.parametrize(("model", "ours", "theirs"), [("failing-500", 502, 500), ("failing-503", 503, 503)])
def test_a_failing_provider_is_told_with_its_own_status(case, model, ours, theirs, stream):
    error = failure(case, model, openai.InternalServerError, stream)
    assert error.status_code == ours
    assert error.response.headers["x-upstream-status"] == str(theirs)
    assert ("retry-after" in error.response.headers) == (ours == 503)
    assert "x-should-retry" not in error.response.headers


def test_a_provider_that_is_not_there_is_told_without_a_status_of_its_own(case):
    error = failure(case, "unreachable", openai.InternalServerError)
    assert (error.status_code, error.code) == (502, "upstream_refused")
    assert "x-upstream-status" not in error.response.headers
    assert error.response.headers["proxy-status"].startswith("herald;error=connection_refused")


@pytest.mark.parametrize("model", ["html", "redirect"])
def test_an_answer_that_is_no_completion_is_a_bad_gateway(case, model):
    error = failure(case, model, openai.InternalServerError)
    assert error.status_code == 502
    assert "<h1>" not in error.response.text and "location" not in error.response.headers
    assert len(case.exchanges()) == 1


def test_an_error_before_any_content_is_a_status(case):
    error = failure(case, "error-first", openai.RateLimitError)
    assert error.code == "rate_limit_exceeded"
    assert error.response.headers["x-upstream-status"] == "200"


@BOTH
def test_an_unknown_model_never_reaches_a_provider(case, stream):
    error = failure(case, "no-such-model", openai.NotFoundError, stream)
    assert (error.code, error.param) == ("model_not_found", "model")
    assert "x-upstream-status" not in error.response.headers
    assert case.exchanges() == []


@pytest.mark.parametrize("key", ["wrong", os.environ["CLIENT_KEY"] + "x", os.environ["PROVIDER_KEY"]])
def test_an_unknown_key_is_an_authentication_error(case, key):
    error = failure(case, "text", openai.AuthenticationError, base=LOCKED, api_key=key)
    assert error.code == "invalid_api_key"
    assert key not in error.response.text
    assert case.exchanges() == []


def test_no_key_is_an_authentication_error(case):
    without = {"authorization": openai.Omit()}
    with pytest.raises(openai.AuthenticationError) as raised:
        ask(case.openai(LOCKED), "text", extra_headers=without)
    assert raised.value.response.headers["www-authenticate"] == "Bearer"
    with pytest.raises(openai.AuthenticationError):
        case.openai(LOCKED).models.list(extra_headers=without)
    assert case.exchanges() == []


def broken_stream(case, model):
    """The chunks before the break, and the error that tells of it."""
    chunks = []
    with pytest.raises(openai.APIError) as raised:
        for chunk in ask(case.openai(), model, stream=True):
            chunks.append(chunk)
    return chunks, raised.value


def test_an_error_in_the_stream_raises_with_the_providers_code(case):
    chunks, error = broken_stream(case, "error-mid-stream")
    assert text_of(chunks) == "".join(WORDS[:3])
    assert error.code == "engine_failed" and error.body == IN_STREAM_ERROR
    assert error.message == IN_STREAM_ERROR["message"]


@pytest.mark.parametrize(("model", "code"), [("truncated", "upstream_truncated"), ("reset", "upstream_reset")])
def test_a_stream_that_breaks_off_raises_instead_of_ending(case, model, code):
    chunks, error = broken_stream(case, model)
    assert text_of(chunks) == "".join(WORDS[:3])
    assert error.code == code


def test_an_async_stream_that_breaks_off_raises_instead_of_ending(case):
    async def read():
        async with case.async_openai() as client:
            return [chunk async for chunk in await ask(client, "truncated", stream=True)]

    with pytest.raises(openai.APIError) as raised:
        asyncio.run(read())
    assert raised.value.code == "upstream_truncated"


def test_the_stream_helper_raises_when_a_stream_breaks_off(case):
    with pytest.raises(openai.APIError) as raised:
        with case.openai().chat.completions.stream(model="truncated", messages=[]) as stream:
            stream.until_done()
    assert raised.value.code == "upstream_truncated"


@pytest.mark.parametrize("model", ["replay-truncated", "replay-error-mid-stream"])
def test_the_broken_recordings_in_the_box_raise(case, model):
    _, error = broken_stream(case, model)
    assert error.code
