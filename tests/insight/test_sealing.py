"""A release and its ledger entry are one transaction, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from consent_ledger.database import reading
from consent_ledger.entry import Draft, EntryType
from consent_ledger.log import Acknowledgement, Ledger
from consent_ledger.question import Subject
from insight.months import Month
from insight.release import DraftRelease, ReleaseRefused, compute, seal
from insight.store.releases import latest
from insight.tables import release_cell
from tests.consent_ledger.ledgers import OPERATOR, Place
from tests.insight.house import permit
from tests.insight.sector import END, NONCE, START, sector


def released(start: Month, end: Month, seed: int) -> DraftRelease:
    given = sector(50, seed, start=start, end=end)
    found = compute(given, policy="unnoised-1", sandbox=True, start=start, end=end, nonce=NONCE)
    assert isinstance(found, DraftRelease)
    return found


def append(ledger: Ledger, draft: DraftRelease) -> Acknowledgement:
    body, rider = seal(draft, published_at=datetime(2026, 3, 1, tzinfo=UTC))
    return ledger.append(Draft(EntryType.RELEASE_SEALED, OPERATOR, draft.id, body), rider=rider)


def test_a_release_stands_at_the_position_of_its_entry(engine: Engine, tmp_path: Path) -> None:
    place = Place(tmp_path, engine)
    ledger = place.create()
    draft = released(START, END, 1)
    done = append(ledger, draft)
    with reading(engine) as connection:
        before = latest(permit(subject=Subject.BENCHMARK, size=done.position), connection)
        after = latest(permit(subject=Subject.BENCHMARK, size=done.position + 1), connection)
        assert not ledger.pin(connection).state.releases[draft.id].is_retracted
    assert before is None
    assert after is not None
    assert (after.id, after.position) == (draft.id, done.position)
    assert append(ledger, draft).repeated
    place.close()


def test_a_refused_release_leaves_neither_an_entry_nor_a_row(engine: Engine, tmp_path: Path) -> None:
    place = Place(tmp_path, engine)
    ledger = place.create()
    first = released(START, END, 1)
    size = append(ledger, first).size
    with pytest.raises(ReleaseRefused, match="published before"):
        append(ledger, released(Month("2025-12"), Month("2026-02"), 2))
    with reading(engine) as connection:
        assert ledger.pin(connection).size == size
        assert connection.scalar(select(func.count()).select_from(release_cell)) == len(first.cells)
    place.close()
