"""A small world for decisions: entries folded into a state, and callers of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from consent_ledger.agreements import Terms, accept, end, propose
from consent_ledger.caller import Caller
from consent_ledger.closed import mint
from consent_ledger.entry import LEDGER_FORMAT, Actor, Draft, Entry, EntryType, Json, sealed
from consent_ledger.snapshot import Snapshot, pin_snapshot
from consent_ledger.state import State
from consent_ledger.vocabulary import (
    PLATFORM,
    AgreementId,
    Assurance,
    ClientId,
    ClientKind,
    FieldGroup,
    Granularity,
    LawfulBasis,
    Package,
    PartyId,
    Position,
    Purpose,
    Scope,
)

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
SHA = "0" * 64
OPERATOR = Actor(PLATFORM, ClientId("platform"))
HOUSE, OTHER, BUREAU = PartyId("house"), PartyId("other"), PartyId("bureau")
AGREEMENT = AgreementId("agr-0000000000000001")


class World:
    """Entries by hand, one per call, each a minute after the one before."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.state = State.start()
        self.say(
            EntryType.LEDGER_CREATED,
            {"format": LEDGER_FORMAT, "origin": "test.example/ledger", "sandbox": True},
        )

    @property
    def now(self) -> datetime:
        return START + timedelta(minutes=len(self.entries))

    def take(self, draft: Draft) -> Entry:
        entry = sealed(draft, Position(len(self.entries)), self.now)
        self.state = self.state.apply([entry])
        self.entries.append(entry)
        return entry

    def say(self, kind: EntryType, body: Mapping[str, Json], *, vf: datetime | None = None) -> Entry:
        return self.take(Draft(kind, OPERATOR, f"k{len(self.entries)}", body, (), vf, None))

    def party(self, party: PartyId, kind: str = "institution") -> None:
        self.say(
            EntryType.PARTY_REGISTERED,
            {"party": party, "kind": kind, "organisation": party, "sandbox": True},
        )

    def client(self, name: str, party: PartyId, kind: ClientKind, *scopes: Scope) -> None:
        body: dict[str, Json] = {
            "client": name,
            "party": party,
            "kind": kind.value,
            "scopes": [*sorted(scopes)],
        }
        self.say(EntryType.SCOPE_GRANTED, body)

    def purpose(self, purpose: Purpose, *bases: LawfulBasis, high_risk: bool = False) -> None:
        body: dict[str, Json] = {
            "purpose": purpose.value,
            "version": 1,
            "text_sha256": SHA,
            "bases": [*sorted(bases)],
            "high_risk": high_risk,
        }
        self.say(EntryType.PURPOSE_PUBLISHED, body)

    def basis(self, party: PartyId, purpose: Purpose, basis: LawfulBasis, *, dpia: str | None = None) -> None:
        body: dict[str, Json] = {
            "controller": party,
            "purpose": purpose.value,
            "purpose_version": 1,
            "basis": basis.value,
            "dpia_sha256": dpia,
        }
        self.say(EntryType.BASIS_RECORDED, body)

    def notice(self, party: PartyId, *purposes: Purpose, version: int = 1) -> None:
        body: dict[str, Json] = {
            "controller": party,
            "notice": "pool",
            "version": version,
            "text_sha256": SHA,
            "purposes": [*sorted(purposes)],
        }
        self.say(EntryType.NOTICE_PUBLISHED, body)

    def agree(
        self, terms: Terms, agreement: AgreementId = AGREEMENT, *, until: datetime | None = None
    ) -> None:
        proposer = min(terms.sources)
        self.take(
            propose(
                terms,
                agreement=agreement,
                proposer=proposer,
                actor=OPERATOR,
                idem=f"p-{agreement}",
                valid_until=until,
            )
        )
        for party in sorted(terms.sources | terms.recipients):
            self.accept(agreement, party)

    def accept(self, agreement: AgreementId, party: PartyId) -> None:
        known = self.state.agreements[agreement]
        attested = Assurance.OPERATOR_ATTESTED
        self.take(accept(known, party, actor=OPERATOR, idem=f"a-{agreement}-{party}", assurance=attested))

    def end(self, agreement: AgreementId, party: PartyId) -> None:
        self.take(end(self.state.agreements[agreement], party, actor=OPERATOR, idem=f"e-{agreement}"))

    def pin(self) -> Snapshot:
        return pin_snapshot(size=len(self.entries), root=bytes(32), at=self.now, state=self.state)


def caller(name: str, party: PartyId, kind: ClientKind, *scopes: Scope) -> Caller:
    return mint(
        Caller,
        client=ClientId(name),
        party=party,
        kind=kind,
        persons=frozenset(),
        scopes=frozenset(scopes),
        token="t",
    )


AUDIENCE = (Scope.AUDIENCES_READ, Scope.AUDIENCES_READ_SEGMENT, Scope.AUDIENCES_READ_SPEND)


def terms(**changes: object) -> Terms:
    """What the bureau and the house agree on, but for these changes."""
    usual: dict[str, object] = {
        "package": Package.RESEARCH,
        "sources": frozenset({HOUSE}),
        "recipients": frozenset({BUREAU}),
        "purposes": frozenset({Purpose.RESEARCH}),
        "groups": frozenset({FieldGroup.BASE, FieldGroup.SEGMENT}),
        "granularity": Granularity.AGGREGATE,
    }
    return Terms(**{**usual, **changes})  # type: ignore[arg-type]


def usual_world() -> World:
    """A house, a bureau and another house; research and own insight published, recorded and told."""
    world = World()
    for party in (HOUSE, OTHER):
        world.party(party)
    world.party(BUREAU, "partner")
    for purpose in (Purpose.OWN_INSIGHT, Purpose.RESEARCH, Purpose.SECTOR_BENCHMARK):
        world.purpose(purpose, LawfulBasis.LEGITIMATE_INTEREST, LawfulBasis.CONSENT)
    world.purpose(Purpose.AUDIENCE_OVERLAP, LawfulBasis.CONSENT, high_risk=True)
    world.basis(HOUSE, Purpose.OWN_INSIGHT, LawfulBasis.LEGITIMATE_INTEREST)
    world.basis(HOUSE, Purpose.RESEARCH, LawfulBasis.LEGITIMATE_INTEREST)
    world.notice(HOUSE, Purpose.RESEARCH, Purpose.AUDIENCE_OVERLAP)
    world.client("house-app", HOUSE, ClientKind.INSTITUTION_APP, *AUDIENCE, Scope.TICKETS_WRITE)
    world.client("bureau-app", BUREAU, ClientKind.PARTNER, *AUDIENCE)
    return world
