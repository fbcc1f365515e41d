"""
Planting the invented sector in a house, through the ordinary doors and in the order it happened.

Parties register, publish and agree in the ledger; seasons come in through intake; visitors decide
through the consent resolver. The simulated clock is set before each act, so that every entry bears
the day on which it is told to have happened. No table is written here.

Repeatable: every act has its own key, so planting that was cut off is taken up by planting again.
What stood already is found and left as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.resources import files
from typing import Final, TypeAlias

from consent_ledger.agreements import Agreement, accept, end, propose
from consent_ledger.clock import SimulatedClock
from consent_ledger.database import reading
from consent_ledger.entry import Draft
from consent_ledger.log import Rider
from consent_ledger.parties import Party, register_party
from consent_ledger.permit import Permit, Refusal, Write
from consent_ledger.question import intake_question
from consent_ledger.vocabulary import Assurance, ConsentChannel, PartyId, PartyKind
from insight.intake.pipeline import Consignment
from insight.intake.ticket import canonical_sha256
from insight.rulebook import BY_PLATFORM
from resolvers.consent import Decision, record_consent
from resolvers.gate import Inquiry, as_platform
from resolvers.house import House
from resolvers.rules import publish_rulebook, with_text
from seeds import seasons
from seeds.agreements import SeedAgreement
from seeds.consents import SeedConsent
from seeds.institutions import Institution
from seeds.partners import Partner
from seeds.rulebook import NOTICE, NOTICE_VERSION, house_rules, notice_text
from seeds.sector import SOURCE, Moment, RecordedImport, Sector, SeedImport

Progress: TypeAlias = Callable[[str], None]
RECORDED_FILE: Final = "data/pretix_vrijenoot/orderlist_positions.csv"
RECORDED_SOURCE: Final = "pretix"
RECORDED_MAPPING: Final = "pretix-nl@1"
FRAME_MAPPING: Final = "cultuurinzicht@1"
_AT_ONCE: Final = 40
"""Acts in one transaction: few enough to keep it short, enough to spare most of the waiting for the disk."""


class PlantRefused(Exception):
    """The house refused what the sector wanted to do. Carries a code and a plain sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


@dataclass(slots=True)
class Planted:
    """What was done, for whoever tells it."""

    institutions: int = 0
    partners: int = 0
    agreements: int = 0
    imports: int = 0
    ticket_lines: int = 0
    visit_counts: int = 0
    consents: int = 0


def plant(house: House, whole: Sector, *, clock: SimulatedClock, progress: Progress | None = None) -> Planted:
    """
    Bring the whole sector into `house`, whose ledger and intake run on `clock`.

    On return everything is durable and the clock stands at the last act. Raises `PlantRefused`, and
    what the doors raise; what had been done until then stands, and planting again goes on from there.
    """
    hand = _Hand(house, clock, progress or (lambda _: None))
    hand.open(whole)
    for moments in _together(whole.timeline()):
        hand.act(moments)
    hand.close()
    return hand.planted


def _together(timeline: Iterator[Moment]) -> Iterator[list[Moment]]:
    """
    The timeline in steps that share a transaction: imports of one unit that follow each other, houses
    that register, houses that join the pool. A visitor's decision is a step of its own.
    """
    step: list[Moment] = []
    for moment in timeline:
        if step and (_kind(moment) != _kind(step[0]) or _kind(moment) is None or len(step) == _AT_ONCE):
            yield step
            step = []
        step.append(moment)
    if step:
        yield step


def _kind(moment: Moment) -> str | None:
    act = moment.act
    if isinstance(act, SeedImport):
        return f"{act.unit} {act.season}"
    if isinstance(act, Institution | Partner):
        return "registration"
    if isinstance(act, SeedAgreement):
        return f"{act.terms.package} {moment.step}"
    return None


