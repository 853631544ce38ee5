"""Processes of ours: started, waited for, and stopped by their own id."""

import os
import re
import select
import subprocess
from pathlib import Path

#: Longest wait for a process to listen or to stop, in seconds.
PATIENCE = 20


class Process:
    """A process of ours that says on standard output where it listens."""

    def __init__(self, name: str, command: list, log: Path, **variables: str) -> None:
        self.name, self.log = name, log
        with log.open("wb") as stderr:
            self.child = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=stderr, env={**os.environ, **variables}
            )

    def address(self) -> str:
        ready, _, _ = select.select([self.child.stdout], [], [], PATIENCE)
        line = self.child.stdout.readline().decode() if ready else ""
        found = re.search(r"http://[\d.]+:\d+", line)
        if not found:
            raise RuntimeError(f"{self.name} does not listen: {line!r}\n{self.log.read_text()}")
        return found[0]

    def stop(self) -> int:
        self.child.terminate()
        try:
            return self.child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.child.kill()
            return self.child.wait()
