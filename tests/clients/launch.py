"""Starts the scripted provider, web pages and three Heralds, runs every suite against them, and counts."""

import hashlib
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from processes import Process
from scenarios import SCENARIOS, recordings
from scenarios_anthropic import SCENARIOS as ANTHROPIC_SCENARIOS
from scenarios_responses import SCENARIOS as RESPONSES_SCENARIOS

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
CLIENT_KEY = "client-key-that-no-provider-may-see"
PROVIDER_KEY = "provider-key-that-no-client-may-see"
#: Stands in the prompts of all tests.
PROMPT = "prompt-that-no-log-may-hold"
#: The browser; `run` finds it, or leaves it out because it is told to.
CHROMIUM = os.environ.get("CHROMIUM")
REPLAYED = ["text", "tool-call", "reasoning", "rate-limited", "error-mid-stream", "truncated"]


def settings(provider: str) -> str:
    """Herald's settings: a model for each scenario under the scenario's own name.

    What both families play has a name for each of them too, such as `openai/text` and `anthropic/text`;
    at `responses/text` is a provider that has /v1/responses, at `openai/text` one without.
    """
    lines = ['[server]\ndrain_delay = "0s"\ndrain_timeout = "1s"\nworkers = 2\n[upstream]\nproxy = "none"\n']

    def add_provider(name: str, base_url: str, more: str = "", kind: str = "openai") -> None:
        lines.append(
            f'[[providers]]\nid = "{name}"\nkind = "{kind}"\nbase_url = "{base_url}"\n'
            f'api_key = {{ env = "SCRIPTED_PROVIDER_KEY" }}\n{more}\n'
        )

    def add_model(name: str, provider: str, model: str) -> None:
        target = f'{{ provider = "{provider}", model = "{model}" }}'
        lines.append(f'[[models]]\nid = "{name}"\ntargets = [{target}]\n')

    lines.append('[[providers]]\nid = "replay"\nkind = "replay"\n')
    add_provider("scripted", f"{provider}/v1")
    add_provider("shared", f"{provider}/v1", "shared_quota = true")
    add_provider("counting", f"{provider}/v1", "usage_request = true")
    add_provider("openai", f"{provider}/v1", 'preset = "openai"\nresponses = false')
    add_provider("responses", f"{provider}/v1", "responses = true")
    add_provider("anthropic", f"{provider}/v1", kind="anthropic")
    # Nothing listens on the discard port of a loopback address.
    add_provider("nobody", "http://127.0.0.1:9/v1")
    for name in REPLAYED:
        add_model(f"replay-{name}", "replay", name)
    for name in [*SCENARIOS, *recordings()]:
        add_model(name, "scripted", name)
    for name in ANTHROPIC_SCENARIOS:
        for family in ["openai", "anthropic"]:
            add_model(f"{family}/{name}", family, name)
    for name in RESPONSES_SCENARIOS:
        add_model(f"responses/{name}", "responses", name)
    add_model("shared-limited", "shared", "limited-always")
    add_model("counted-text", "counting", "text")
    add_model("unreachable", "nobody", "text")
    return "".join(lines)


class Tally:
    def __init__(self) -> None:
        self.passed = self.failed = self.skipped = 0

    def check(self, name: str, holds: bool) -> None:
        print(f"{'ok' if holds else 'FAILED'}: {name}")
        self.passed, self.failed = self.passed + holds, self.failed + (not holds)

    def read(self, suite: str, report: Path, exit_code: int) -> None:
        """Adds a JUnit report. A suite that broke before it could write one counts as a failure."""
        failed_before = self.failed
        cases = list(ElementTree.parse(report).iter("testcase")) if report.exists() else []
        for case in cases:
            failed = case.find("failure") is not None or case.find("error") is not None
            skipped = case.find("skipped") is not None
            self.failed += failed
            self.skipped += skipped and not failed
            self.passed += not failed and not skipped
        if not cases or (exit_code != 0 and self.failed == failed_before):
            self.check(f"{suite} ran to its end", holds=False)


