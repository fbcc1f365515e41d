"""Making a release: the platform asks every house that joined, computes once, and seals."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from consent_ledger.database import reading
from consent_ledger.entry import Actor, Draft, EntryType
from consent_ledger.parties import platform_caller
from consent_ledger.permit import Permit, decide
from consent_ledger.question import benchmark_question, release_question
from consent_ledger.vocabulary import PLATFORM, ClientId, PartyId, Position
from insight.blocks import NoLawfulBlock
from insight.commitment import NONCE_BYTES
from insight.months import Month
from insight.release import DraftRelease, asked_period, compute, contributions, seal
from insight.store.releases import latest, register
from resolvers.house import House


@dataclass(frozen=True, slots=True)
class Sealed:
    """A release that stands in the ledger."""

    release: str
    position: Position
    blocks: int
    houses: int
    cells: int


def make_release(house: House, *, start: Month, end: Month, policy: str) -> Sealed | NoLawfulBlock:
    """
    Release the months from `start` up to `end`; durable on return.

    Houses that did not join, or gave no basis or notice for it, are not read. Raises `PolicyRefused`,
    `ReleaseRefused` (a month was published before) and what the log raises.
    """
    caller = platform_caller()
    with reading(house.engine) as connection:
        snapshot = house.ledger.pin(connection)
        try:
            state = snapshot.state
            retracted = frozenset(name for name, one in state.releases.items() if one.is_retracted)
            seen = decide(snapshot, caller, benchmark_question())
            assert isinstance(seen, Permit), "the platform may always read what it released"
            members = register(seen, connection)
            before = latest(seen, connection, retracted=retracted)
            period = asked_period(start, end)
            permitted = [
                (permit, member)
                for member in members
                if isinstance(permit := decide(snapshot, caller, release_question(member.id, period)), Permit)
            ]
            granted = frozenset(
                source
                for agreement in state.agreements.values()
                if agreement.is_active(snapshot.at) and agreement.recipients != {PLATFORM}
                for source in agreement.sources
            )
            draft = compute(
                contributions(permitted, connection),
                policy=policy,
                sandbox=state.is_sandbox,
                start=start,
                end=end,
                nonce=secrets.token_bytes(NONCE_BYTES),
                granted=frozenset(map(PartyId, granted)),
                previous=before,
            )
        finally:
            snapshot.end()
    return draft if isinstance(draft, NoLawfulBlock) else _sealed(house, draft, retracted)


def _sealed(house: House, draft: DraftRelease, retracted: frozenset[str]) -> Sealed:
    body, rider = seal(draft, published_at=house.clock(), retracted=retracted)
    actor = Actor(PLATFORM, ClientId(PLATFORM))
    done = house.ledger.append(Draft(EntryType.RELEASE_SEALED, actor, draft.id, body), rider=rider)
    houses = sum(len(inside) for inside in draft.members.values())
    return Sealed(draft.id, done.position, len(draft.blocks), houses, len(draft.cells))
