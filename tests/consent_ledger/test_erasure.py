"""Who is erased is gone: from the tables, from the files, from enumeration, and in time from every copy."""

from __future__ import annotations

import itertools
from contextlib import ExitStack
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine, func, select, update

from consent_ledger.database import Login, open_engine, reading, writing
from consent_ledger.keyring import Keyring
from consent_ledger.tree import leaf_hash, verify_inclusion
from consent_ledger.vault import Planned, Statement, Vault, VaultRefused
from consent_ledger.vault.tables import (
    vault_batch,
    vault_claim,
    vault_erasure,
    vault_payload,
    vault_person,
)
from consent_ledger.vocabulary import ErasureMode, PartyId, PersonRef
from tests.conftest import Database
from tests.consent_ledger.vault.copies import copy_of, files_of, found, values

THEA, MUSE = PartyId("thea"), PartyId("muse")
MAIL = "ada.de.vries@voorbeeld.example"
REQUEST = "ab" * 32
UNTIL = date(2031, 11, 22)
PROOF = {"act": "granted", "purpose": "own_insight", "notice": "0" * 64, "day": "2026-11-22"}
MORE = {"at": "2026-11-22T10:00:00Z", "channel": "web"}


def spoken(vault: Vault, mail: str = MAIL, controller: PartyId = THEA, under: str = "said") -> PersonRef:
    """Somebody who said something, recorded."""
    [ref] = vault.persons(controller, [mail], under=under)
    vault.commit(controller, ref, under=under, payload=PROOF, attributes=MORE)
    vault.settle(under)
    return ref


def plan(vault: Vault, ref: PersonRef, *, under: str = "erase", until: date | None = None) -> None:
    vault.plan_erasure(
        THEA, ref, under=under, request_sha256=REQUEST, mode=ErasureMode.FORGET_ME, evidence_until=until
    )


def count(engine: Engine) -> dict[str, int]:
    tables = (vault_person, vault_claim, vault_payload, vault_erasure)
    with reading(engine) as connection:
        found = {
            table.name.removeprefix("vault_"): connection.scalar(select(func.count()).select_from(table)) or 0
            for table in tables
        }
    return {name: number for name, number in found.items() if number}


def age(engine: Engine, by: timedelta) -> None:
    with writing(engine) as connection:
        connection.execute(update(vault_erasure).values(made=vault_erasure.c.made - int(by.total_seconds())))


# two clocks


def test_forget_me_entirely_leaves_nothing(vault: Vault, vault_engine: Engine) -> None:
    ref = spoken(vault)
    erased = vault.erase(THEA, ref, request_sha256=REQUEST)
    assert (erased.controller, erased.person, erased.evidence_until) == (THEA, ref, None)
    assert count(vault_engine) == {}
    with pytest.raises(VaultRefused):
        vault.opening("said")
    assert vault.erase(THEA, ref, request_sha256=REQUEST) == erased  # repeatable


def test_the_data_key_goes_at_once_and_the_proof_at_its_date(vault: Vault, vault_engine: Engine) -> None:
    ref = spoken(vault)
    commitment = vault.commit(THEA, ref, under="said", payload=PROOF)
    vault.erase(THEA, ref, request_sha256=REQUEST, evidence_until=UNTIL)

    assert vault.find(THEA, MAIL) is None
    assert vault.attributes(THEA, "said") is None
    opening = vault.opening("said")
    assert Vault.opens(commitment, opening.payload, opening.opening)
    with reading(vault_engine) as connection:
        assert connection.scalar(select(vault_person.c.data_key)) is None
        assert connection.scalar(select(vault_payload.c.attributes)) is None

    assert vault.expire_evidence(UNTIL) == 0  # until that day, it included
    assert vault.opening("said") == opening
    assert vault.expire_evidence(UNTIL + timedelta(days=1)) == 1
    with pytest.raises(VaultRefused):
        vault.opening("said")
    assert count(vault_engine) == {}
    assert vault.expire_evidence(UNTIL + timedelta(days=1)) == 0


