"""Who asked to stay out stays out, everywhere, until the person says otherwise."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, update

from consent_ledger.database import reading, writing
from consent_ledger.keyring import Keyring
from consent_ledger.vault import Vault, VaultRefused, sealing
from consent_ledger.vault.tables import vault_stop

MAIL = "Ada.de.Vries@voorbeeld.example"


def rows(engine: Engine) -> list[tuple[str, bool]]:
    """Key, and whether the row is pending."""
    with reading(engine) as connection:
        query = select(vault_stop.c.under, vault_stop.c.made).order_by(vault_stop.c.under)
        return [(under, made is not None) for under, made in connection.execute(query)]


def test_a_stop_is_inert_until_its_entry_and_then_holds(vault: Vault, vault_engine: Engine) -> None:
    vault.stop(MAIL, under="stop")
    vault.stop(MAIL, under="stop")
    assert vault.stopped([MAIL]) == set()
    vault.settle("stop")
    assert vault.stopped(["x@x.example", MAIL, MAIL.upper(), "ada@x.example", f" {MAIL}"]) == {1, 2, 4}
    assert rows(vault_engine) == [("", False)], "it does not even tell by which entry"
    vault.stop(MAIL, under="again")
    assert rows(vault_engine) == [("", False), ("again", True)], "its entry must find what it asks for"
    vault.settle("again")
    assert rows(vault_engine) == [("", False)]


def test_a_stop_holds_from_its_entry_on_when_the_process_died_there(
    vault: Vault, vault_engine: Engine, keyring: Keyring
) -> None:
    recorded = set[str]()
    running = Vault.open(vault_engine, keyring, is_recorded=recorded.__contains__)
    vault.stop(MAIL, under="stop")
    assert running.stopped([MAIL]) == set()
    recorded.add("stop")
    assert running.stopped([MAIL]) == {0}
    assert running.sweep(recorded.__contains__) == 0
    assert vault.stopped([MAIL]) == {0}


def test_a_stop_that_never_got_its_entry_is_swept(vault: Vault, vault_engine: Engine) -> None:
    vault.stop(MAIL, under="stop")
    vault.sweep(lambda _: False, older_than=timedelta(hours=1))
    assert rows(vault_engine) == [("stop", True)]
    with writing(vault_engine) as connection:
        connection.execute(update(vault_stop).values(made=vault_stop.c.made - 7_200))
    vault.sweep(lambda _: False, older_than=timedelta(hours=1))
    assert rows(vault_engine) == []


def test_of_two_that_wait_the_one_with_an_entry_counts(vault: Vault, vault_engine: Engine) -> None:
    vault.stop(MAIL, under="failed")
    vault.stop(MAIL, under="recorded")
    vault.sweep(lambda under: under == "recorded")
    assert rows(vault_engine) == [("", False)]
    assert vault.stopped([MAIL]) == {0}


def test_only_the_person_opens_the_door_again(vault: Vault, vault_engine: Engine) -> None:
    vault.stop(MAIL, under="stop")
    vault.settle("stop")
    assert vault.unstop(MAIL.lower())
    assert rows(vault_engine) == []
    assert not vault.unstop(MAIL)
    assert vault.stopped([MAIL]) == set()


def test_the_register_is_what_the_construction_says(
    vault: Vault, vault_engine: Engine, keyring: Keyring
) -> None:
    vault.stop(MAIL, under="stop")
    expected = sealing.stop(sealing.stop_key(keyring.secret("stop")), MAIL)
    with reading(vault_engine) as connection:
        assert connection.scalar(select(vault_stop.c.lookup)) == expected
    assert sealing.stop(sealing.stop_key(bytes(32)), MAIL) == sealing.stop(
        sealing.stop_key(bytes(32)), MAIL.lower()
    )
    assert (
        sealing.stop_key(bytes(32)).hex()
        == "b6a4502036c190fba6c737df8c723a55c453e88bc668983a1ef4133a6cab5d1a"
    )
    assert sealing.stop(bytes(32), MAIL) == "b812ac47b442839b08910402ca9f659a373b356691cec2deb151fa524c605e67"


def test_tens_of_thousands_are_asked_for_at_once(vault: Vault) -> None:
    identifiers = [f"{number}@x.example" for number in range(30_000)]
    for number in (7, 29_999):
        vault.stop(identifiers[number], under=f"stop{number}")
        vault.settle(f"stop{number}")
    start = time.process_time()
    assert vault.stopped(identifiers) == {7, 29_999}
    assert time.process_time() - start < 1
    assert vault.stopped([]) == set()


def test_nobody_is_stopped_by_an_empty_identifier(vault: Vault, vault_engine: Engine) -> None:
    with pytest.raises(VaultRefused):
        vault.stop("  ", under="stop")
    assert rows(vault_engine) == []


def test_many_at_once_leave_one_row(vault: Vault, vault_engine: Engine) -> None:
    failed: list[BaseException] = []

    def stop(under: str) -> None:
        try:
            vault.stop(MAIL, under=under)
            vault.settle(under)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=stop, args=(f"stop{number // 2}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert rows(vault_engine) == [("", False)]
