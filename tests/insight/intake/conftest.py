from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Database
from tests.insight.intake.house import House, open_house


@pytest.fixture
def house(tmp_path: Path, database: Database) -> Iterator[House]:
    """A house of its own, once on SQLite and once on PostgreSQL."""
    folder = tmp_path / "beside"
    folder.mkdir()
    opened = open_house(folder, database.app_url, database.vault_url)
    yield opened
    opened.close()