@dataclass(slots=True)
class _Hand:
    """Does the acts, one step after another."""

    house: House
    clock: SimulatedClock
    progress: Progress
    planted: Planted = field(default_factory=Planted)
    _season: int = -1

    def open(self, whole: Sector) -> None:
        """The platform's own rules, on its first morning."""
        self._go_to(seasons.OPENING)
        publish_rulebook(self.house)
        self.progress(
            f"Planting {len(whole.institutions)} invented institutions with {whole.ticket_lines:,} ticket lines"
        )

    def act(self, moments: Sequence[Moment]) -> None:
        """One step, at the time of its last act."""
        self._go_to(moments[-1].at)
        first = moments[0].act
        if isinstance(first, SeedImport):
            self._import([moment.act for moment in moments if isinstance(moment.act, SeedImport)])
        elif isinstance(first, RecordedImport):
            self._recorded(first)
        elif isinstance(first, SeedConsent):
            self._decide(first)
        elif isinstance(first, SeedAgreement):
            self._agree([m.act for m in moments if isinstance(m.act, SeedAgreement)], moments[0].step)
        else:
            self._register([moment.act for moment in moments])

    def close(self) -> None:
        done = self.planted
        self.progress(
            f"{done.institutions} institutions, {done.ticket_lines:,} ticket lines, {done.visit_counts:,} visit"
            f" counts, {done.consents} decisions of visitors, {done.agreements} agreements"
        )

    def _go_to(self, moment: datetime) -> None:
        """The clock stands still for what is planted again: the ledger's own time never goes back."""
        if moment > self.clock():
            self.clock.set(moment)

    def _register(self, acts: Sequence[object]) -> None:
        drafts: list[tuple[Draft, Rider | None]] = []
        for act in acts:
            if isinstance(act, Institution):
                drafts.append(register_party(_party(act), actor=BY_PLATFORM))
                drafts += [with_text(draft, notice_text(act), None) for draft in house_rules(act)]
                self.planted.institutions += 1
            elif isinstance(act, Partner):
                drafts.append(register_party(_partner(act), actor=BY_PLATFORM))
                self.planted.partners += 1
        self.house.ledger.append_all(drafts)

    def _agree(self, agreed: Sequence[SeedAgreement], step: str) -> None:
        ledger = self.house.ledger
        if step == "happens":
            proposals = [
                propose(one.terms, agreement=one.id, proposer=one.proposer, actor=BY_PLATFORM, idem=one.idem)
                for one in agreed
            ]
            ledger.append_all([(draft, None) for draft in proposals])
            self.planted.agreements += len(agreed)
            return
        with reading(self.house.engine) as connection:
            snapshot = ledger.pin(connection)
            standing = snapshot.state.agreements
            snapshot.end()
        change = _accepted if step == "accepted" else _ended
        ledger.append_all([(draft, None) for one in agreed for draft in change(one, standing[one.id])])

    def _import(self, imports: Sequence[SeedImport]) -> None:
        season = imports[0].season
        if season > self._season:
            self._season = season
            self.progress(f"Season {seasons.label(season)} comes in")
        with as_platform(self.house) as ask:
            consignments = [self._consignment(ask, one) for one in imports]
            if imports[0].unit == "tickets":
                reports = self.house.intake.tickets_many(consignments)
                self.planted.ticket_lines += sum(report.received for report in reports)
            else:
                reports = self.house.intake.visits_many(consignments)
                self.planted.visit_counts += sum(report.received for report in reports)
        self.planted.imports += len(reports)

    def _consignment(self, ask: Inquiry, one: SeedImport) -> Consignment:
        told = (
            canonical_sha256(one.frame)
            if one.unit == "tickets"
            else hashlib.sha256(one.frame.to_csv(index=False, lineterminator="\n").encode()).hexdigest()
        )
        mapping = FRAME_MAPPING if one.unit == "tickets" else "visits@1"
        return Consignment(
            permit=_permitted(ask, one.institution),
            content=one.frame,
            source=SOURCE,
            mapping=mapping,
            idem=one.idem,
            file_sha256=told,
            actor=BY_PLATFORM,
        )

    def _recorded(self, one: RecordedImport) -> None:
        """The season that a real ticketing system recorded, as the file it exported."""
        data = files("seeds").joinpath(RECORDED_FILE).read_bytes()
        with as_platform(self.house) as ask:
            report = self.house.intake.tickets(
                _permitted(ask, one.institution),
                data,
                source=RECORDED_SOURCE,
                mapping=RECORDED_MAPPING,
                idem=one.idem,
                file_sha256=hashlib.sha256(data).hexdigest(),
                actor=BY_PLATFORM,
            )
        self.planted.imports += 1
        self.planted.ticket_lines += report.received

    def _decide(self, one: SeedConsent) -> None:
        decision = Decision(
            controller=one.institution,
            purpose=one.purpose,
            act=one.act,
            identifier=one.identifier,
            channel=ConsentChannel.PAGE,
            notice=NOTICE,
            notice_version=NOTICE_VERSION,
        )
        with as_platform(self.house) as ask:
            done = record_consent(ask, decision, key=one.idem)
        if isinstance(done, Refusal):
            raise _refused(done)
        self.planted.consents += 1


def _accepted(one: SeedAgreement, standing: Agreement) -> list[Draft]:
    """Every party accepts, which the operator attests: no passkey signs in an invented sector."""
    attested = Assurance.OPERATOR_ATTESTED
    return [
        accept(standing, party, actor=BY_PLATFORM, idem=f"{one.idem}:accept:{party}", assurance=attested)
        for party in sorted(standing.parties)
    ]


def _ended(one: SeedAgreement, standing: Agreement) -> list[Draft]:
    assert one.ended_by is not None
    return [end(standing, one.ended_by, actor=BY_PLATFORM, idem=f"{one.idem}:end")]


def _permitted(ask: Inquiry, institution: PartyId) -> Permit[Write]:
    permit = ask.ask(intake_question(institution))
    if isinstance(permit, Refusal):
        raise _refused(permit)
    return permit


def _refused(refusal: Refusal) -> PlantRefused:
    return PlantRefused(refusal.reason.value, f"The house refused a seeded act: {refusal.reason.value}.")


def _party(house: Institution) -> Party:
    return Party(
        id=house.id,
        kind=PartyKind.INSTITUTION,
        name=house.name,
        organisation=PartyId(house.organisation),
        discipline=house.discipline,
        province=house.province,
        municipality=house.municipality,
        region=house.region,
        band=house.band,
        unit=house.unit,
        public_figures=house.public_figures,
        zone=seasons.ZONE,
        sandbox=house.sandbox,
        invented=house.invented,
    )


def _partner(partner: Partner) -> Party:
    return Party(
        id=partner.id,
        kind=partner.kind,
        name=partner.name,
        organisation=partner.id,
        sandbox=partner.sandbox,
        invented=partner.invented,
    )
