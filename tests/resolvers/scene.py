"""
A real house to ask questions of: database, ledger, vault and intake, on a clock that tests move.

Two theatres, a research bureau and an auditor; what happens after that is the test's to say.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine, select, text

from consent_ledger.agreements import Terms, accept, new_id, propose
from consent_ledger.caller import Caller
from consent_ledger.checkpoint import CheckpointStore, Signer
from consent_ledger.clock import SimulatedClock
from consent_ledger.closed import mint
from consent_ledger.database import Login, open_engine, reading
from consent_ledger.entry import Actor, Draft, Entry, EntryType, Json
from consent_ledger.keyring import Keyring
from consent_ledger.log import Acknowledgement, Ledger, ledger_entry
from consent_ledger.parties import Party, platform_caller, register_party
from consent_ledger.permit import Permit
from consent_ledger.question import intake_question
from consent_ledger.vault import Vault
from consent_ledger.vocabulary import (
    PLATFORM,
    AgreementId,
    Assurance,
    ClientId,
    ClientKind,
    ConsentAct,
    ConsentChannel,
    FieldGroup,
    Granularity,
    LawfulBasis,
    Package,
    PartyId,
    PartyKind,
    Position,
    Purpose,
    Scope,
)
from insight.index import Indexes
from insight.intake.pipeline import Intake
from insight.intake.ticket import canonical_sha256, ticket_frame
from resolvers import agreements as agreement_door
from resolvers import consent as consent_door
from resolvers.gate import Inquiry, Receipt, inquiry
from resolvers.house import House
from tests.conftest import Database

LAKESIDE, HARBOUR, BUREAU, AUDITOR = map(PartyId, ("lakeside", "harbour", "bureau", "auditor"))
OPERATOR = Actor(PLATFORM, ClientId(PLATFORM))
START = datetime(2026, 1, 5, 9, tzinfo=UTC)
TODAY = date(2026, 6, 30)
SHA = "0" * 64

AUDIENCE = frozenset(
    {
        Scope.AUDIENCES_READ,
        Scope.AUDIENCES_READ_SPEND,
        Scope.AUDIENCES_READ_PLACE,
        Scope.AUDIENCES_READ_SEGMENT,
    }
)
AGREEMENTS = frozenset({Scope.AGREEMENTS_READ, Scope.AGREEMENTS_WRITE, Scope.AGREEMENTS_SIGN})
OF_A_HOUSE = (
    AUDIENCE
    | AGREEMENTS
    | {
        Scope.CATALOGUE_READ,
        Scope.BENCHMARKS_READ,
        Scope.IMPORTS_READ,
        Scope.CONSENT_WRITE,
        Scope.TICKETS_WRITE,
        Scope.LEDGER_READ,
    }
)
OF_A_PARTNER = AUDIENCE | AGREEMENTS | {Scope.BENCHMARKS_READ, Scope.LEDGER_READ}
OF_AN_AUDITOR = frozenset({Scope.LEDGER_READ, Scope.LEDGER_EXPORT})

OWN, RESEARCH, BENCHMARK = Purpose.OWN_INSIGHT, Purpose.RESEARCH, Purpose.SECTOR_BENCHMARK

APPLICATIONS = {
    "lakeside-app": (LAKESIDE, ClientKind.INSTITUTION_APP, OF_A_HOUSE),
    "harbour-app": (HARBOUR, ClientKind.INSTITUTION_APP, OF_A_HOUSE),
    "bureau-app": (BUREAU, ClientKind.PARTNER, OF_A_PARTNER),
    "audit": (AUDITOR, ClientKind.AUDITOR, OF_AN_AUDITOR),
}


def caller(name: str, scopes: Iterable[Scope] | None = None) -> Caller:
    """The application of this name, with its whole ceiling or with these scopes."""
    party, kind, ceiling = APPLICATIONS[name]
    granted = ceiling if scopes is None else frozenset(scopes)
    return mint(
        Caller,
        client=ClientId(name),
        party=party,
        kind=kind,
        persons=frozenset(),
        scopes=granted,
        token="t",
    )


def research(**changes: Any) -> Terms:
    """What the bureau and Lakeside agree on, but for these changes."""
    usual: dict[str, Any] = {
        "package": Package.RESEARCH,
        "sources": frozenset({LAKESIDE}),
        "recipients": frozenset({BUREAU}),
        "purposes": frozenset({RESEARCH}),
        "groups": frozenset({FieldGroup.BASE, FieldGroup.SPEND, FieldGroup.SEGMENT}),
        "granularity": Granularity.AGGREGATE,
        "minimum_group": 1,
    }
    return Terms(**{**usual, **changes})


@dataclass(slots=True)
class Scene:
    """A running house; `beside` opens a second process's view of it."""

    database: Database
    folder: Path
    clock: SimulatedClock
    house: House
    store: CheckpointStore
    signer: Signer
    engines: list[Engine] = field(default_factory=list)
    keys: int = 0

    # opening and closing

    def beside(self) -> Ledger:
        """What another process knows of the same ledger."""
        engine = open_engine(self.database.app_url, Login.APP)
        self.engines.append(engine)
        return Ledger.open(engine, self.store, self.signer, clock=self.clock)

    def restart(self) -> None:
        """The process ends and begins again."""
        self.house.ledger.close()
        opened = Ledger.open(self.house.engine, self.store, self.signer, clock=self.clock)
        self._take(opened)

    def swap(self, other: Ledger) -> Ledger:
        """Go on through another process's ledger; returns the one that was used until now."""
        used = self.house.ledger
        self._take(other)
        return used

    def _take(self, ledger: Ledger) -> None:
        house = self.house
        intake = Intake(engine=house.engine, ledger=ledger, vault=house.vault, clock=self.clock)
        self.house = replace(house, ledger=ledger, intake=intake, indexes=Indexes())

    def close(self) -> None:
        self.house.ledger.close()
        for engine in self.engines:
            engine.dispose()
        self.store.close()

    # saying things, as the operator

    def key(self) -> str:
        self.keys += 1
        return f"k{self.keys}"

    def say(self, kind: EntryType, body: dict[str, Json], **more: Any) -> Acknowledgement:
        return self.house.ledger.append(Draft(kind, OPERATOR, self.key(), body, **more))

    def party(self, id_: PartyId, kind: PartyKind, **more: Any) -> None:
        draft, rider = register_party(Party(id_, kind, id_.title(), id_, **more), actor=OPERATOR)
        self.house.ledger.append(draft, rider=rider)

    def client(self, name: str) -> None:
        party, kind, scopes = APPLICATIONS[name]
        body: dict[str, Json] = {"client": name, "party": party, "kind": kind, "scopes": [*sorted(scopes)]}
        self.say(EntryType.SCOPE_GRANTED, body)

    def purpose(self, purpose: Purpose, *, version: int = 1, high_risk: bool = False) -> None:
        bases: list[Json] = [*sorted((LawfulBasis.CONSENT, LawfulBasis.LEGITIMATE_INTEREST))]
        self.say(
            EntryType.PURPOSE_PUBLISHED,
            {
                "purpose": purpose,
                "version": version,
                "text_sha256": SHA,
                "bases": bases,
                "high_risk": high_risk,
            },
        )

    def basis(self, party: PartyId, purpose: Purpose, basis: LawfulBasis) -> None:
        self.say(
            EntryType.BASIS_RECORDED,
            {
                "controller": party,
                "purpose": purpose,
                "purpose_version": 1,
                "basis": basis,
                "dpia_sha256": None,
            },
        )

    def notice(self, party: PartyId, *purposes: Purpose, version: int = 1) -> None:
        self.say(
            EntryType.NOTICE_PUBLISHED,
            {
                "controller": party,
                "notice": "pool",
                "version": version,
                "text_sha256": SHA,
                "purposes": [*sorted(purposes)],
            },
        )

    def stock(self) -> None:
        """The organisations, their applications, and what the houses told their visitors."""
        self.party(LAKESIDE, PartyKind.INSTITUTION, discipline="theatre", province="Utrecht", region="West")
        self.party(HARBOUR, PartyKind.INSTITUTION, discipline="theatre", province="Utrecht", region="West")
        self.party(BUREAU, PartyKind.PARTNER)
        self.party(AUDITOR, PartyKind.AUDITOR)
        for purpose in (OWN, RESEARCH, BENCHMARK):
            self.purpose(purpose)
        for house in (LAKESIDE, HARBOUR):
            for purpose in (OWN, RESEARCH, BENCHMARK):
                self.basis(house, purpose, LawfulBasis.LEGITIMATE_INTEREST)
            self.notice(house, RESEARCH, BENCHMARK)
        for name in APPLICATIONS:
            self.client(name)
        self.clock.advance(timedelta(days=1))

    # asking

    @contextmanager
    def inquiry(self, who: Caller, request_id: str | None = None) -> Iterator[Inquiry]:
        with (
            reading(self.house.engine) as connection,
            inquiry(
                self.house,
                who,
                connection,
                request_sha256=SHA,
                request_id=request_id or secrets.token_hex(16),
            ) as ask,
        ):
            yield ask

    # what happens in the house

    def bring(self, house: PartyId, rows: Sequence[dict[str, Any]], *, idem: str | None = None) -> None:
        """Import these lines, each told by what differs from an ordinary one."""
        lines = [_line(number, **row) for number, row in enumerate(rows)]
        frame = ticket_frame({name: [line[name] for line in lines] for name in lines[0]})
        who = platform_caller()
        with self.inquiry(who) as ask:
            permit = ask.ask(intake_question(house))
            assert isinstance(permit, Permit), permit
            self.house.intake.tickets(
                permit,
                frame,
                source="test",
                mapping="canonical@1",
                idem=idem or self.key(),
                file_sha256=canonical_sha256(frame),
                actor=OPERATOR,
            )

    def proposed(
        self, terms: Terms, name: str, *, key: str | None = None, **more: Any
    ) -> tuple[Position, AgreementId]:
        with self.inquiry(caller(name)) as ask:
            done = agreement_door.propose_agreement(ask, terms, key=key or self.key(), **more)
        assert isinstance(done, agreement_door.Changed), done
        return done.receipt.position, done.agreement

    def agree(self, terms: Terms, *parties: str) -> AgreementId:
        """Proposed by the first of these applications and accepted by all."""
        _, agreement = self.proposed(terms, parties[0])
        for name in parties:
            self.accept(agreement, name)
        return agreement

    def attested(self, terms: Terms, proposer: PartyId, *parties: PartyId) -> AgreementId:
        """Proposed and accepted for its parties by the operator, as a paper contract would be recorded."""
        agreement = new_id(self.key())
        append = self.house.ledger.append
        append(propose(terms, agreement=agreement, proposer=proposer, actor=OPERATOR, idem=self.key()))
        with reading(self.house.engine) as connection:
            snapshot = self.house.ledger.pin(connection)
            known = snapshot.state.agreements[agreement]
            snapshot.end()
        for party in parties:
            append(
                accept(known, party, actor=OPERATOR, idem=self.key(), assurance=Assurance.OPERATOR_ATTESTED)
            )
        return agreement

    def accept(self, agreement: AgreementId, name: str, *, key: str | None = None) -> Receipt:
        with self.inquiry(caller(name)) as ask:
            done = agreement_door.accept_agreement(ask, agreement, key=key or self.key())
        assert isinstance(done, agreement_door.Changed), done
        return done.receipt

    def end(self, agreement: AgreementId, name: str, *, key: str | None = None) -> Receipt:
        with self.inquiry(caller(name)) as ask:
            done = agreement_door.end_agreement(ask, agreement, key=key or self.key())
        assert isinstance(done, agreement_door.Changed), done
        return done.receipt

    def consent(
        self,
        house: str,
        email: str,
        purpose: Purpose,
        act: ConsentAct,
        *,
        key: str | None = None,
        **more: Any,
    ) -> Receipt:
        """What a visitor decided, recorded by the house's own application."""
        who = caller(house)
        decision = consent_door.Decision(who.party, purpose, act, email, ConsentChannel.WEB, **more)
        with self.inquiry(who) as ask:
            done = consent_door.record_consent(ask, decision, key=key or self.key())
        assert isinstance(done, Receipt), done
        return done

    # looking

    def entries(self, start: int = 0) -> list[Entry]:
        with reading(self.house.engine) as connection:
            return list(self.house.ledger.entries(connection, start, 1 << 40))

    def of_type(self, kind: EntryType) -> list[Entry]:
        return [entry for entry in self.entries() if entry.kind is kind]

    def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        with reading(self.house.engine) as connection:
            return [tuple(row) for row in connection.execute(text(sql), values)]

    def size(self) -> int:
        return int(self.rows("select size from ledger_head")[0][0])


