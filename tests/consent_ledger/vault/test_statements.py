"""What persons said: the proof, what else is known of it, and whose it is."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import Engine, func, select, update

from consent_ledger.canonical import Json, canonical
from consent_ledger.database import reading, writing
from consent_ledger.vault import Vault, VaultRefused
from consent_ledger.vault.tables import vault_payload
from consent_ledger.vocabulary import PartyId

THEA, MUSE = PartyId("thea"), PartyId("muse")
MAIL = "ada.de.vries@voorbeeld.example"
PROOF = {"act": "granted", "day": "2026-11-22"}


def test_attributes_open_beside_the_proof_and_are_no_part_of_it(vault: Vault) -> None:
    [ref] = vault.persons(THEA, [MAIL], under="k")
    more: dict[str, Json] = {"at": "2026-11-22T10:00:00Z", "channel": "web", "seat": 12}
    commitment = vault.commit(THEA, ref, under="k", payload=PROOF, attributes=more)
    assert vault.attributes(THEA, "k") == more
    assert commitment == vault.commit(THEA, ref, under="k", payload=PROOF, attributes={"at": "later"})
    assert vault.attributes(THEA, "k") == more, "the first stay"
    assert Vault.opens(commitment, canonical(PROOF), vault.opening("k").opening)


def test_a_statement_without_attributes_has_none(vault: Vault) -> None:
    [ref] = vault.persons(THEA, [MAIL], under="k")
    vault.commit(THEA, ref, under="k", payload=PROOF)
    assert vault.attributes(THEA, "k") is None
    assert vault.attributes(THEA, "nothing") is None
    assert vault.attributes(MUSE, "k") is None


def test_attributes_moved_to_another_row_do_not_open(vault: Vault, vault_engine: Engine) -> None:
    [ref] = vault.persons(THEA, [MAIL], under="k")
    for number in (1, 2):
        vault.commit(THEA, ref, under=f"k{number}", payload=PROOF, attributes={"number": number})
    with writing(vault_engine) as connection:
        first = select(vault_payload.c.attributes).where(vault_payload.c.under == "k1").scalar_subquery()
        connection.execute(
            update(vault_payload).where(vault_payload.c.under == "k2").values(attributes=first)
        )
    with pytest.raises(VaultRefused) as caught:
        vault.attributes(THEA, "k2")
    assert caught.value.code == "SEAL_BROKEN"


def test_all_that_one_person_said_is_told_and_nothing_of_others(vault: Vault) -> None:
    ref, other = vault.persons(THEA, [MAIL, "b@x.example"], under="k")
    for person, under in ((ref, "k1"), (other, "k2"), (ref, "k3")):
        vault.commit(THEA, person, under=under, payload=PROOF)
    assert [each.under for each in vault.said(THEA, ref)] == ["k1", "k3"]
    assert vault.said(MUSE, ref) == []
    assert vault.person_of(THEA, "k2") == other
    assert vault.person_of(THEA, "k9") is None


def test_the_same_statement_at_the_same_moment_is_sealed_once(vault: Vault, vault_engine: Engine) -> None:
    [ref] = vault.persons(THEA, [MAIL], under="k")
    sealed: list[str] = []
    start = threading.Barrier(6)

    def seal() -> None:
        start.wait()
        sealed.append(vault.commit(THEA, ref, under="k", payload=PROOF))

    threads = [threading.Thread(target=seal) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sealed) == 6
    assert len(set(sealed)) == 1
    with reading(vault_engine) as connection:
        assert connection.scalar(select(func.count()).select_from(vault_payload)) == 1
