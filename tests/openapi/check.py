"""Holds a started Herald to its own description: schemathesis invents requests, right and wrong ones, and
judges the answers by what /openapi.json says of them.

Each listener is asked twice: as it is by default, and with a token and a key, which nobody may do without."""

import json
import os
import re
import select
import subprocess
import sys
import tempfile
import urllib.request
from hashlib import sha256
from pathlib import Path

HERE = Path(__file__).parent
HERALD = os.environ["HERALD_BIN"]
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
TOKEN = "the-admin-token-of-this-test"
KEY = "the-client-key-of-this-test"
#: Longest wait for Herald to listen or to stop, in seconds.
PATIENCE = 20
#: Requests of one sort to one operation, at most. The seed makes the next run ask the same.
BOUNDS = ["--max-examples=100", "--seed=1", "--generation-database=none"]

SETTINGS = """
server.listen = "127.0.0.1:0"
server.drain_delay = "0s"
server.drain_timeout = "0s"
admin.listen = "127.0.0.1:0"
"""
GUARDED = f"""
admin.token = {{ env = "ADMIN_TOKEN" }}
[[keys]]
id = "test"
sha256 = "{sha256(KEY.encode()).hexdigest()}"
"""


class Herald:
    """A Herald with these settings, from a scratch folder of its own."""

    def __init__(self, settings: str, scratch: Path) -> None:
        file = scratch / "herald.toml"
        file.write_text(settings)
        # Its bounds on guessing and asking have tests of their own; here they would hide the answers.
        paces = {
            "HERALD__ADMIN__REQUESTS_PER_SECOND": "100000",
            "HERALD__ADMIN__FAILURES_PER_MINUTE": "10000",
        }
        self.log = scratch / "herald.log"
        with self.log.open("wb") as log:
            self.child = subprocess.Popen(
                [HERALD, "serve", "--settings", file],
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,  # select() sees no line that waits in a buffer of Python's.
                env={**os.environ, **paces, "ADMIN_TOKEN": TOKEN},
            )
        self.public = self.address(r"listens on (http://[\d.:]+\d)")
        self.admin = self.address(r"operators ask (http://[\d.:]+\d)")

    def address(self, told: str) -> str:
        while True:
            ready, _, _ = select.select([self.child.stdout], [], [], PATIENCE)
            line = self.child.stdout.readline().decode() if ready else ""
            if not line:
                raise RuntimeError(f"Herald does not listen\n{self.log.read_text()}")
            if found := re.search(told, line):
                return found[1]

    def stop(self) -> None:
        self.child.terminate()
        self.child.communicate(timeout=PATIENCE)


def description(admin: str, token: str | None) -> dict:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"{admin}/openapi.json", headers=headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=PATIENCE) as answer:
        return json.load(answer)


def as_it_is_here(api: dict, is_guarded: bool) -> dict:
    """The description is true of all settings; of these it can say more."""
    for path in api["paths"].values():
        for operation in path.values():
            # No status is mapped to others than the description names.
            operation["responses"].pop("default", None)
            if is_guarded and "security" in operation:
                operation["security"] = [needed for needed in operation["security"] if needed]
    return api


def conforms(name: str, api: Path, url: str, tags: list[str], credential: str | None) -> bool:
    print(f"\n-- {name} --", flush=True)
    command = [SCHEMATHESIS, "run", api, f"--url={url}", "--checks=all", "--no-color", *BOUNDS]
    command += [f"--include-tag={tag}" for tag in tags]
    if credential:
        command.append(f"--header=Authorization: Bearer {credential}")
    # schemathesis.toml is read from here.
    return subprocess.run(command, cwd=HERE).returncode == 0


def main() -> int:
    os.environ |= {"NO_PROXY": "127.0.0.1", "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(HERE)}
    results = []
    for is_guarded in [False, True]:
        with tempfile.TemporaryDirectory(prefix="herald-openapi-") as folder:
            scratch = Path(folder)
            herald = Herald(SETTINGS + GUARDED * is_guarded, scratch)
            try:
                api = description(herald.admin, TOKEN if is_guarded else None)
                file = scratch / "openapi.json"
                file.write_text(json.dumps(as_it_is_here(api, is_guarded)))
                how = "with a credential" if is_guarded else "open"
                listeners = [
                    ("public", herald.public, KEY),
                    ("sourcegraph", herald.public, KEY),
                    ("admin", herald.admin, TOKEN),
                ]
                for tag, url, credential in listeners:
                    shown = credential if is_guarded else None
                    results.append(conforms(f"{tag}, {how}", file, url, [tag, "health"], shown))
                results.append(herald.child.poll() is None)
            finally:
                herald.stop()
    failed = results.count(False)
    print(f"\n{len(results) - failed} passed, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