def test_evidence_of_those_who_were_not_erased_never_expires(vault: Vault) -> None:
    spoken(vault)
    assert vault.expire_evidence(date(2999, 1, 1)) == 0
    assert vault.opening("said").entry == "said"


def test_who_wants_to_be_forgotten_entirely_later_loses_the_proof_too(
    vault: Vault, vault_engine: Engine
) -> None:
    ref = spoken(vault)
    vault.erase(THEA, ref, request_sha256=REQUEST, evidence_until=UNTIL)
    vault.erase(THEA, ref, request_sha256=REQUEST, evidence_until=UNTIL + timedelta(days=900))
    with reading(vault_engine) as connection:
        assert connection.scalar(select(vault_person.c.evidence_until)) == UNTIL, "a day is not put off"
    vault.erase(THEA, ref, request_sha256=REQUEST)
    assert count(vault_engine) == {}


def test_nobody_is_linked_again(vault: Vault) -> None:
    ref = spoken(vault)
    vault.erase(THEA, ref, request_sha256=REQUEST, evidence_until=UNTIL)
    [again] = vault.persons(THEA, [MAIL], under="import")
    assert again != ref
    assert vault.find(THEA, MAIL) == again
    assert vault.said(THEA, again) == []
    assert vault.gone(THEA, [ref, again]) == {ref}


def test_nothing_more_is_sealed_of_somebody_erased(vault: Vault) -> None:
    ref = spoken(vault)
    vault.erase(THEA, ref, request_sha256=REQUEST, evidence_until=UNTIL)
    with pytest.raises(VaultRefused) as caught:
        vault.commit(THEA, ref, under="later", payload=PROOF)
    assert caught.value.code == "PERSON_UNKNOWN"
    with pytest.raises(VaultRefused):
        plan(vault, ref, under="again")


def test_standing_is_not_rebuilt_from_evidence(vault: Vault) -> None:
    ref, other = spoken(vault), spoken(vault, "b@x.example", under="other")
    vault.erase(THEA, ref, request_sha256=REQUEST, evidence_until=UNTIL)
    assert [(one.person, one.entry) for one in vault.payloads()] == [(other, "other")]
    assert vault.said(THEA, ref) == []


def test_erasing_at_one_house_leaves_the_other(vault: Vault) -> None:
    here, there = spoken(vault), spoken(vault, controller=MUSE, under="there")
    assert vault.references(MAIL) == [(MUSE, there), (THEA, here)]
    vault.erase(THEA, here, request_sha256=REQUEST)
    assert vault.references(MAIL) == [(MUSE, there)]
    assert vault.references(MAIL, controllers=[THEA]) == []
    assert vault.opening("there").person == there


def test_somebody_pending_can_be_erased(vault: Vault, vault_engine: Engine) -> None:
    for under in ("import", "another"):
        [ref] = vault.persons(THEA, [MAIL], under=under)
    vault.commit(THEA, ref, under="said", payload=PROOF)
    vault.erase(THEA, ref, request_sha256=REQUEST)
    assert count(vault_engine) == {}
    assert vault.sweep(lambda _: True) == 0


# the entry, and what can die before and after it


def test_a_plan_without_entry_does_nothing_and_is_dropped_in_a_day(
    vault: Vault, vault_engine: Engine
) -> None:
    ref = spoken(vault)
    plan(vault, ref)
    plan(vault, ref)  # repeatable
    assert vault.find(THEA, MAIL) == ref
    assert vault.finish_erasures(lambda _: False) == []
    assert count(vault_engine)["erasure"] == 1, "its entry may be under way"
    age(vault_engine, timedelta(days=1, seconds=1))
    assert vault.finish_erasures(lambda _: False) == []
    assert count(vault_engine) == {"person": 1, "payload": 1}
    assert vault.find(THEA, MAIL) == ref


def test_a_plan_whose_entry_was_refused_can_be_dropped_at_once(vault: Vault, vault_engine: Engine) -> None:
    plan(vault, spoken(vault))
    vault.drop_erasure(THEA, under="erase")
    assert "erasure" not in count(vault_engine)


