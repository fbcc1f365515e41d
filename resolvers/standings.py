"""
Rebuilding where each person stands: from what the vault keeps of what was said, and the entries that count.

The table is a projection. It is lost with no harm: the ledger says which statements were recorded and at
which position, the vault what they were and whose. Those who were erased have nothing in either, and so
no row. What a wrong notice took back is taken back again, in the order of the entries.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date

from sqlalchemy import func, select

from consent_ledger.database import writing
from consent_ledger.entry import Entry, EntryType
from consent_ledger.follower import read_head
from consent_ledger.records import number
from consent_ledger.standing import Said, invalidate, rebuild, standing
from consent_ledger.vault import Opening, Vault
from consent_ledger.vault.pending import OF_BATCH
from consent_ledger.vocabulary import ConsentAct, PartyId, Position, Purpose
from resolvers.house import House

_SAYING = frozenset({*(EntryType(f"consent.{act.value}") for act in ConsentAct), EntryType.CONSENT_BATCH})


class NotRebuilt(Exception):
    """The vault does not hold what the ledger recorded. Carries a code and a plain sentence; nothing was changed."""

    code = "STATEMENT_DIFFERS"

    def __init__(self, position: Position) -> None:
        self.sentence = (
            f"What the vault holds for entry {position} is not what that entry commits to, so nothing was"
            " rebuilt; compare the vault with a backup of it."
        )
        super().__init__(self.sentence)


def rebuild_standing(house: House) -> int:
    """
    Replace the standing of everybody; returns how many rows there are. Durable on return, all or nothing.

    In one transaction that holds the head, so nobody writes an act meanwhile and no reader sees it half
    done. Raises `NotRebuilt`.
    """
    with writing(house.engine) as connection:
        size = read_head(connection, lock=True).size
        said: dict[tuple[PartyId, str], Entry] = {}
        wrong: list[Entry] = []
        for entry in house.ledger.entries(connection, 0, size):
            if entry.kind in _SAYING:
                said[PartyId(str(entry.body["controller"])), entry.idem] = entry
            elif entry.kind is EntryType.NOTICE_INVALIDATED:
                wrong.append(entry)
        rebuild(connection, _acts(house.vault, said))
        for entry in wrong:
            body = entry.body
            controller, notice = PartyId(str(body["controller"])), str(body["notice"])
            day = date.fromisoformat(entry.rt[:10])
            invalidate(connection, controller, notice, number(body["version"]), entry.seq, day)
        return int(connection.scalar(select(func.count()).select_from(standing)) or 0)


def _acts(vault: Vault, said: Mapping[tuple[PartyId, str], Entry]) -> Iterator[Said]:
    """What living persons said in entries that exist; what still waits for its entry is nothing yet."""
    for opening in vault.payloads():
        entry = said.get((opening.controller, opening.entry))
        if entry is not None:
            yield _act(vault, opening, entry)


def _act(vault: Vault, opening: Opening, entry: Entry) -> Said:
    is_of_batch = OF_BATCH in opening.under
    commitment = entry.body.get("commitment")
    if is_of_batch is isinstance(commitment, str) or (
        isinstance(commitment, str) and not vault.opens(commitment, opening.payload, opening.opening)
    ):
        raise NotRebuilt(entry.seq)
    told = json.loads(opening.payload)
    notice, version, until = told["notice"], told["notice_version"], told["until"]
    return Said(
        opening.controller,
        opening.person,
        Purpose(told["purpose"]),
        ConsentAct(told["act"]),
        entry.seq,
        date.fromisoformat(entry.rt[:10]),
        None if until is None else date.fromisoformat(until),
        None if notice is None or version is None else (notice, version),
    )
