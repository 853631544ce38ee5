"""Bare bytes, as curl sees them."""

import hashlib
import json
import os
import subprocess
import time

import pytest
from conftest import HERALD, LOCKED
from scenarios import DONE, FINISH, ROLE, TEXT, words

COMPLETIONS = f"{HERALD}/v1/chat/completions"


def curl(*arguments: str, data: bytes | None = None) -> bytes:
    done = subprocess.run(["curl", "-sSN", "--max-time", "20", *arguments], input=data, capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def request(model: str, stream: bool = True, **more: object) -> str:
    return json.dumps({"model": model, "stream": stream, "messages": [], **more})


def parted(answer: bytes) -> tuple[str, dict[str, str], bytes]:
    """The status line, the headers and the body of an answer to `curl -i`."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    return status, dict(line.split(": ", 1) for line in lines), body


def test_the_head_comes_before_the_stream_and_the_stream_is_whole():
    status, headers, body = parted(curl("-i", COMPLETIONS, "-d", request("replay-text")))
    assert status == "HTTP/1.1 200 OK"
    assert headers["content-type"] == "text/event-stream"
    assert headers["cache-control"] == "no-cache, no-transform"
    assert headers["transfer-encoding"] == "chunked"
    assert body.startswith(b"data: {") and body.endswith(b"\n\ndata: [DONE]\n\n")
    events = body.split(b"\n\n")
    assert events.pop() == b""
    assert all(each.startswith(b"data: ") and b"\n" not in each for each in events)


def test_each_event_is_passed_on_byte_for_byte(case):
    name = ("-H", f"x-client-request-id: {case.id}")
    assert curl(*name, COMPLETIONS, "-d", request("text")) == ROLE + b"".join(words()) + FINISH + DONE


def test_the_head_is_with_curl_while_the_provider_has_said_nothing(case):
    name = f"x-client-request-id: {case.id}"
    # The head is read from what -v tells: into a pipe, curl writes the head of -i with the body.
    command = ["curl", "-sSNv", "--max-time", "20", "-H", name, COMPLETIONS, "-d", request("gated")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        lines = iter(process.stderr.readline, b"< \r\n")
        head = [line[2:-2] for line in lines if line.startswith(b"< ")]
        assert [each["sent"] for each in case.exchanges()] == [0]
        assert head[0] == b"HTTP/1.1 200 OK" and b"x-ratelimit-remaining-tokens: 159974" in head
        case.release()
        assert process.stdout.read().endswith(b"data: [DONE]\n\n")
    assert process.returncode == 0


def test_killing_curl_stops_the_provider(case):
    name = f"x-client-request-id: {case.id}"
    command = ["curl", "-sSN", "-H", name, COMPLETIONS, "-d", request("endless")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        since = time.monotonic()
        process.kill()
    [exchange] = case.ended()
    assert exchange["end"] == "left" and exchange["ended_at"] - since < 1.0


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (["/v1/chat/completionss", "-d", request("text")], 404, "unknown_url"),
        (["/", "-X", "DELETE"], 404, "unknown_url"),
        (["/v1/chat/completions"], 405, "method_not_allowed"),
        (["/v1/chat/completions", "-X", "PUT", "-d", request("text")], 405, "method_not_allowed"),
        (["/v1/models", "-d", "{}"], 405, "method_not_allowed"),
        (["/v1/models/text", "-X", "DELETE"], 405, "method_not_allowed"),
        (["/v1/chat/completions", "-d", '{"model": "text",\n "stream" true}'], 400, "invalid_json"),
        (["/v1/chat/completions", "-d", '{"model": "text", "stream": "yes"}'], 400, "invalid_value"),
        (["/v1/chat/completions", "-d", "{}"], 404, "model_not_found"),
        (["/v1/models/no%2Fsuch"], 404, "model_not_found"),
    ],
)
def test_what_herald_refuses_has_the_shape_of_openai(arguments, status, code):
    path, *more = arguments
    line, headers, body = parted(curl("-i", HERALD + path, *more))
    error = json.loads(body)["error"]
    assert line.startswith(f"HTTP/1.1 {status} ")
    assert headers["content-type"] == "application/json" and headers["x-herald-request-id"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["type"], error["code"]) == ("invalid_request_error", code)
    assert ("allow" in headers) == (status == 405)
    if code == "invalid_json":
        assert "line 2 column 11" in error["message"]


def test_a_large_body_waits_for_100_continue_and_arrives_as_it_is(case):
    body = request("text", stream=False, padding="ü" * 1_000_000).encode()
    assert len(body) > 2_000_000
    name = f"x-client-request-id: {case.id}"
    answer = curl("-i", "-H", name, COMPLETIONS, "--data-binary", "@-", data=body)
    interim, _, final = answer.partition(b"\r\n\r\n")
    assert interim == b"HTTP/1.1 100 Continue"
    status, _, document = parted(final)
    assert status == "HTTP/1.1 200 OK"
    assert json.loads(document)["choices"][0]["message"]["content"] == TEXT
    [exchange] = case.exchanges()
    assert exchange["body_sha256"] == hashlib.sha256(body).hexdigest()


def test_a_chunked_request_body_arrives_as_it_is(case):
    body = request("text", stream=False, padding="x" * 100_000)
    headers = ["-H", f"x-client-request-id: {case.id}", "-H", "transfer-encoding: chunked"]
    answer = curl(*headers, COMPLETIONS, "--data-binary", "@-", data=body.encode())
    assert json.loads(answer)["choices"][0]["message"]["content"] == TEXT
    [exchange] = case.exchanges()
    assert exchange["body_sha256"] == hashlib.sha256(body.encode()).hexdigest()


def test_a_body_over_the_limit_is_refused():
    body = b" " * (33 << 20)
    _, _, answer = curl("-i", COMPLETIONS, "--data-binary", "@-", data=body).partition(b"Continue\r\n\r\n")
    line, _, document = parted(answer)
    assert line.startswith("HTTP/1.1 413 ")
    assert json.loads(document)["error"]["code"] == "request_too_large"


def test_an_http_1_0_client_gets_the_stream_without_chunks():
    status, headers, body = parted(curl("-i", "-0", COMPLETIONS, "-d", request("text")))
    assert status.endswith(" 200 OK") and "transfer-encoding" not in headers
    assert body.startswith(b"data: {") and body.endswith(b"data: [DONE]\n\n")


def test_several_requests_on_one_connection_each_get_their_own_answer(case):
    name = ["-H", f"x-client-request-id: {case.id}"]
    models = ["text", "refused-404", "tools", "limited-always", "text"]
    command: list[str] = []
    for model in models:
        ask = ["-d", request(model), *name, "-o", "-", "-w", "%{http_code} %{num_connects}\\n", COMPLETIONS]
        command += (["--next", "-sSN"] if command else []) + ask
    lines = curl(*command).decode().splitlines()
    ends = [line.rpartition("}")[2] for line in lines if line[-5:-2] in ("200", "502", "429")]
    assert [each.strip() for each in ends] == ["200 1", "502 0", "200 0", "429 0", "200 0"]


def test_health_needs_no_key():
    for path in ("live", "ready"):
        assert parted(curl("-i", f"{LOCKED}/health/{path}"))[0] == "HTTP/1.1 200 OK"


def test_a_key_opens_the_locked_gateway():
    key = f"authorization: bearer {os.environ['CLIENT_KEY']}"
    url = f"{LOCKED}/v1/chat/completions"
    assert curl("-H", key, url, "-d", request("text")).endswith(b"data: [DONE]\n\n")
    assert b"invalid_api_key" in curl(url, "-d", request("text"))
