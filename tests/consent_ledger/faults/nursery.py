"""
Gives birth to appending processes: everything is imported once, then each child is a fork.

A crash test starts hundreds of processes, and importing costs twenty times what a round takes. The nursery
holds no thread and opens nothing, so that a fork of it is as good as a new process. On its standard input
comes one job a line; each child writes to the same standard output, between `child PID` and `gone STATUS`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Self

from tests.consent_ledger.faults.appender import Job, run, say

ROOT = Path(__file__).parents[3]


class Nursery:
    """One nursery, as its parent sees it. One child at a time."""

    def __init__(self, errors: Path) -> None:
        self._errors = errors
        with errors.open("ab") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.consent_ledger.faults.nursery"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                cwd=ROOT,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stdin.close()
        self._stdout.close()
        self._process.wait(timeout=60)

    def begin(self, job: Job) -> int:
        """Start a child and return its process id."""
        self._stdin.write(job.line() + "\n")
        self._stdin.flush()
        word, pid = self._line().split()
        assert word == "child"
        return int(pid)

    def lines(self) -> Iterator[str]:
        """What the child says, until it is gone."""
        while not (line := self._line()).startswith("gone "):
            yield line

    def check(self) -> None:
        """No child printed a traceback or a warning."""
        assert not (said := self._errors.read_text()), said

    @property
    def _stdin(self) -> IO[str]:
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def _stdout(self) -> IO[str]:
        assert self._process.stdout is not None
        return self._process.stdout

    def _line(self) -> str:
        line = self._stdout.readline()
        assert line.endswith("\n"), f"the nursery is gone: {self._errors.read_text()}"
        return line[:-1]


def serve() -> None:
    for line in sys.stdin:
        job = Job.read(line)
        pid = os.fork()
        if pid == 0:
            os.close(0)
            say(f"child {os.getpid()}")
            try:
                run(job)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(0)
        _, status = os.waitpid(pid, 0)
        say(f"gone {status}")


if __name__ == "__main__":
    serve()