def test_another_plan_under_the_same_key_is_a_conflict(vault: Vault) -> None:
    ref = spoken(vault)
    plan(vault, ref)
    with pytest.raises(VaultRefused) as caught:
        plan(vault, ref, until=UNTIL)
    assert caught.value.code == "IDEMPOTENCY_CONFLICT"


def test_settling_erases_what_was_planned(vault: Vault, vault_engine: Engine) -> None:
    ref = spoken(vault)
    plan(vault, ref)
    assert vault.settle("another") == []
    assert vault.find(THEA, MAIL) == ref
    expected = [Planned(THEA, ref, REQUEST, None, "erase", ErasureMode.FORGET_ME)]
    assert vault.settle("erase") == expected
    assert vault.settle("erase") == []
    assert count(vault_engine) == {}


def test_a_death_after_the_entry_is_made_up_for_at_start(
    vault: Vault, vault_engine: Engine, keyring: Keyring
) -> None:
    plan(vault, spoken(vault), until=UNTIL)
    again = Vault.open(vault_engine, keyring)
    assert [one.under for one in again.finish_erasures(lambda under: under == "erase")] == ["erase"]
    assert count(vault_engine) == {"person": 1, "payload": 1}
    assert again.find(THEA, MAIL) is None


@pytest.mark.parametrize("door", ["find", "persons", "references"])
def test_who_was_erased_by_an_entry_is_gone_before_the_destruction(
    vault: Vault, vault_engine: Engine, keyring: Keyring, door: str
) -> None:
    """The process that recorded it died; another one has been running for weeks."""
    ref = spoken(vault)
    plan(vault, ref)
    recorded = set[str]()
    running = Vault.open(vault_engine, keyring, is_recorded=recorded.__contains__)
    assert running.find(THEA, MAIL) == ref
    assert running.gone(THEA, [ref]) == set()
    recorded.add("erase")
    assert running.gone(THEA, [ref]) == {ref}
    match door:
        case "find":
            assert running.find(THEA, MAIL) is None
        case "references":
            assert running.references(MAIL) == []
        case "persons":
            assert running.persons(THEA, [MAIL, "b@x.example"], under="import")[0] != ref
    with reading(vault_engine) as connection:
        assert ref not in set(connection.scalars(select(vault_person.c.ref)))
    assert "erasure" not in count(vault_engine)


