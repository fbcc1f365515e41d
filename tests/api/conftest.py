"""A small planted sandbox for the edge's tests, planted once; each test takes a copy."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.story.server import Server, run, served


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("planted") / "var"
    done = run("demo", "--no-serve", "--scale", "0.05", data=data)
    assert done.returncode == 0, done.stderr
    return data


@pytest.fixture
def sandbox(planted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy, to which the commands of this test go."""
    data = tmp_path / "var"
    shutil.copytree(planted, data)
    monkeypatch.setenv("CULTUURINZICHT_DATA_DIR", str(data))
    return data


@pytest.fixture(scope="module")
def server(planted: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the tests of a module."""
    data = tmp_path_factory.mktemp("served") / "var"
    shutil.copytree(planted, data)
    with served(data) as running:
        yield running
