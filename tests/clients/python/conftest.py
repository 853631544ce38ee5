"""What every test has: a name of its own with the provider, and clients that bear it."""

import json
import os
import sys
import urllib.request
import uuid
from pathlib import Path

import pytest
from anthropic import Anthropic, AsyncAnthropic
from openai import AsyncOpenAI, OpenAI

sys.path.insert(0, str(Path(__file__).parent.parent))

HERALD = os.environ["HERALD_URL"]
LOCKED = os.environ["HERALD_LOCKED_URL"]
PROVIDER = os.environ["PROVIDER_URL"]

MESSAGES = [{"role": "user", "content": os.environ["PROMPT"]}]


class Case:
    """One test, as the provider knows it."""

    def __init__(self) -> None:
        self.id = f"case-{uuid.uuid4()}"

    def options(self, base: str, **more: object) -> dict:
        headers = {"x-client-request-id": self.id}
        options = {"base_url": f"{base}/v1", "api_key": "unused", "max_retries": 0, "timeout": 20}
        return {**options, "default_headers": headers, **more}

    def openai(self, base: str = HERALD, **more: object) -> OpenAI:
        return OpenAI(**self.options(base, **more))

    def async_openai(self, base: str = HERALD, **more: object) -> AsyncOpenAI:
        return AsyncOpenAI(**self.options(base, **more))

    def anthropic(self, base: str = HERALD, **more: object) -> Anthropic:
        return Anthropic(**self.options(base, **{"base_url": base, **more}))

    def async_anthropic(self, base: str = HERALD, **more: object) -> AsyncAnthropic:
        return AsyncAnthropic(**self.options(base, **{"base_url": base, **more}))

    def exchanges(self) -> list[dict]:
        """What the provider has of this test until now."""
        return self._control("exchanges")

    def ended(self) -> list[dict]:
        """The same, once every exchange has ended."""
        exchanges = self._control("ended")
        assert exchanges and all(each["end"] for each in exchanges), exchanges
        return exchanges

    def release(self) -> None:
        """Lets the provider's waiting body go on."""
        self._control("release")

    def _control(self, verb: str) -> list[dict]:
        with urllib.request.urlopen(f"{PROVIDER}/control/{verb}/{self.id}", timeout=20) as answer:
            return json.load(answer)


@pytest.fixture
def case() -> Case:
    return Case()


@pytest.fixture(params=["openai", "anthropic"])
def family(request) -> str:
    """What the provider speaks; each scenario of it is a model, such as `anthropic/tools`."""
    return request.param


def ask(client: OpenAI | AsyncOpenAI, model: str, **more: object) -> object:
    """A completion of `model`: an answer, or of an async client what will become one."""
    return client.chat.completions.create(model=model, messages=MESSAGES, **more)


def text_of(chunks: list) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


