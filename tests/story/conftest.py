"""One planted sandbox for all stories; each story that changes something gets a copy of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.story.server import Server, run, served


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a small sandbox, planted once and never served."""
    data = tmp_path_factory.mktemp("planted") / "var"
    done = run("demo", "--no-serve", "--scale", "0.05", data=data)
    assert done.returncode == 0, done.stderr
    return data


@pytest.fixture
def server(planted: Path, tmp_path: Path) -> Iterator[Server]:
    """A server on a copy of the planted sandbox."""
    data = tmp_path / "var"
    shutil.copytree(planted, data)
    with served(data) as running:
        yield running