def run_suites(tally: Tally, scratch: Path, variables: dict[str, str]) -> None:
    chosen = " ".join(sys.argv[1:])
    if chosen.endswith(".test.js"):
        tally.check(f"there is a suite {chosen}", (HERE / chosen).exists())
    else:
        report = scratch / "pytest.xml"
        pytest = [sys.executable, "-m", "pytest", "-q", "-rsxX", f"--junitxml={report}", HERE / "python"]
        done = subprocess.run([*pytest, "-k", chosen], env=variables, cwd=HERE)
        tally.read("pytest", report, done.returncode)
        if chosen:
            return

    for name in ["node", "browser"]:
        suites = [each for each in sorted((HERE / name).glob("*.test.js")) if chosen in ("", f"{name}/{each.name}")]
        if not suites:
            continue
        if name == "browser" and not CHROMIUM:
            print("skipped: the web page in a browser (HERALD_SKIP_BROWSER)")
            continue
        report = scratch / f"{name}.xml"
        reporters = ["--test-reporter=dot", "--test-reporter-destination=stdout"]
        reporters += ["--test-reporter=junit", f"--test-reporter-destination={report}"]
        done = subprocess.run(["node", "--test", *reporters, *suites], env=variables, cwd=HERE)
        tally.read(name, report, done.returncode)
        if done.returncode != 0 and report.exists():
            print(report.read_text())


def main() -> int:
    herald = Path(os.environ.get("HERALD_BIN", ROOT / "target/debug/herald")).resolve()
    os.environ["NO_PROXY"] = "127.0.0.1"
    os.environ.setdefault("RECORDINGS_DIR", str(ROOT.parent / "shared/recordings"))
    if not recordings():
        print(f"skipped: no recordings of real providers in {os.environ['RECORDINGS_DIR']} (RECORDINGS_DIR)")

    tally, started = Tally(), []
    lock = (HERE / "package-lock.json").read_text()
    tally.check("package-lock.json names no registry", '"resolved"' not in lock)
    with tempfile.TemporaryDirectory(prefix="herald-clients-") as folder:
        scratch = Path(folder)

        def start(name: str, command: list, **variables: str) -> str:
            started.append(Process(name, command, scratch / f"{name}.log", **variables))
            return started[-1].address()

        try:
            provider = start("provider", [sys.executable, HERE / "provider.py"])
            file = scratch / "settings.toml"
            file.write_text(settings(provider))
            locked = scratch / "locked.toml"
            digest = hashlib.sha256(CLIENT_KEY.encode()).hexdigest()
            keys = f'[[keys]]\nid = "tests"\nsha256 = "{digest}"\n'
            locked.write_text(settings(provider) + keys)
            pages = start("pages", ["node", HERE / "browser/pages.js"])
            shared = scratch / "shared.toml"
            shared.write_text(f'{settings(provider)}{keys}[cors]\norigins = ["{pages}"]\n')
            process = {
                "HERALD__SERVER__LISTEN": "127.0.0.1:0",
                "HERALD__ADMIN__LISTEN": "127.0.0.1:0",
                "SCRIPTED_PROVIDER_KEY": PROVIDER_KEY,
            }
            variables = {
                **os.environ,
                **process,
                "PROVIDER_URL": provider,
                "HERALD_URL": start("herald", [herald, "--settings", file], **process),
                "HERALD_LOCKED_URL": start("locked", [herald, "--settings", locked], **process),
                "HERALD_PAGES_URL": start("shared", [herald, "--settings", shared], **process),
                "PAGES_URL": pages,
                "HERALD_BIN": str(herald),
                "HERALD_SETTINGS": str(file),
                "CLIENT_KEY": CLIENT_KEY,
                "PROVIDER_KEY": PROVIDER_KEY,
                "PROMPT": PROMPT,
            }
            run_suites(tally, scratch, variables)
        except RuntimeError as error:
            tally.check(str(error), holds=False)
        finally:
            codes = {each.name: each.stop() for each in reversed(started)}
        heralds = ["herald", "locked", "shared"]
        logs = "".join(each.log.read_text() for each in started if each.name in heralds)
        tally.check("the Heralds stop with exit code 0", all(codes.get(name) == 0 for name in heralds))
        tally.check("Herald's log holds no panic", "panicked" not in logs)
        secrets = [CLIENT_KEY, PROVIDER_KEY, PROMPT, "ünïcödé"]
        tally.check("Herald's log holds no key, prompt or completion", not any(s in logs for s in secrets))
        if tally.failed:
            for each in started:
                lines = [line[:400] for line in each.log.read_text().splitlines()[-20:]]
                print(f"--- last lines of {each.name}'s log", *lines, sep="\n")
    if tally.skipped:
        print(f"{tally.skipped} skipped or expected to fail, with their reasons above")
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
