"""
Samples: an auditor draws persons whom a disclosure counted, and sees on what each was counted.

The draw follows from the auditor's own random number, so that who answers cannot choose. The opening is an
entry itself, durable before anything is opened. Nobody's identity comes along: a leaf of the
commitment, the proof that it lies in the set, and the entries in which that person spoke, opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from consent_ledger.entry import Draft, Entry, EntryType, Json
from consent_ledger.permit import Refusal
from consent_ledger.question import ledger_question, sample_question
from consent_ledger.records import texts
from consent_ledger.standing import own_acts
from consent_ledger.vault import VaultRefused
from consent_ledger.vault.pending import OF_BATCH
from consent_ledger.vocabulary import PartyId, PersonRef, Position, Purpose
from insight.store.subjects import Drawn, draw
from resolvers.gate import Inquiry, Receipt, entry_key

MOST = 100
"""Persons in one draw, at most."""


class SampleRefused(Exception):
    """The sample cannot be drawn. Carries a code and a plain sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Statement:
    """
    One entry in which a drawn person spoke: its bytes, what was said, and what opens the commitment to it.

    Of a batch also which of its statements it is, `index`, and the `path` (RFC 9162, 2.1.3) from that
    commitment, as a leaf, to the batch's root in the entry; how many there are stands there too.
    """

    position: Position
    entry: str
    payload: str
    opening: str
    index: int | None = None
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Opened:
    """
    One person of the set. `said` is what was recorded for the purpose below the decision's size.

    Empty where the purpose needs no consent and nothing was said, and where the person was erased since:
    what was sealed can then be opened by nobody.
    """

    index: int
    leaf: str
    path: tuple[str, ...]
    said: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class OpenedSample:
    """What was drawn from one disclosure, and the entry that tells of it."""

    disclosure: Position
    persons: int
    root: str
    opened: tuple[Opened, ...]
    receipt: Receipt


def open_sample(ask: Inquiry, position: int, *, seed: str, number: int) -> OpenedSample | Refusal:
    """
    Draw and open; recorded before anything is opened. Repeatable: the same seed draws the same persons.

    Raises `SampleRefused` when there is no such disclosure, or none of which persons were kept.
    """
    permit = ask.ask(ledger_question(export=True))
    if isinstance(permit, Refusal):
        return permit
    if not 1 <= number <= MOST or not seed or len(seed) > 200:
        raise SampleRefused("SAMPLE", f"Draw 1 to {MOST} persons, by a random text of at most 200 signs.")
    drawn_by = sha256(seed.encode())
    found = next(iter(ask.house.ledger.entries(ask.connection, position, position + 1)), None)
    if found is None or not 0 <= position < permit.size or found.kind is not EntryType.DISCLOSURE_RECORDED:
        raise SampleRefused("NO_DISCLOSURE", "There is no disclosure at this position.")
    at = Position(position)
    sample = draw(permit, ask.connection, at, seed=drawn_by.digest(), number=number)
    if sample is None or sample.root.hex() != found.body["subjects"]:
        raise SampleRefused("NOTHING_KEPT", "Of this disclosure the persons counted were not kept.")
    body: dict[str, Json] = {
        "disclosure": position,
        "recipient": ask.caller.party,
        "client": ask.caller.client,
        "seed": drawn_by.hexdigest(),
        "number": number,
    }
    key = entry_key("sample", ask, f"{position}\0{seed}\0{number}")
    done = ask.house.ledger.append(Draft(EntryType.SAMPLE_OPENED, ask.actor, key, body))
    opened = tuple(_opened(ask, found, one) for one in sample.drawn)
    return OpenedSample(at, sample.size, sample.root.hex(), opened, Receipt.of(done))


def _opened(ask: Inquiry, disclosure: Entry, one: Drawn) -> Opened:
    said = [
        statement
        for controller in texts(disclosure.body["controllers"])
        for purpose in texts(disclosure.body["purposes"])
        for statement in _said(ask, disclosure, PartyId(controller), Purpose(purpose), one)
    ]
    return Opened(one.index, one.leaf.hex(), tuple(step.hex() for step in one.path), tuple(said))


def _said(
    ask: Inquiry, disclosure: Entry, controller: PartyId, purpose: Purpose, one: Drawn
) -> list[Statement]:
    """What this person said for this purpose before the decision, as far as it can be opened still."""
    permit = ask.ask(sample_question(controller, purpose, one.person))
    if isinstance(permit, Refusal):
        return []
    basis = disclosure.body["basis"]
    assert isinstance(basis, dict)
    statements = []
    for row in own_acts(permit, ask.connection):
        if row.purpose != purpose or row.position >= basis["size"]:
            continue
        [entry] = ask.house.ledger.entries(ask.connection, row.position, row.position + 1)
        statement = _statement(ask, controller, entry, one.person)
        if statement is not None:
            statements.append(statement)
    return statements


def _statement(ask: Inquiry, controller: PartyId, entry: Entry, person: PersonRef) -> Statement | None:
    """What the person said in this entry, opened; None once the person was erased."""
    vault = ask.house.vault
    if entry.kind is not EntryType.CONSENT_BATCH:
        try:
            opening = vault.opening(entry.idem, controller=controller)
        except VaultRefused:
            return None
        return Statement(entry.seq, entry.line.decode(), opening.payload.decode(), opening.opening.hex())
    for opening in vault.said(controller, person):
        if opening.entry == entry.idem:
            index = int(opening.under.partition(OF_BATCH)[2])
            _, path = vault.batch_proof(controller, entry.idem, index)
            told = opening.payload.decode(), opening.opening.hex()
            steps = tuple(step.hex() for step in path)
            return Statement(entry.seq, entry.line.decode(), *told, index, steps)
    return None
