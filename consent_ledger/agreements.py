"""
Agreements between organisations: their terms, and the drafts that propose, accept and end them.

`proposed -> active -> ended | expired`. Active means accepted by every party, ended by none and
valid now. Either party ends it alone, at once; only a new proposal, accepted by all, re-opens. A
counter-proposal is a new proposal that refers to the old one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256

from consent_ledger.entry import Actor, Draft, Entry, EntryType, Json, canonical
from consent_ledger.passkeys import Assertion
from consent_ledger.records import Ending, instant, items, number, texts
from consent_ledger.vocabulary import (
    AgreementId,
    Assurance,
    ControllerRole,
    FieldGroup,
    Granularity,
    Package,
    PartyId,
    ProductionRef,
    Purpose,
)

MOST_PERSONS = 1_000_000
"""The largest minimum group that can be agreed."""


class TermsRefused(Exception):
    """Terms that nobody can agree on. Carries a code and a plain sentence, never a value."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.code = "TERMS_REFUSED"
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Agreement:
    """
    An agreement as it stands: terms never change; who accepted and whether it ended does.

    `accepted_at` is the entry by which each party accepted; `signed_with` names the key of each that did so
    by its own signature.
    """

    id: AgreementId
    package: Package
    proposer: PartyId
    sources: frozenset[PartyId]
    recipients: frozenset[PartyId]
    roles: Mapping[PartyId, ControllerRole]
    purposes: frozenset[Purpose]
    groups: frozenset[FieldGroup]
    granularity: Granularity
    productions: frozenset[ProductionRef] | None
    period_start: date | None
    period_end: date | None
    minimum_group: int
    onward: bool
    terms_sha256: str
    valid_from: datetime | None
    valid_until: datetime | None
    accepted: frozenset[PartyId]
    accepted_at: Mapping[PartyId, int]
    signed_with: Mapping[PartyId, str]
    ended_by: PartyId | None
    refused_by: PartyId | None
    seqs: tuple[int, ...]
    ending: Ending | None = None

    @property
    def parties(self) -> frozenset[PartyId]:
        return self.sources | self.recipients

    @property
    def is_accepted(self) -> bool:
        return self.accepted >= self.parties

    def assurance(self, party: PartyId) -> Assurance | None:
        """How the acceptance of this party is proven; None while it has not accepted."""
        if party not in self.accepted:
            return None
        return Assurance.PASSKEY if party in self.signed_with else Assurance.OPERATOR_ATTESTED

    @property
    def is_over(self) -> bool:
        return self.ended_by is not None or self.refused_by is not None

    def is_expired(self, at: datetime) -> bool:
        return self.valid_until is not None and at >= self.valid_until

    def is_active(self, at: datetime) -> bool:
        """Accepted by every party, ended by none, and valid at this time."""
        return (
            self.is_accepted
            and not self.is_over
            and (self.valid_from is None or self.valid_from <= at)
            and not self.is_expired(at)
        )

    def status(self, at: datetime) -> str:
        """One of `proposed active ended refused expired`."""
        if self.refused_by is not None:
            return "refused"
        if self.ended_by is not None:
            return "ended"
        if self.is_expired(at):
            return "expired"
        return "active" if self.is_active(at) else "proposed"


def proposed(entry: Entry) -> Agreement:
    """The agreement that an `agreement.proposed` entry puts on the table."""
    terms = entry.body["terms"]
    assert isinstance(terms, Mapping)
    sources, recipients, roles = set[PartyId](), set[PartyId](), dict[PartyId, ControllerRole]()
    for part in items(terms["parties"]):
        party = PartyId(str(part["party"]))
        roles[party] = ControllerRole(str(part["controller_role"]))
        if part["role"] in {"source", "both"}:
            sources.add(party)
        if part["role"] in {"recipient", "both"}:
            recipients.add(party)
    productions = terms["productions"]
    return Agreement(
        id=AgreementId(str(entry.body["agreement"])),
        package=Package(str(entry.body["package"])),
        proposer=PartyId(str(entry.body["proposer"])),
        sources=frozenset(sources),
        recipients=frozenset(recipients),
        roles=roles,
        purposes=frozenset(Purpose(purpose) for purpose in texts(terms["purposes"])),
        groups=frozenset(FieldGroup(group) for group in texts(terms["groups"])),
        granularity=Granularity(str(terms["granularity"])),
        productions=None if productions is None else frozenset(map(ProductionRef, texts(productions))),
        period_start=_day(terms["period_start"]),
        period_end=_day(terms["period_end"]),
        minimum_group=number(terms["minimum_group"]),
        onward=bool(terms["onward"]),
        terms_sha256=str(entry.body["terms_sha256"]),
        valid_from=None if entry.vf is None else instant(entry.vf),
        valid_until=None if entry.vt is None else instant(entry.vt),
        accepted=frozenset(),
        accepted_at={},
        signed_with={},
        ended_by=None,
        refused_by=None,
        seqs=(entry.seq,),
    )


def _day(value: object) -> date | None:
    return None if value is None else date.fromisoformat(str(value))


