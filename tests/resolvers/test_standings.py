"""Where each person stands is a projection: rebuilt, it is what was written live, row by row."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from consent_ledger.database import writing
from consent_ledger.entry import EntryType
from consent_ledger.standing import Said, invalidate, record
from consent_ledger.vault import Vault
from consent_ledger.vocabulary import ConsentAct, ErasureMode, PersonRef, Position
from resolvers.batches import List, Row, record_consents
from resolvers.persons import desk_erase, desk_stop
from resolvers.standings import NotRebuilt, rebuild_standing
from tests.resolvers.scene import HARBOUR, LAKESIDE, OWN, RESEARCH, Scene, caller

DESK = caller("lakeside-app")
ACT = ConsentAct


def address(name: str) -> str:
    return f"{name}@example.org"


def rows(scene: Scene) -> list[tuple[object, ...]]:
    return sorted(scene.rows("select * from standing"), key=repr)


def lived(scene: Scene) -> None:
    """Everything that can change a standing, in an order in which each matters to the next."""
    scene.notice(LAKESIDE, RESEARCH, OWN, version=2)
    under: dict[str, Any] = {"notice": "pool", "notice_version": 1}
    anew: dict[str, Any] = {"notice": "pool", "notice_version": 2}
    for name in "abcde":
        scene.consent("lakeside-app", address(name), RESEARCH, ACT.GRANTED, **under)
    scene.consent("lakeside-app", address("a"), RESEARCH, ACT.RESTRICTED)
    scene.consent("lakeside-app", address("b"), RESEARCH, ACT.RENEWED, until=date(2026, 9, 1), **anew)
    scene.consent("lakeside-app", address("c"), OWN, ACT.OBJECTED)
    said_on = scene.clock().date()
    with scene.inquiry(DESK) as ask:
        listed = [Row(address(name), act, said_on) for name, act in (("x", ACT.GRANTED), ("y", ACT.REFUSED))]
        record_consents(ask, List(LAKESIDE, RESEARCH, listed, "pool", 1), key="list")
    scene.clock.advance(timedelta(days=1))
    erase(scene, "d")
    scene.say(EntryType.NOTICE_INVALIDATED, {"controller": LAKESIDE, "notice": "pool", "version": 1})
    take_back(scene)
    # decided after it: a rebuild that forgets the order would take this for an answer to what was wrong
    scene.consent("lakeside-app", address("c"), RESEARCH, ACT.GRANTED, **anew)
    scene.consent("harbour-app", address("a"), RESEARCH, ACT.REFUSED)
    with scene.inquiry(DESK) as ask:
        desk_stop(ask, LAKESIDE, address("e"), key="stop")
    erase(scene, "x")


def take_back(scene: Scene) -> None:
    """As the rider of the entry does."""
    position, day = Position(scene.size() - 1), scene.clock().date()
    with writing(scene.house.engine) as connection:
        invalidate(connection, LAKESIDE, "pool", 1, position, day)


def erase(scene: Scene, name: str) -> None:
    with scene.inquiry(DESK) as ask:
        desk_erase(ask, LAKESIDE, address(name), mode=ErasureMode.STAY_OUT, key=f"erase {name}")


def test_rebuilt_it_is_what_was_written_live(scene: Scene) -> None:
    lived(scene)
    live = rows(scene)
    acts = [row[4] for row in live]
    assert acts.count("invalidated") == 3, "a, c and e; b decided since, d and x are erased"
    with writing(scene.house.engine) as connection:
        connection.exec_driver_sql("delete from standing where act <> 'restricted'")
        nobody = Said(LAKESIDE, PersonRef("f" * 32), OWN, ACT.OBJECTED, Position(3), date(2026, 1, 1))
        record(connection, [nobody])
    assert rows(scene) != live
    assert rebuild_standing(scene.house) == len(live)
    assert rows(scene) == live
    assert rebuild_standing(scene.house) == len(live), "and again"


def test_what_waits_for_its_entry_is_nothing_yet(scene: Scene) -> None:
    scene.consent("lakeside-app", address("a"), OWN, ACT.OBJECTED)
    live, vault = rows(scene), scene.house.vault
    [ref] = vault.persons(LAKESIDE, [address("b")], under="never")
    told = {
        "act": "objected",
        "purpose": "own_insight",
        "notice": None,
        "notice_version": None,
        "until": None,
    }
    vault.commit(LAKESIDE, ref, under="never", payload=told)
    assert rebuild_standing(scene.house) == 1
    assert rows(scene) == live


def test_a_statement_that_the_ledger_does_not_know_is_refused_and_changes_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    for house in ("lakeside-app", "harbour-app"):
        scene.consent(house, address("a"), OWN, ACT.OBJECTED)
    live = rows(scene)
    monkeypatch.setattr(Vault, "opens", staticmethod(lambda *_: False))
    with pytest.raises(NotRebuilt) as refused:
        rebuild_standing(scene.house)
    assert "nothing was" in refused.value.sentence
    assert rows(scene) == live
    assert {row[0] for row in live} == {LAKESIDE, HARBOUR}
