"""A process killed (kill -9) on the way leaves nothing half; the same key then finishes the work."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select, text

from consent_ledger.database import reading
from consent_ledger.ledger_tables import ledger_entry
from tests.conftest import Database
from tests.insight.intake.house import COMMA, House, open_house

ROOT = Path(__file__).parents[3]


def kill(where: str, folder: Path, database: Database) -> House:
    """The house as it opens again after a process was killed there."""
    folder.mkdir()
    open_house(folder, database.app_url, database.vault_url).close()
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "tests.insight.intake.killed", str(folder)),
            *(database.app_url, database.vault_url, where),
        ],
        cwd=ROOT,
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    return open_house(folder, database.app_url, database.vault_url)


def persons(house: House) -> int:
    with reading(house.vault_engine) as connection:
        return int(connection.scalar(text("select count(*) from vault_person")) or 0)


def is_recorded(house: House, under: str) -> bool:
    with reading(house.engine) as connection:
        return connection.scalar(select(ledger_entry.c.seq).where(ledger_entry.c.idem == under)) is not None


@pytest.mark.parametrize("where", ["between vault and entry", "after the first rows", "after the last row"])
def test_before_the_commit_nothing_is_there_and_the_same_key_finishes(
    where: str, tmp_path: Path, database: Database
) -> None:
    house = kill(where, tmp_path / "beside", database)
    assert house.size() == 3  # the beginning and two institutions
    assert all(rows == [] for rows in house.state().values())
    assert persons(house) == 130  # inert: no row names them
    report = house.tickets(COMMA)
    assert (report.repeated, report.created, report.sold_admissions) == (False, 790, 656)
    assert persons(house) == 130
    assert house.vault.sweep(lambda under: is_recorded(house, under)) == 0
    house.close()


def test_what_the_vault_wrote_for_an_import_that_never_was_is_swept(
    tmp_path: Path, database: Database
) -> None:
    house = kill("between vault and entry", tmp_path / "beside", database)
    assert house.vault.sweep(lambda under: is_recorded(house, under)) == 130
    assert persons(house) == 0
    house.close()


def test_after_the_commit_everything_is_there_and_the_same_key_tells_it(
    tmp_path: Path, database: Database
) -> None:
    house = kill("after the commit", tmp_path / "beside", database)
    before, size = house.state(), house.size()
    report = house.tickets(COMMA)
    assert (report.repeated, report.created, report.sold_gross) == (True, 790, 15_624_15)
    assert (house.state(), house.size()) == (before, size)
    house.close()