def _line(number: int, **changes: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "order_ref": f"o{number}",
        "line_ref": "1",
        "production_ref": "hamlet",
        "production_title": "Hamlet",
        "genre": "theatre",
        "starts_at": "2026-03-01T19:00:00Z",
        "zone": "Europe/Amsterdam",
        "ordered_at": "2026-02-01T12:00:00Z",
        "kind": "admission",
        "status": "sold",
        "price_type": "full",
        "gross": 2500,
        "currency": "EUR",
        "channel": "web",
        "pc4": "3511",
        "country": "NL",
        "attended_at": None,
        "identifier": f"visitor{number}@example.org",
    }
    return {**usual, **changes}


def recorded_in(engine: Engine) -> Callable[[str], bool]:
    """Whether the ledger holds an entry under this key, as the vault asks."""

    def is_recorded(under: str) -> bool:
        with reading(engine) as connection:
            found = select(ledger_entry.c.seq).where(ledger_entry.c.idem == under)
            return connection.execute(found).first() is not None

    return is_recorded


def open_scene(database: Database, folder: Path, *, sandbox: bool = True) -> Scene:
    """Begin a house on this migrated, empty database; `folder` keeps what lies beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    clock = SimulatedClock(START)
    engine = open_engine(database.app_url, Login.APP)
    vault_engine = open_engine(database.vault_url, Login.VAULT)
    releases = open_engine(database.release_url, Login.RELEASE)
    store = CheckpointStore(folder / "checkpoint.db")
    signer = Signer("scene.example/ledger", Ed25519PrivateKey.generate())
    ledger = Ledger.create(engine, store, signer, clock=clock, sandbox=sandbox)
    vault = Vault.open(vault_engine, Keyring.open(folder / "keyring"), is_recorded=recorded_in(engine))
    house = House(
        engine=engine,
        releases=releases,
        ledger=ledger,
        vault=vault,
        intake=Intake(engine=engine, ledger=ledger, vault=vault, clock=clock),
        indexes=Indexes(),
        clock=clock,
        today=lambda: TODAY,
        rp_id="localhost",
        entry_secret=bytes(32),
    )
    return Scene(database, folder, clock, house, store, signer, [engine, vault_engine, releases])
