"""The season that pretix recorded, from its file to the figures: what pretix itself counted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from consent_ledger import standing
from consent_ledger.database import reading, writing
from consent_ledger.permit import Period
from consent_ledger.vocabulary import ConsentAct, PersonRef, Position
from insight.audiences import measure
from insight.criteria import Criteria
from insight.definitions import AUDIENCE_FIGURES
from insight.figures import Figure, Released, release_audience
from insight.index import Indexes
from insight.store.tickets import productions
from tests.conftest import Database
from tests.insight.house import permit
from tests.insight.intake.house import COMMA, HOUSE, RECORDED, House, open_house

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
TODAY = date(2027, 8, 1)
EXPECTED = json.loads((RECORDED / "expected_base.json").read_text("utf-8"))["seizoen2627"]


class Season:
    """The house after its season came in."""

    def __init__(self, house: House) -> None:
        self.house = house
        house.tickets(COMMA)
        self.indexes = Indexes()
        with reading(house.engine) as connection:
            asked = permit(controller=HOUSE, recipient=HOUSE)
            self.ref_of = {play.title: play.ref for play in productions(asked, connection)}

    def figures(
        self, criteria: Criteria | None = None, period: Period | None = None, **changes: Any
    ) -> dict[str, Released]:
        at = {"controller": HOUSE, "recipient": HOUSE, "size": Position(self.house.size())}
        asked = permit(period=period, **{**at, **changes})
        with reading(self.house.engine) as connection:
            index = self.indexes.of(asked, connection)
        raw = measure(asked, index, criteria or Criteria(), AUDIENCE_FIGURES, today=TODAY)
        return dict(release_audience(asked, raw).figures)


@pytest.fixture
def season(database: Database, tmp_path: Path) -> Iterator[Season]:
    folder = tmp_path / "beside"
    folder.mkdir()
    house = open_house(folder, database.app_url, database.vault_url)
    yield Season(house)
    house.close()


def value(found: Released) -> Any:
    assert isinstance(found, Figure), found
    return found.value


def test_the_season_and_each_of_its_days_are_what_pretix_counted(season: Season) -> None:
    whole = season.figures()
    assert (value(whole["tickets"]), value(whole["spend"])) == (656, Decimal("15624.15"))
    average = whole["average_ticket_price"]
    assert isinstance(average, Figure)
    assert average.parts["including_free"] == (Decimal("15396.65") / 656).quantize(Decimal("0.01"))
    evenings: dict[tuple[str, date], list[dict[str, Any]]] = {}
    for recorded in EXPECTED["per_performance"].values():
        day = datetime.fromisoformat(recorded["start"]).astimezone(AMSTERDAM).date()
        evenings.setdefault((recorded["name"], day), []).append(recorded)  # one play may go twice a day
    for (name, day), performances in evenings.items():
        play = Criteria(productions=frozenset({season.ref_of[name]}))
        found = season.figures(play, Period(day, day + timedelta(days=1)))
        assert value(found["tickets"]) == sum(one["admission_paid_active"] for one in performances), name
        assert value(found["spend"]) == sum(Decimal(one["gross_paid_active"]) for one in performances), name
    assert len(evenings) > 10


def test_after_an_objection_tickets_and_euros_are_equal_to_the_cent(season: Season) -> None:
    """The visitor bought tickets and drinks alike."""
    [(who, _)] = season.house.rows(
        "select person, count(*) as lines from ticket_line where status = 'sold' and person in"
        " (select person from ticket_line where kind = 'product' and status = 'sold')"
        " group by person order by count(*) desc, person limit 1"
    )
    before, size = season.figures(), Position(season.house.size())
    asked = permit()
    with writing(season.house.engine) as connection:
        act = standing.Said(
            HOUSE, PersonRef(who), asked.purpose, ConsentAct.OBJECTED, Position(size), date(2026, 1, 1)
        )
        standing.record(connection, [act])
    after = season.figures(size=Position(size + 1), standing_position=size)
    for name in ("tickets", "spend", "average_ticket_price", "visits"):
        assert value(after[name]) == value(before[name])
    assert value(after["bookers"]) == value(before["bookers"]) - 1
    assert value(after["unidentified_tickets"]) > value(before["unidentified_tickets"])
