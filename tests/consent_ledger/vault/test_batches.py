"""Ten thousand statements in one entry, each of which can be shown alone."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import Engine, func, select

from consent_ledger.canonical import canonical
from consent_ledger.database import reading
from consent_ledger.tree import Tree, leaf_hash, verify_inclusion
from consent_ledger.vault import Statement, Vault, VaultConflict, VaultRefused
from consent_ledger.vault.tables import vault_batch, vault_claim, vault_payload, vault_person
from consent_ledger.vocabulary import PartyId, PersonRef

THEA, MUSE = PartyId("thea"), PartyId("muse")


def said(vault: Vault, number: int, *, controller: PartyId = THEA, under: str = "batch") -> list[Statement]:
    refs = vault.persons(controller, [f"{each}@x.example" for each in range(number)], under=under)
    return [
        Statement(ref, under, {"act": "granted", "day": "2026-11-22"}, {"channel": "import", "line": line})
        for line, ref in enumerate(refs)
    ]


def rows(engine: Engine) -> list[int]:
    """Persons, claims, payloads, batches."""
    with reading(engine) as connection:
        return [
            connection.scalar(select(func.count()).select_from(table)) or 0
            for table in (vault_person, vault_claim, vault_payload, vault_batch)
        ]


@pytest.mark.parametrize("size", [1, 2, 7])
def test_each_of_a_batch_opens_and_is_proven_by_its_path(vault: Vault, size: int) -> None:
    statements = said(vault, size)
    batch = vault.commit_batch(THEA, statements, under="batch")
    tree = Tree()
    for commitment in batch.commitments:
        tree.append(leaf_hash(bytes.fromhex(commitment)))
    assert batch.root == tree.root().hex()
    for index, each in enumerate(statements):
        opening = vault.opening(f"batch#{index}")
        assert (opening.person, opening.payload, opening.entry) == (
            each.person,
            canonical(each.payload),
            "batch",
        )
        commitment, path = vault.batch_proof(THEA, "batch", index)
        assert commitment == batch.commitments[index]
        assert Vault.opens(commitment, opening.payload, opening.opening)
        verify_inclusion(leaf_hash(bytes.fromhex(commitment)), index, size, path, tree.root())
        assert vault.person_of(THEA, f"batch#{index}") == each.person
        assert vault.attributes(THEA, f"batch#{index}") == {"channel": "import", "line": index}
    assert len({opening.opening for opening in vault.payloads()}) == size


@pytest.mark.parametrize(("under", "index"), [("batch", -1), ("batch", 3), ("other", 0), ("", 0)])
def test_there_is_no_proof_of_what_is_not_in_it(vault: Vault, under: str, index: int) -> None:
    vault.commit_batch(THEA, said(vault, 3), under="batch")
    with pytest.raises(VaultRefused) as caught:
        vault.batch_proof(THEA, under, index)
    assert caught.value.code == "NOTHING_SEALED"
    with pytest.raises(VaultRefused):
        vault.batch_proof(MUSE, "batch", 0)


def test_the_same_batch_again_is_the_same(vault: Vault, vault_engine: Engine) -> None:
    statements = said(vault, 20)
    first = vault.commit_batch(THEA, statements, under="batch")
    assert vault.commit_batch(THEA, statements, under="batch") == first
    assert rows(vault_engine) == [20, 0, 20, 1]


def test_another_batch_under_the_same_key_is_a_conflict(vault: Vault, vault_engine: Engine) -> None:
    statements = said(vault, 5)
    vault.commit_batch(THEA, statements, under="batch")
    other = Statement(statements[4].person, "batch", {"act": "refused"})
    for changed in (statements[:4], [*statements, other], [*statements[:4], other], statements[::-1]):
        with pytest.raises(VaultConflict):
            vault.commit_batch(THEA, changed, under="batch")
    assert rows(vault_engine) == [5, 0, 5, 1]


def test_a_batch_with_a_stranger_is_not_sealed_at_all(vault: Vault, vault_engine: Engine) -> None:
    statements = [*said(vault, 5), Statement(PersonRef("f" * 32), "batch", {})]
    with pytest.raises(VaultRefused) as caught:
        vault.commit_batch(THEA, statements, under="batch")
    assert caught.value.code == "PERSON_UNKNOWN"
    assert rows(vault_engine) == [5, 0, 0, 0]
    with pytest.raises(VaultRefused) as caught:
        vault.commit_batch(THEA, [], under="batch")
    assert caught.value.code == "BATCH_EMPTY"


def test_a_batch_without_entry_is_swept_and_another_houses_stays(vault: Vault, vault_engine: Engine) -> None:
    vault.commit_batch(THEA, said(vault, 8), under="batch")
    vault.commit_batch(MUSE, said(vault, 3, controller=MUSE, under="kept"), under="kept")
    asked: list[str] = []

    def is_recorded(under: str) -> bool:
        asked.append(under)
        return under == "kept"

    assert vault.sweep(is_recorded) == 16  # persons and payloads
    assert sorted(asked) == ["batch", "kept"], "the ledger is asked for entries, once each"
    assert rows(vault_engine) == [3, 0, 3, 1]
    assert {opening.entry for opening in vault.payloads()} == {"kept"}
    assert vault.sweep(lambda _: False) == 0


def test_whom_a_failed_import_made_and_a_batch_recorded_stays(vault: Vault, vault_engine: Engine) -> None:
    statements = said(vault, 4, under="failed")
    vault.commit_batch(THEA, statements, under="batch")
    assert rows(vault_engine) == [4, 4, 4, 1]
    assert vault.sweep(lambda under: under == "batch") == 0
    assert rows(vault_engine) == [4, 0, 4, 1]


def test_ten_thousand_are_sealed_in_two_seconds(vault: Vault) -> None:
    statements = said(vault, 10_000)
    vault.settle("batch")
    start = time.process_time()
    batch = vault.commit_batch(THEA, statements, under="batch")
    took = time.process_time() - start
    assert len(set(batch.commitments)) == 10_000
    assert took < 2, f"{took:.2f} s of processor time for 10,000 statements"
    start = time.process_time()
    commitment, _ = vault.batch_proof(THEA, "batch", 9_999)
    assert commitment == batch.commitments[-1]
    assert time.process_time() - start < 0.2
