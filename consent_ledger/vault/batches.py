"""Batches: what ten thousand persons said, in one entry; each can still be shown alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from consent_ledger.database import reading, writing
from consent_ledger.tree import HASH_SIZE, Tree, leaf_hash
from consent_ledger.vault.pending import OF_BATCH
from consent_ledger.vault.room import seconds
from consent_ledger.vault.sealing import VaultRefused
from consent_ledger.vault.statements import Statement, Statements, VaultConflict
from consent_ledger.vault.tables import vault_batch
from consent_ledger.vocabulary import PartyId


@dataclass(frozen=True, slots=True)
class Batch:
    """What `consent.batch` carries of a batch, `root`, and what it was made of, in order."""

    under: str
    root: str
    commitments: tuple[str, ...] = field(repr=False)


class Batches(Statements):
    """Sealing many statements under one entry's key, and showing one of them."""

    __slots__ = ()

    def commit_batch(self, controller: PartyId, statements: Sequence[Statement], *, under: str) -> Batch:
        """
        Seal these statements, each under `under`, `#` and its index; durable on return, all or none.

        `root` is the RFC 9162 root over the commitments, 32 bytes each, in order. What a statement says
        of its own key does not count here. Repeatable: the same statements in the same order give the
        same batch. Raises `VaultConflict` when another batch was sealed under `under`, and `VaultRefused`
        when a person is unknown or forgotten, or the batch empty.
        """
        if not statements:
            raise VaultRefused("BATCH_EMPTY", "A batch without statements tells of nobody.")
        keyed = [replace(each, under=f"{under}{OF_BATCH}{index}") for index, each in enumerate(statements)]
        try:
            return self._commit_batch(controller, keyed, under)
        except (
            IntegrityError
        ):  # the same at the same moment elsewhere, or somebody was just erased: look again
            return self._commit_batch(controller, keyed, under)

    def batch_proof(self, controller: PartyId, under: str, index: int) -> tuple[str, list[bytes]]:
        """
        The commitment at `index` of a batch, and the path from it to the batch's root (RFC 9162, 2.1.3).

        It proves as long as the batch is kept, also after others in it were erased. Raises
        `VaultRefused` when there is no such batch or index.
        """
        with reading(self._engine) as connection:
            kept = connection.scalar(
                select(vault_batch.c.commitments).where(
                    vault_batch.c.controller == controller, vault_batch.c.under == under
                )
            )
        commitments = b"" if kept is None else kept
        size = len(commitments) // HASH_SIZE
        if not 0 <= index < size:
            raise VaultRefused("NOTHING_SEALED", "There is no such batch, or nothing at this place in it.")
        path = _tree(commitments).inclusion(index, size)
        return commitments[index * HASH_SIZE : (index + 1) * HASH_SIZE].hex(), path

    def _commit_batch(self, controller: PartyId, keyed: Sequence[Statement], under: str) -> Batch:
        of_this = (vault_batch.c.controller == controller, vault_batch.c.under == under)
        with writing(self._engine) as connection:
            earlier = connection.scalar(select(vault_batch.c.commitments).where(*of_this))
            if earlier is not None and len(earlier) != len(keyed) * HASH_SIZE:
                raise VaultConflict
            hexadecimal = self._commit(connection, controller, keyed, made=None)
            commitments = bytes.fromhex("".join(hexadecimal))
            if earlier is None:
                row = {
                    "controller": controller,
                    "under": under,
                    "commitments": commitments,
                    "made": seconds(),
                }
                connection.execute(insert(vault_batch), row)
            elif earlier != commitments:
                raise VaultConflict
            else:  # a repeat that is under way is not swept
                pending = vault_batch.c.made.is_not(None)
                connection.execute(update(vault_batch).where(*of_this, pending).values(made=seconds()))
        return Batch(under, _tree(commitments).root().hex(), tuple(hexadecimal))


def _tree(commitments: bytes) -> Tree:
    tree = Tree()
    for start in range(0, len(commitments), HASH_SIZE):
        tree.append(leaf_hash(commitments[start : start + HASH_SIZE]))
    return tree