def test_a_death_before_the_log_was_cut_leaves_the_plan_to_be_finished(
    database: Database, vault: Vault, vault_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = spoken(vault)
    plan(vault, ref)

    def die(_: Vault) -> bool:
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(Vault, "_leave_no_trace", die)
        with pytest.raises(ConnectionError):
            vault.settle("erase")
    assert count(vault_engine) == {"erasure": 1}
    assert [one.person for one in vault.finish_erasures(lambda _: True)] == [ref]
    assert count(vault_engine) == {}


def test_a_ledger_that_cannot_be_asked_erases_nobody(vault: Vault) -> None:
    ref = spoken(vault)
    plan(vault, ref)

    def unanswered(_: str) -> bool:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        vault.finish_erasures(unanswered)
    assert vault.find(THEA, MAIL) == ref


# nothing left


def addresses(number: int) -> list[str]:
    """Dutch postcodes with house numbers, as somebody would enumerate them."""
    letters = ("".join(pair) for pair in itertools.product("ABCDEFGHJKLMNPRSTVWXZ", repeat=2))
    streets = (f"{1011 + n % 40}{pair}" for n, pair in enumerate(letters))
    return [f"{street}-{house}" for street in list(streets) for house in range(1, 200)][:number]


@pytest.mark.parametrize("until", [None, UNTIL])
def test_no_enumeration_finds_an_erased_person(
    vault: Vault, vault_engine: Engine, keyring: Keyring, until: date | None
) -> None:
    everything = [*addresses(50_000), MAIL, "b@x.example", "niemand@x.example"]
    home, neighbour = everything[31_234], everything[31_235]
    refs = vault.persons(THEA, [MAIL, home, "b@x.example", neighbour], under="import")
    for number, ref in enumerate(refs):
        vault.commit(THEA, ref, under=f"said{number}", payload=PROOF, attributes=MORE)
    vault.settle("import")

    def seen() -> set[str]:
        return found(copy_of(vault_engine), keyring._folder, [THEA], everything)

    assert seen() == {MAIL, home, "b@x.example", neighbour}
    for number, ref in enumerate(refs[:2]):
        plan(vault, ref, under=f"erase{number}", until=until)
        vault.settle(f"erase{number}")
    assert seen() == {"b@x.example", neighbour}
    vault.stop(MAIL, under="stopped")
    assert seen() == {MAIL, "b@x.example", neighbour}, "who stays out leaves one hash, as asked"


def test_no_byte_of_the_erased_stays_in_the_files(
    database: Database, vault: Vault, vault_engine: Engine
) -> None:
    if database.kind != "sqlite":  # PostgreSQL keeps them: there the epoch's key is destroyed
        return
    refs = vault.persons(THEA, [f"{number}@x.example" for number in range(3_000)], under="import")
    for number in range(0, 3_000, 100):  # among many others, and sealed at different times
        vault.commit(THEA, refs[number], under=f"said{number}", payload=PROOF, attributes=MORE)
    vault.settle("import")
    victims = set(refs[::100])

    def bytes_of(table: str, *columns: str) -> list[bytes]:
        rows = [row for row in copy_of(vault_engine)[table] if row.get("ref", row.get("person")) in victims]
        values = [row[column] for row in rows for column in columns]
        return [
            value.encode() if isinstance(value, str) else value
            for value in values
            if isinstance(value, str | bytes)
        ]

    searched = bytes_of("vault_person", "lookup", "data_key", "evidence_key")
    searched += bytes_of("vault_payload", "payload", "attributes")
    assert len(searched) == 30 * 5
    before = files_of(vault_engine)
    assert all(value in before for value in searched)
    for number, ref in enumerate(sorted(victims)):
        plan(vault, ref, under=f"erase{number}")
        vault.settle(f"erase{number}")
    after = files_of(vault_engine)
    assert not [value for value in searched if value in after]
    assert not [ref for ref in victims if ref.encode() in files_of(vault_engine)]


def test_a_reader_who_stays_keeps_the_plan_until_the_log_can_be_cut(
    database: Database, keyring: Keyring, engines: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    if database.kind != "sqlite":
        return
    monkeypatch.setattr("consent_ledger.database._BUSY_SECONDS", 0.1)
    engine = open_engine(database.vault_url, Login.VAULT)
    engines.callback(engine.dispose)
    vault = Vault.open(engine, keyring)
    ref = spoken(vault)
    plan(vault, ref)
    with reading(engine) as connection:
        connection.execute(select(vault_person)).all()
        assert [one.person for one in vault.settle("erase")] == [ref]
        assert vault.find(THEA, MAIL) is None
        assert count(engine) == {"erasure": 1}
        with pytest.raises(VaultRefused) as caught:
            vault.erase(THEA, ref, request_sha256=REQUEST)
        assert caught.value.code == "VAULT_READ"
    assert [one.person for one in vault.finish_erasures(lambda _: True)] == [ref]
    assert count(engine) == {}


def test_the_others_of_a_batch_are_still_proven(vault: Vault, vault_engine: Engine) -> None:
    refs = vault.persons(THEA, [f"{number}@x.example" for number in range(5)], under="batch")
    batch = vault.commit_batch(THEA, [Statement(ref, "batch", PROOF) for ref in refs], under="batch")
    vault.settle("batch")
    vault.erase(THEA, refs[1], request_sha256=REQUEST)
    with pytest.raises(VaultRefused):
        vault.opening("batch#1")
    for index in (0, 2, 3, 4):
        commitment, path = vault.batch_proof(THEA, "batch", index)
        opening = vault.opening(f"batch#{index}")
        assert Vault.opens(commitment, opening.payload, opening.opening)
        verify_inclusion(leaf_hash(bytes.fromhex(commitment)), index, 5, path, bytes.fromhex(batch.root))
    with reading(vault_engine) as connection:
        assert connection.scalar(select(func.count()).select_from(vault_batch)) == 1
    assert refs[1] not in values(copy_of(vault_engine))
