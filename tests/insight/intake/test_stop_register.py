"""Who asked to stay out comes in as nobody, at every house; who was erased is never linked again."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from sqlalchemy import event

from consent_ledger.entry import Draft, EntryType
from consent_ledger.vocabulary import ErasureMode, PartyId
from insight.intake.report import ImportReport
from insight.intake.ticket import ticket_frame
from tests.insight.intake.house import ACTOR, HOUSE, NEIGHBOUR, House
from tests.resolvers.scene import SHA, _line

ANNA, BRAM = "anna@example.org", "bram@example.org"


def frame(*rows: dict[str, Any]) -> pd.DataFrame:
    lines = [_line(number, **row) for number, row in enumerate(rows)]
    return ticket_frame({name: [line[name] for line in lines] for name in lines[0]})


BOTH = frame({"identifier": ANNA}, {"identifier": BRAM})


def bring(house: House, content: pd.DataFrame, idem: str = "first", **more: Any) -> ImportReport:
    return house.tickets(content, idem=idem, source="test", mapping="canonical@1", **more)


def lines(house: House, institution: PartyId = HOUSE) -> dict[str, tuple[bool, int]]:
    """By order: whether somebody is known of it, and whether it is severed."""
    told = house.rows(
        "select order_ref, person, severed from ticket_line where institution = :it", it=institution
    )
    return {order: (person is not None, severed) for order, person, severed in told}


def stop(house: House, identifier: str, under: str = "stop-1") -> None:
    house.vault.stop(identifier, under=under)
    house.ledger.append(Draft(EntryType.SUBJECT_STOPPED, ACTOR, under, {"request_sha256": SHA}))
    house.vault.settle(under)


def erase(house: House, identifier: str, mode: ErasureMode = ErasureMode.FORGET_ME) -> None:
    """As the door does, without the door."""
    person = house.vault.find(HOUSE, identifier)
    assert person is not None
    under = f"erase-{person}"
    house.vault.plan_erasure(HOUSE, person, under=under, request_sha256=SHA, mode=mode)
    body = {"controller": HOUSE, "request_sha256": SHA, "mode": mode.value, "effective_by": "2026-11-22"}

    def ride(connection: Any, _: int) -> None:
        connection.exec_driver_sql(
            f"update ticket_line set person = null, severed = 1 where person = '{person}'"
        )

    house.ledger.append(Draft(EntryType.SUBJECT_ERASED, ACTOR, under, body), rider=ride)
    house.vault.settle(under)


def test_who_is_in_the_register_comes_in_as_nobody_at_every_house(house: House) -> None:
    stop(house, " Anna@EXAMPLE.org")
    for institution in (HOUSE, NEIGHBOUR):
        report = bring(house, BOTH, f"of-{institution}", controller=institution)
        assert (report.created, report.kept_out, report.with_identifier) == (2, 1, 2)
        assert lines(house, institution) == {"o0": (False, 1), "o1": (True, 0)}
        assert house.vault.find(institution, ANNA) is None, "the vault was not told of her"


def test_the_report_that_is_told_again_tells_the_same_number(house: House) -> None:
    stop(house, ANNA)
    first, again = bring(house, BOTH), bring(house, BOTH)
    assert again.repeated
    assert again == first
    assert again.kept_out == 1


def test_a_known_line_keeps_its_buyer_after_a_stop_and_new_ones_get_none(house: House) -> None:
    bring(house, BOTH)
    stop(house, ANNA)
    more = frame({"identifier": ANNA}, {"identifier": BRAM}, {"identifier": ANNA})
    assert bring(house, more, "second").kept_out == 2
    assert lines(house) == {"o0": (True, 0), "o1": (True, 0), "o2": (False, 1)}


@pytest.mark.parametrize("changes", [{}, {"gross": 9900, "status": "cancelled"}], ids=["same", "changed"])
def test_a_severed_line_is_linked_to_nobody_again(house: House, changes: dict[str, Any]) -> None:
    bring(house, BOTH)
    erase(house, ANNA)
    rows = [{"order_ref": "o0", "identifier": ANNA} | changes, {"order_ref": "o1", "identifier": BRAM}]
    report = bring(house, frame(*reversed(rows)), "second")
    assert (report.updated, report.linked) == (1 if changes else 0, 0)
    assert lines(house) == {"o0": (False, 1), "o1": (True, 0)}
    bring(house, frame({"order_ref": "o0", "identifier": BRAM}), "third")
    assert lines(house)["o0"] == (False, 1), "nor to another address"


def test_who_is_to_be_forgotten_and_not_kept_out_is_a_new_person_at_the_next_import(house: House) -> None:
    bring(house, BOTH)
    before = house.vault.find(HOUSE, ANNA)
    erase(house, ANNA)
    bring(house, frame({"identifier": ANNA}, {"identifier": BRAM}, {"identifier": ANNA}), "second")
    assert lines(house) == {"o0": (False, 1), "o1": (True, 0), "o2": (True, 0)}
    assert house.vault.find(HOUSE, ANNA) not in {None, before}


@pytest.mark.parametrize("act", ["erased", "stopped", "somebody else"])
def test_who_goes_while_an_import_is_under_way_does_not_come_in_by_it(
    house: House, act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(house, BOTH)
    record, attempts = type(house.ledger).append_all, []

    def late(ledger: Any, drafts: Any) -> Any:
        attempts.append(1)
        if len(attempts) == 1:
            match act:
                case "erased":
                    erase(house, ANNA)
                case "stopped":
                    stop(house, ANNA)
                case _:
                    stop(house, "carla@example.org")
        return record(ledger, drafts)

    monkeypatch.setattr(type(house.ledger), "append_all", late)
    report = bring(house, frame({"identifier": ANNA}, {"identifier": BRAM}, {"identifier": ANNA}), "second")
    gone = {ref for (ref,) in house.rows("select person from ticket_line")} - {None}
    assert not house.vault.gone(HOUSE, gone), "no line names somebody who is gone"
    expected = {"erased": ((False, 1), (True, 0), 0), "stopped": ((True, 0), (False, 1), 2)}
    old, new, kept_out = expected.get(act, ((True, 0), (True, 0), 0))
    assert (lines(house), report.kept_out) == ({"o0": old, "o1": (True, 0), "o2": new}, kept_out)
    assert len(attempts) == (1 if act == "somebody else" else 2), "another's stop is no reason to begin again"


def test_the_register_is_asked_once_for_a_whole_delivery(house: House) -> None:
    asked: list[str] = []

    def heard(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    event.listen(house.vault_engine, "before_cursor_execute", heard)
    bring(house, frame(*({"identifier": f"visitor{number}@example.org"} for number in range(300))))
    assert sum("vault_stop" in statement for statement in asked) == 1