@dataclass(frozen=True, slots=True)
class Terms:
    """
    What the parties agree on. `sources` give, `recipients` receive; `productions` None: all, said aloud.

    Raises `TermsRefused` for terms under which nothing could ever be given, or a group of nobody.
    """

    package: Package
    sources: frozenset[PartyId]
    recipients: frozenset[PartyId]
    purposes: frozenset[Purpose]
    groups: frozenset[FieldGroup]
    granularity: Granularity
    productions: frozenset[ProductionRef] | None = None
    period_start: date | None = None
    period_end: date | None = None
    minimum_group: int = 10
    onward: bool = False
    controller_role: ControllerRole = ControllerRole.INDEPENDENT

    def __post_init__(self) -> None:
        if not self.purposes or not self.groups:
            raise TermsRefused("An agreement names at least one purpose and one field group.")
        if self.productions is not None and not self.productions:
            raise TermsRefused("An agreement names at least one production, or says that it is about all.")
        if not 1 <= self.minimum_group <= MOST_PERSONS:
            raise TermsRefused(f"The minimum group is a whole number from 1 to {MOST_PERSONS}.")
        if self.period_start and self.period_end and self.period_end <= self.period_start:
            raise TermsRefused("The period of an agreement ends after it starts.")

    def body(self) -> dict[str, Json]:
        """The terms as they stand in the entry, lists sorted."""
        parties: list[Json] = [
            {
                "party": party,
                "role": _role(party in self.sources, party in self.recipients),
                "controller_role": self.controller_role.value,
            }
            for party in sorted(self.sources | self.recipients)
        ]
        return {
            "parties": parties,
            "purposes": [*sorted(self.purposes)],
            "groups": [*sorted(self.groups)],
            "granularity": self.granularity.value,
            "productions": None if self.productions is None else [*sorted(self.productions)],
            "period_start": None if self.period_start is None else self.period_start.isoformat(),
            "period_end": None if self.period_end is None else self.period_end.isoformat(),
            "minimum_group": self.minimum_group,
            "onward": self.onward,
        }

    def sha256(self) -> str:
        """What an acceptance signs: SHA-256 over the canonical terms."""
        return sha256(canonical(self.body())).hexdigest()


def _role(gives: bool, receives: bool) -> str:  # noqa: FBT001  # two facts about one party, not flags
    return "both" if gives and receives else "source" if gives else "recipient"


def new_id(idem: str) -> AgreementId:
    """The id of the agreement that is proposed under this key: asked again, it is the same agreement."""
    return AgreementId(f"agr-{sha256(idem.encode()).hexdigest()[:16]}")


def propose(
    terms: Terms,
    *,
    agreement: AgreementId,
    proposer: PartyId,
    actor: Actor,
    idem: str,
    counters: int | None = None,
    valid_from: datetime | None = None,
    valid_until: datetime | None = None,
) -> Draft:
    """
    The draft that puts an agreement on the table; `counters` is the position of the proposal it answers.

    Raises `TermsRefused` for a time that is none.
    """
    body: dict[str, Json] = {
        "agreement": agreement,
        "package": terms.package.value,
        "proposer": proposer,
        "terms": terms.body(),
        "terms_sha256": terms.sha256(),
    }
    refs = () if counters is None else (counters,)
    return Draft(EntryType.AGREEMENT_PROPOSED, actor, idem, body, refs, _utc(valid_from), _utc(valid_until))


def _utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    if moment.utcoffset() is None:
        raise TermsRefused("A time needs its zone.")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise TermsRefused("A time lies beyond the calendar.") from None


def accept(agreement: Agreement, party: PartyId, *, actor: Actor, idem: str, assurance: Assurance) -> Draft:
    """The draft by which one party accepts exactly these terms."""
    body = {
        "agreement": agreement.id,
        "party": party,
        "assurance": assurance.value,
        "terms_sha256": agreement.terms_sha256,
    }
    return Draft(EntryType.AGREEMENT_ACCEPTED, actor, idem, body, refs=(agreement.seqs[0],))


def accept_signed(
    agreement: Agreement,
    party: PartyId,
    *,
    preview_sha256: str,
    assertion: Assertion,
    actor: Actor,
    idem: str,
) -> Draft:
    """The draft by which one party accepts these terms by its own signature, over the preview that it saw."""
    body: dict[str, Json] = {
        "agreement": agreement.id,
        "party": party,
        "terms_sha256": agreement.terms_sha256,
        "preview_sha256": preview_sha256,
        "assertion": assertion.body(),
    }
    return Draft(EntryType.AGREEMENT_SIGNED, actor, idem, body, refs=(agreement.seqs[0],))


def end(agreement: Agreement, party: PartyId, *, actor: Actor, idem: str) -> Draft:
    """The draft by which one party ends it, or refuses it while it is only proposed; effective at its index."""
    kind = EntryType.AGREEMENT_ENDED if agreement.is_accepted else EntryType.AGREEMENT_REFUSED
    body = {"agreement": agreement.id, "party": party}
    return Draft(kind, actor, idem, body, refs=(agreement.seqs[0],))
