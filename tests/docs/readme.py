"""Doing what the README says, and laying the outcome out as it stands there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.docs.pages import README, blocks, read
from tests.story.server import Server, run, served

WIDTH = 100


@dataclass(frozen=True)
class Sector:
    """
    The whole invented sector, planted and served in a folder `var`; what planting said, and what the
    first question was answered: asked before any test could add an entry to the ledger.
    """

    server: Server
    printed: str
    answer: dict[str, Any]

    @property
    def folder(self) -> Path:
        """Where a reader of the README stands."""
        return self.server.data.parent


@contextmanager
def sector(data: Path) -> Iterator[Sector]:
    """Plant the whole sector into `data`, and serve it. Takes about a minute."""
    planted = run("demo", "--no-serve", data=data)
    assert planted.returncode == 0, planted.stderr
    with served(data, scale=1) as server:
        yield Sector(server, planted.stdout, asked(data.parent))


def output(done: Sector) -> str:
    """What `make run` prints, at the address and in the folder that it has by default."""
    server = done.server
    welcome = (done.folder / f"{server.data.name}-{server.port}.log").read_text(encoding="utf-8")
    printed = f"{done.printed}{welcome}".replace(f":{server.port}", ":8000")
    printed = printed.replace(str(server.data), "var")
    for client in server.access["clients"]:
        printed = printed.replace(client["client_secret"], "cis_…")
    return "\n".join(line.rstrip() for line in printed.strip().splitlines())


def asked(folder: Path) -> dict[str, Any]:
    """The answer that the README's lines of Python print, run where the reader stands."""
    [lines] = blocks(read(README), "python")
    told = subprocess.run(
        [sys.executable, "-c", lines],
        cwd=folder,
        env={**os.environ, "PYTHONWARNINGS": "default"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    answer: dict[str, Any] = json.loads(told.stdout)
    return answer


def laid_out(value: object, indent: int = 0) -> str:
    """JSON with as much on a line as fits it."""
    short = json.dumps(value, ensure_ascii=False)
    if len(short) + indent <= WIDTH or not isinstance(value, dict | list) or not value:
        return short
    inner = " " * (indent + 2)
    if isinstance(value, dict):
        parts = [f"{inner}{json.dumps(key)}: {laid_out(part, indent + 2)}" for key, part in value.items()]
        return "{\n" + ",\n".join(parts) + f"\n{' ' * indent}}}"
    parts = [f"{inner}{laid_out(part, indent + 2)}" for part in value]
    return "[\n" + ",\n".join(parts) + f"\n{' ' * indent}]"


def without_chance(value: object) -> object:
    """An answer without what differs from run to run: ids, roots and signatures."""
    if isinstance(value, dict):
        return {
            key: "…" if key in {"root", "id", "requestId", "proof"} else without_chance(part)
            for key, part in value.items()
        }
    if isinstance(value, list):
        return [without_chance(part) for part in value]
    return value
