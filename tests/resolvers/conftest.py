"""A house per test, once on SQLite and once on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Database
from tests.resolvers.scene import Scene, open_scene


@pytest.fixture
def scene(database: Database, tmp_path: Path) -> Iterator[Scene]:
    """A stocked house, without tickets and agreements."""
    opened = open_scene(database, tmp_path / "beside")
    opened.stock()
    yield opened
    opened.close()
