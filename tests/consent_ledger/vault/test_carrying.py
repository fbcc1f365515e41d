"""A vault that was put back to an earlier moment does not know whom the ledger took out since."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, update

from consent_ledger.database import reading, writing
from consent_ledger.keyring import Keyring
from consent_ledger.vault import Vault, VaultRefused
from consent_ledger.vault.tables import vault_carried_out
from consent_ledger.vocabulary import ErasureMode, PartyId, PersonRef

THEA = PartyId("thea")
MAIL = "ada.de.vries@voorbeeld.example"


class Told:
    """What the ledger tells: keys of entries by their position."""

    def __init__(self, vault_engine: Engine, keyring: Keyring) -> None:
        self.entries: dict[int, str] = {}
        self._engine = vault_engine
        self.vault = Vault.open(
            vault_engine, keyring, is_recorded=self.is_recorded, position_of=self.position_of
        )

    def is_recorded(self, under: str) -> bool:
        return under in self.entries.values()

    def position_of(self, under: str) -> int | None:
        return next((position for position, one in self.entries.items() if one == under), None)

    def after(self, position: int) -> list[tuple[int, str]]:
        return [(at, under) for at, under in self.entries.items() if at > position]

    def hold(self) -> None:
        self.vault.hold_to(self.after)

    def planned(self, under: str) -> None:
        [ref] = self.vault.persons(THEA, [f"{under}@x.example"], under=f"said-{under}")
        self.vault.plan_erasure(
            THEA, PersonRef(ref), under=under, request_sha256="ab" * 32, mode=ErasureMode.FORGET_ME
        )

    def noted(self) -> int | None:
        with reading(self._engine) as connection:
            return connection.scalar(select(vault_carried_out.c.position))


@pytest.fixture
def told(vault_engine: Engine, keyring: Keyring) -> Told:
    return Told(vault_engine, keyring)


def test_an_entry_that_the_vault_never_heard_of_is_no_start(told: Told) -> None:
    told.hold()
    told.entries[7] = "elsewhere"
    with pytest.raises(VaultRefused, match="put back to an earlier moment") as refused:
        told.hold()
    assert refused.value.code == "VAULT_BEHIND"


@pytest.mark.parametrize("finish", ["settle", "at start"])
def test_an_erasure_that_was_carried_out_is_noted(told: Told, finish: str) -> None:
    told.planned("erase")
    told.entries[7] = "erase"
    told.hold()
    assert told.noted() is None, "it waits, and is known"
    if finish == "settle":
        told.vault.settle("erase")
    else:
        told.vault.finish_erasures(told.is_recorded)
    assert told.noted() == 7
    told.hold()
    told.entries[9] = "elsewhere"
    with pytest.raises(VaultRefused):
        told.hold()


@pytest.mark.parametrize("finish", ["settle", "sweep", "unstop"])
def test_a_stop_that_was_carried_out_is_noted(told: Told, finish: str) -> None:
    told.vault.stop(MAIL, under="stop")
    told.entries[7] = "stop"
    told.hold()
    assert told.noted() is None
    if finish == "settle":
        told.vault.settle("stop")
    elif finish == "sweep":
        told.vault.sweep(told.is_recorded)
    else:
        assert told.vault.unstop(MAIL)
    assert told.noted() == 7
    told.hold()


def test_of_two_that_ask_for_the_same_person_both_are_known(told: Told) -> None:
    told.vault.stop(MAIL, under="one")
    told.entries[7] = "one"
    told.vault.settle("one")
    told.vault.stop(MAIL, under="other")  # it saw no stop a moment before
    told.entries[8] = "other"
    told.hold()
    told.vault.settle("other")
    told.hold()
    assert told.noted() == 8


def test_the_order_in_which_they_are_done_does_not_matter(told: Told) -> None:
    for position, under in ((7, "first"), (8, "second")):
        told.planned(under)
        told.entries[position] = under
    told.vault.settle("second")
    told.hold()
    told.vault.settle("first")
    assert told.noted() == 8, "a note never goes back"
    told.hold()


def test_what_waits_in_an_older_vault_does_not_hide_what_it_misses(told: Told) -> None:
    """The copy was made between a plan and its entry; another erasure came between."""
    told.planned("later")
    told.entries |= {7: "missed", 8: "later"}
    with pytest.raises(VaultRefused):
        told.hold()


def test_a_plan_that_got_no_entry_is_no_matter(told: Told) -> None:
    told.planned("never")
    told.hold()
    told.vault.finish_erasures(told.is_recorded, older_than=timedelta(0))
    told.hold()
    assert told.noted() is None


def test_a_vault_of_before_the_note_is_taken_as_it_is_once(told: Told, vault_engine: Engine) -> None:
    told.vault.stop(MAIL, under="stop")
    told.entries[3] = "stop"
    told.vault.settle("stop")
    with writing(vault_engine) as connection:
        connection.execute(update(vault_carried_out).values(position=None))  # as the migration leaves it
    told.entries[7] = "before"
    told.hold()
    assert told.noted() == 7
    told.entries[8] = "elsewhere"
    with pytest.raises(VaultRefused):
        told.hold()
