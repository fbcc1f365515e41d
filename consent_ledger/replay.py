"""
Decisions told again, from entries alone: what an auditor does with an export, and `decision(id)` with the ledger.

An entry that tells of a decision holds the size and root that it stood on. Fold the entries below that
size, ask the steps of the decision again for what the entry says was asked, and compare:

1. the root is the one that these entries give;
2. a disclosure: each agreement, controller, purpose and field group that it names is one that every step
   lets through together with some of the others, and the entries that it says it rests on are those of its
   agreements, and else only such as the steps used. (One answer may tell of several figures; which
   purpose went with which controller is not told, so that more cannot be asked of it.)
3. a refusal: each of its reasons that lies in the ledger comes out again. What lies in a token (a scope that
   it lacked) or in the persons counted (a group too small) is not in the ledger, and is said to be so.

4. nothing that it names had ended since, but for what may have happened while the request was answered.

A decision was made between the last entry below its size and the entry that tells of it, and no request
lives longer than `LIFE_OF_A_REQUEST`; where that is not one moment, its first or its last will do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, product

from consent_ledger.agreements import Agreement
from consent_ledger.entry import Entry, EntryType, read
from consent_ledger.fold.decisions import began_by
from consent_ledger.parties import PLATFORM_SCOPES
from consent_ledger.question import Question, Read, audience_question
from consent_ledger.records import instant, listed, number, texts
from consent_ledger.state import State
from consent_ledger.steps import Case, failures
from consent_ledger.tree import Frontier, leaf_hash
from consent_ledger.vocabulary import (
    GRANULARITY_ORDER,
    PLATFORM,
    AgreementId,
    ClientId,
    ClientKind,
    FieldGroup,
    Granularity,
    PartyId,
    PersonRef,
    Purpose,
    Reason,
    Scope,
)

DECISIONS = frozenset(
    {EntryType.DISCLOSURE_RECORDED, EntryType.REFUSAL_RECORDED, EntryType.REFUSAL_TOLD},
)
"""The entries that tell of a decision."""

_ENDING = {
    EntryType.AGREEMENT_ENDED: "agreement",
    EntryType.AGREEMENT_REFUSED: "agreement",
    EntryType.PARTY_CLOSED: "party",
    EntryType.SCOPE_REVOKED: "client",
}
"""The entries by which something ends, and the field that names it."""

_CHUNK = 5_000
_TELLING = tuple(f'"{kind.value}"'.encode() for kind in (*sorted(DECISIONS), *_ENDING))
_TOLD = ("agreements", "controllers", "purposes", "groups")

OF_TOKENS = frozenset({Reason.INSUFFICIENT_SCOPE})
OF_PERSONS = frozenset(Reason) - {
    Reason.CLIENT_SUSPENDED,
    Reason.ROLE_FORBIDS,
    Reason.INSUFFICIENT_SCOPE,
    Reason.NOT_MEMBER,
    Reason.DPIA_MISSING,
    Reason.NO_AGREEMENT,
    Reason.AGREEMENT_ENDED,
    Reason.PURPOSE_NOT_COVERED,
    Reason.FIELD_NOT_COVERED,
    Reason.GRANULARITY_NOT_COVERED,
}
"""Reasons that follow from who was counted, not from what houses agreed."""


@dataclass(frozen=True, slots=True)
class Told:
    """One decision told again. `findings` say what does not fit; none: the same decision comes out."""

    position: int
    is_disclosure: bool
    size: int
    findings: tuple[str, ...]
    untold: tuple[str, ...] = ()
    """Reasons that the ledger cannot tell: they lay in the token, or in the persons counted."""

    @property
    def holds(self) -> bool:
        return not self.findings


@dataclass(frozen=True, slots=True)
class _Asker:
    """The application that asked, as the ledger knew it; its token may have held less."""

    client: ClientId
    party: PartyId
    kind: ClientKind
    scopes: frozenset[Scope]
    persons: frozenset[tuple[PartyId, PersonRef]] = frozenset()


def tell_again(
    entry: Entry, state: State, root: bytes, recorded: datetime, ended: Iterable[Entry] = ()
) -> Told:
    """
    One decision, on the state and root at the size that it names; `recorded` is when that state ended.

    `ended` are entries from the same ledger by which something ended: those between that size and the decision count.
    The entry must be one of `DECISIONS`.
    """
    basis, size = entry.body["basis"], _size(entry)
    assert isinstance(basis, Mapping)
    is_disclosure = entry.kind is EntryType.DISCLOSURE_RECORDED
    findings: list[str] = []
    untold: list[str] = []
    began = began_by(entry)
    recorded = max(recorded, began)
    findings += [
        f"entry {one.seq} had ended what it stands on, longer ago than a request lives"
        for one in ended
        if size <= one.seq < entry.seq and instant(one.rt) < began and _names(entry, one)
    ]
    if basis["root"] != root.hex():
        findings.append("it names a root that the ledger did not have at that size")
    if is_disclosure:
        findings += _disclosed(entry, state, recorded, frozenset(map(number, listed(basis["seqs"]))))
    elif entry.kind is EntryType.REFUSAL_TOLD:
        findings += _refused(entry, state, recorded, untold)
    else:
        untold.append("the question, which this form of the entry does not tell")
    return Told(entry.seq, is_disclosure, size, tuple(findings), tuple(untold))


def replay(lines: Callable[[], Iterable[bytes]]) -> Iterator[Told]:
    """
    Every decision in an export, in the order of their entries. `lines` gives its lines from the first, twice.

    Holds one state, some thousand entries, the decisions and what ended in memory. Raises `EntryRefused` and what the
    fold raises: check the export with the verifier first.
    """
    decisions: dict[int, list[Entry]] = {}  # by the size that they stand on
    ended: list[Entry] = []
    for line in lines():
        if any(kind in line for kind in _TELLING):
            entry = read(line)
            if entry.kind in DECISIONS:
                decisions.setdefault(_size(entry), []).append(entry)
            elif entry.kind in _ENDING:
                ended.append(entry)
    told: list[Told] = []
    state, frontier, waiting = State.start(), Frontier(), list[Entry]()
    for line in lines():
        if not decisions:
            break
        entry = read(line)
        waiting.append(entry)
        frontier.push(leaf_hash(line))
        standing_here = decisions.pop(frontier.size, [])
        if standing_here or len(waiting) == _CHUNK:
            state, waiting = state.apply(waiting), []
        told += [tell_again(one, state, frontier.root(), instant(entry.rt), ended) for one in standing_here]
    for one in chain.from_iterable(decisions.values()):
        never = "it stands on a size that the ledger does not have"
        told.append(Told(one.seq, one.kind is EntryType.DISCLOSURE_RECORDED, _size(one), (never,)))
    yield from sorted(told, key=lambda one: one.position)


def _size(entry: Entry) -> int:
    basis = entry.body["basis"]
    assert isinstance(basis, Mapping)
    return number(basis["size"])


def _names(entry: Entry, ending: Entry) -> bool:
    """Whether what ended is an agreement, a party or the application that this decision names."""
    assert ending.kind is not None
    body, field = entry.body, _ENDING[ending.kind]
    name = str(ending.body[field])
    if field == "client":
        return name == body["client"]
    if field == "agreement":
        return name in texts(body["agreements"])
    return name == body["recipient"] or name in texts(body["controllers"])


def _disclosed(entry: Entry, state: State, recorded: datetime, named: frozenset[int]) -> Iterator[str]:
    if _asker(entry, state) is None:
        yield "its application was not known"
        return
    left = {(name, one) for name in _TOLD for one in texts(entry.body[name])}
    left.add(("granularity", str(entry.body["granularity"])))
    used, refused = set[int](), dict[str, frozenset[Reason]]()
    for agreement in _agreements(entry, state):
        for question in _questions(entry, agreement):
            found = _case(entry, state, question, recorded)
            assert found is not None
            failing, case = found
            if failing:
                refused[f"{question.controller} for {question.purpose} under {agreement.id}"] = failing
                continue
            used |= case.basis
            left -= {
                ("agreements", str(agreement.id)),
                ("controllers", str(question.controller)),
                ("purposes", question.purpose.value),
                ("granularity", question.granularity.value),
                *(("groups", group.value) for group in question.groups),
            }
        if not frozenset(agreement.seqs) <= named:
            yield f"it does not name the entries of {agreement.id}"
    if left:
        yield f"the ledger allowed no {', '.join(one for _, one in sorted(left))}"
        for what, reasons in refused.items():
            yield f"{what}: the ledger says {', '.join(sorted(reasons))}"
    if not named:
        yield "it names no entry that it rests on"
    elif not named <= used:
        yield "it names entries that the decision does not rest on"


def _refused(entry: Entry, state: State, recorded: datetime, untold: list[str]) -> Iterator[str]:
    told = frozenset(map(Reason, texts(entry.body["reasons"])))
    untold += sorted(told & (OF_TOKENS | OF_PERSONS))
    lies_in_the_ledger = told - OF_TOKENS - OF_PERSONS
    again: set[Reason] = set()
    for agreement in _agreements(entry, state):
        for question in _questions(entry, agreement):
            case = _case(entry, state, question, recorded)
            again |= {Reason.CLIENT_SUSPENDED} if case is None else case[0]
    for reason in sorted(lies_in_the_ledger - again):
        yield f"it was refused for {reason}, and the ledger does not say so"


def _agreements(entry: Entry, state: State) -> list[Agreement]:
    known = (state.agreements.get(AgreementId(name)) for name in texts(entry.body["agreements"]))
    return [one for one in known if one is not None]


def _questions(entry: Entry, agreement: Agreement) -> Iterator[Question[Read]]:
    """
    What was asked under this agreement.

    One entry may tell of several figures. Of a disclosure, each rests on what its agreement covers of what is
    told: purposes, groups, and how fine; of a refusal, on all of it.
    """
    granularity = Granularity(str(entry.body["granularity"]))
    groups = frozenset(map(FieldGroup, texts(entry.body["groups"])))
    purposes = frozenset(map(Purpose, texts(entry.body["purposes"])))
    if entry.kind is EntryType.DISCLOSURE_RECORDED:
        groups, purposes = groups & agreement.groups, purposes & agreement.purposes
        granularity = min(granularity, agreement.granularity, key=GRANULARITY_ORDER.index)
    controllers = frozenset(map(PartyId, texts(entry.body["controllers"]))) & agreement.sources
    for controller, purpose in product(sorted(controllers), sorted(purposes)):
        yield audience_question(
            controller,
            purpose,
            groups,
            granularity=granularity,
            agreement=agreement.id,
        )


def _case(
    entry: Entry, state: State, question: Question[Read], recorded: datetime
) -> tuple[frozenset[Reason], Case] | None:
    """Which steps fail, at the earlier or the later moment; None when the application was unknown."""
    asker = _asker(entry, state)
    if asker is None:
        return None
    found = None
    for at in (recorded, instant(entry.rt)):
        case = Case(state, at, asker, question)
        failing = frozenset(failed.reason for failed in failures(case))
        if found is None or not failing:
            found = failing, case
    return found


def _asker(entry: Entry, state: State) -> _Asker | None:
    client, party = ClientId(str(entry.body["client"])), PartyId(str(entry.body["recipient"]))
    if party == PLATFORM:
        return _Asker(client, party, ClientKind.PLATFORM, PLATFORM_SCOPES)
    known = state.clients.get(client)
    return None if known is None else _Asker(client, party, known.kind, known.scopes)
