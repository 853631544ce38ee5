"""A rolling restart of two Heralds behind nginx, under a hundred open streams and steady traffic.

None may be cut, none may hang, and no client may see anything but a whole 200. nginx is configured by
deploy/nginx.conf, with other ports.
"""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests/clients"))

from processes import PATIENCE, Process  # noqa: E402
from provider import WORDS, Provider  # noqa: E402

STREAMS = 100
#: Requests that must have come through in each phase of the restart.
TRAFFIC = 30


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(what: str, is_so: Callable[[], bool]) -> None:
    patience_ends = time.monotonic() + PATIENCE
    while not is_so():
        if time.monotonic() > patience_ends:
            raise TimeoutError(f"{what}: not within {PATIENCE} s")
        time.sleep(0.01)


class Stream(threading.Thread):
    """One completion: its status, its words, and whether it came to its end."""

    def __init__(self, port: int, model: str) -> None:
        super().__init__(daemon=True)
        self.port, self.model = port, model
        self.text, self.is_whole, self.failure = "", False, ""
        self.has_begun = threading.Event()

    def run(self) -> None:
        try:
            self.read()
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.failure = repr(error)
        finally:
            self.has_begun.set()

    def read(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        body = json.dumps({"model": self.model, "stream": True, "messages": []})
        connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
        response = connection.getresponse()
        if response.status != 200:
            self.failure = f"{response.status} {response.read().decode()}"
            return
        while line := response.readline():
            if not line.startswith(b"data: "):
                continue
            data = line[6:].strip()
            if data == b"[DONE]":
                self.is_whole = response.read() == b"\n"
                break
            event = json.loads(data)
            if "error" in event:
                self.failure = data.decode()
                return
            self.text += event["choices"][0]["delta"].get("content", "")
            self.has_begun.set()
        connection.close()

    def flaw(self) -> str:
        if self.is_alive():
            return "hangs"
        if self.failure or not self.is_whole or self.text != "".join(WORDS):
            return self.failure or f"cut after {self.text!r}"
        return ""


class Traffic(threading.Thread):
    """Short completions, one after the other, to the end of the test."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.port, self.done, self.flaws, self.is_over = port, 0, [], False

    def run(self) -> None:
        while not self.is_over:
            stream = Stream(self.port, "short")
            stream.run()
            self.done += 1
            flaw = stream.failure or (not stream.is_whole and "cut")
            if flaw:
                self.flaws.append(flaw)

    def goes_on(self, phase: str) -> None:
        """Waits until some more have come through."""
        goal = self.done + TRAFFIC
        wait_until(f"traffic while {phase}", lambda: self.done >= goal)


class Replica:
    """One of the two Heralds, restarted on the same port."""

    def __init__(self, name: str, port: int, scratch: Path, provider: Provider, ends: ExitStack) -> None:
        self.port, self.starts, self.scratch, self.name = port, 0, scratch, name
        self.provider, self.ends = provider, ends
        self.start()

    def start(self) -> None:
        self.starts += 1
        #: Tells the streams of each start apart.
        self.id = f"{self.name}{self.starts}"
        settings = self.scratch / f"{self.id}.toml"
        settings.write_text(
            'admin.listen = "off"\n'
            f'[server]\nlisten = "127.0.0.1:{self.port}"\nworkers = 2\n'
            'drain_delay = "1s"\ndrain_timeout = "1m"\n[upstream]\nproxy = "none"\n'
            f'[[providers]]\nid = "p"\nkind = "openai"\nbase_url = "{self.provider.base_url()}"\n'
            f'headers = {{ x-replica = "{self.id}" }}\n'
            + "".join(
                f'[[models]]\nid = "{model}"\ntargets = [{{ provider = "p", model = "{model}" }}]\n'
                for model in ["long", "short"]
            )
        )
        herald = os.environ.get("HERALD_BIN", ROOT / "target/debug/herald")
        log = self.scratch / f"{self.id}.log"
        self.process = Process(self.id, [herald, "--settings", settings], log)
        # Before anything can fail; one that has ended is left alone.
        self.ends.callback(self.process.stop)
        self.process.address()

    def is_ready(self) -> bool:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == 200
        except OSError:
            return False

    def restart(self, traffic: Traffic) -> int:
        """As an orchestrator does: TERM, wait for the end, start anew. Returns the exit code."""
        self.process.child.send_signal(signal.SIGTERM)
        wait_until(f"{self.id} is not ready", lambda: not self.is_ready())
        traffic.goes_on(f"{self.id} drains")
        self.provider.release(self.id)
        code = self.process.child.wait(PATIENCE)
        traffic.goes_on(f"{self.id} is gone")
        self.start()
        wait_until(f"{self.id} is ready", self.is_ready)
        traffic.goes_on(f"{self.id} is there")
        return code


def start_nginx(scratch: Path, port: int, replicas: list[int]) -> subprocess.Popen:
    """nginx with the file of deploy/, in the foreground and with no file outside of its folder."""
    site = (ROOT / "deploy/nginx.conf").read_text()
    for written, used in [("listen 80;", f"listen 127.0.0.1:{port};"),
                          ("127.0.0.1:8080", f"127.0.0.1:{replicas[0]}"),
                          ("127.0.0.1:8081", f"127.0.0.1:{replicas[1]}")]:
        site, count = re.subn(re.escape(written), used, site)
        assert count == 1, written
    paths = "".join(
        f"{kind}_temp_path {scratch}/{kind};\n"
        for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    )
    main = f"daemon off;\npid {scratch}/pid;\nerror_log {scratch}/nginx.log notice;\n"
    if os.geteuid() == 0:
        main += "user root;\n"
    file = scratch / "nginx.conf"
    file.write_text(
        f"{main}worker_processes 1;\nevents {{ worker_connections 2048; }}\n"
        f"http {{\naccess_log {scratch}/access.log;\n{paths}{site}}}\n"
    )
    nginx = [os.environ.get("NGINX", "nginx"), "-p", str(scratch), "-c", str(file)]
    subprocess.run([*nginx, "-t", "-q"], check=True)
    return subprocess.Popen(nginx, stderr=subprocess.DEVNULL)


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def roll(scratch: Path) -> list[str]:
    """Runs it, and returns what went wrong. Whatever happens, nothing that it started stays."""
    provider = Provider()
    port = free_port()
    with ExitStack() as ends:
        replicas = [Replica(name, free_port(), scratch, provider, ends) for name in ["a", "b"]]
        nginx = start_nginx(scratch, port, [replica.port for replica in replicas])
        ends.callback(nginx.wait, PATIENCE)
        ends.callback(nginx.terminate)
        wait_until("nginx listens", lambda: is_open(port))
        streams = [Stream(port, "long") for _ in range(STREAMS)]
        for stream in streams:
            stream.start()
        for stream in streams:
            stream.has_begun.wait(PATIENCE)
        begun = dict(provider.begun)
        traffic = Traffic(port)
        traffic.start()
        traffic.goes_on("nothing happens")
        codes = [replica.restart(traffic) for replica in replicas]
        for stream in streams:
            stream.join(PATIENCE)
        traffic.is_over = True
        traffic.join(PATIENCE)

    print(f"streams of each Herald: {begun}; short completions meanwhile: {traffic.done}")
    flaws = [flaw for stream in streams if (flaw := stream.flaw())]
    flaws += [f"traffic: {flaw}" for flaw in traffic.flaws]
    flaws += [f"exit code {code}" for code in codes if code != 0]
    if sum(begun.values()) != STREAMS or min(begun.values(), default=0) < STREAMS // 4:
        flaws.append(f"the streams were to be spread over both: {begun}")
    return flaws


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="herald-rolling-") as folder:
        try:
            flaws = roll(Path(folder))
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            flaws = [repr(error)]
        for flaw in flaws:
            print(f"FAILED: {flaw}")
        if flaws:
            for log in sorted(Path(folder).glob("*.log")):
                print(f"--- {log.name}\n{log.read_text()[-4000:]}")
    print("FAILED" if flaws else f"ok: {STREAMS} streams, none cut, none hung")
    return 1 if flaws else 0


if __name__ == "__main__":
    sys.exit(main())
