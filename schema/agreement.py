"""Agreements as GraphQL shows them and takes them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import strawberry

from consent_ledger.agreements import Agreement as Standing
from consent_ledger.agreements import Terms
from consent_ledger.permit import Refusal
from consent_ledger.vocabulary import (
    Assurance,
    ControllerRole,
    FieldGroup,
    Granularity,
    Package,
    PartyId,
    ProductionRef,
    Purpose,
    Scope,
)
from resolvers.agreements import Acceptance as Accepted
from resolvers.agreements import Changed
from schema.directives import OPEN, any_of, requires
from schema.ids import global_id, local_id
from schema.key import AssertionInput, enrolment
from schema.paging import PageInfo
from schema.receipt import Receipt, receipt
from schema.refused import Refused, refused
from schema.viewer import INSTITUTION

AGREEMENT = "Agreement"
READ = requires(Scope.AGREEMENTS_READ)


@strawberry.type(description="That one party accepted an agreement, and how it is proven.", directives=READ)
class Acceptance:
    party: strawberry.ID = strawberry.field(description="Global id of who accepted.")
    position: int = strawberry.field(description="The entry by which it accepted.")
    assurance: Assurance = strawberry.field(description="By its own signature, or on the operator's word.")
    key: strawberry.ID | None = strawberry.field(description="The key that signed; null when none did.")
    key_enrolment: Assurance | None = strawberry.field(
        description="How that key became the house's; null when none signed."
    )


@strawberry.type(description="An agreement between organisations, as it stands.", directives=READ)
class Agreement:
    id: strawberry.ID = strawberry.field(description="Global id.")
    package: Package = strawberry.field(description="Which of the six kinds it is.")
    status: str = strawberry.field(description="`proposed`, `active`, `ended`, `refused` or `expired`.")
    sources: list[strawberry.ID] = strawberry.field(description="Global ids of who gives.")
    recipients: list[strawberry.ID] = strawberry.field(description="Global ids of who receives.")
    accepted_by: list[strawberry.ID] = strawberry.field(description="Global ids of who accepted so far.")
    acceptances: list[Acceptance] = strawberry.field(
        description="The same with how each is proven, in the order of their entries."
    )
    purposes: list[Purpose] = strawberry.field(description="For which purposes.")
    groups: list[FieldGroup] = strawberry.field(description="Which field groups.")
    granularity: Granularity = strawberry.field(description="How fine at most.")
    productions: list[strawberry.ID] | None = strawberry.field(description="Which productions; null: all.")
    period_start: date | None = strawberry.field(description="First day of performances that it covers.")
    period_end: date | None = strawberry.field(description="Day after the last that it covers.")
    minimum_group: int = strawberry.field(description="Figures about fewer persons are withheld.")
    terms_sha256: str = strawberry.field(description="Checksum of the terms: what an acceptance is about.")
    positions: list[int] = strawberry.field(description="Its entries in the ledger.")


def agreement(found: Standing, status: str, accepted: list[Accepted]) -> Agreement:
    """An agreement as GraphQL shows it."""
    return Agreement(
        id=strawberry.ID(global_id(AGREEMENT, found.id)),
        package=found.package,
        status=status,
        sources=_parties(found.sources),
        recipients=_parties(found.recipients),
        accepted_by=_parties(found.accepted),
        acceptances=[_acceptance(one) for one in accepted],
        purposes=sorted(found.purposes),
        groups=sorted(found.groups),
        granularity=found.granularity,
        productions=None
        if found.productions is None
        else [strawberry.ID(ref) for ref in sorted(found.productions)],
        period_start=found.period_start,
        period_end=found.period_end,
        minimum_group=found.minimum_group,
        terms_sha256=found.terms_sha256,
        positions=list(found.seqs),
    )


def _acceptance(found: Accepted) -> Acceptance:
    attested = found.key_enrolled_by_operator
    return Acceptance(
        party=strawberry.ID(global_id(INSTITUTION, found.party)),
        position=found.position,
        assurance=found.assurance,
        key=None if found.key is None else strawberry.ID(found.key),
        key_enrolment=None if attested is None else enrolment(is_attested=attested),
    )


def _parties(parties: frozenset[PartyId]) -> list[strawberry.ID]:
    return [strawberry.ID(global_id(INSTITUTION, party)) for party in sorted(parties)]


@strawberry.type(description="One agreement in a list.", directives=READ)
class AgreementEdge:
    node: Agreement = strawberry.field(description="The agreement.")
    cursor: str = strawberry.field(description="Where it stands in the list.")


@strawberry.type(description="A page of the own agreements.", directives=READ)
class AgreementConnection:
    edges: list[AgreementEdge] = strawberry.field(description="In the order in which they were proposed.")
    page_info: PageInfo = strawberry.field(description="Whether there is more.")


@strawberry.input(description="What the parties agree on.", directives=OPEN)
class TermsInput:
    package: Package = strawberry.field(description="Which of the six kinds it is.")
    sources: list[strawberry.ID] = strawberry.field(description="Global ids of who gives.")
    recipients: list[strawberry.ID] = strawberry.field(description="Global ids of who receives.")
    purposes: list[Purpose] = strawberry.field(description="For which purposes.")
    groups: list[FieldGroup] = strawberry.field(description="Which field groups.")
    granularity: Granularity = strawberry.field(
        default=Granularity.AGGREGATE, description="How fine at most."
    )
    productions: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Which productions; null: all, said aloud."
    )
    period_start: date | None = strawberry.field(default=None, description="First day of performances.")
    period_end: date | None = strawberry.field(default=None, description="Day after the last.")
    minimum_group: int = strawberry.field(default=10, description="Figures about fewer persons are withheld.")
    controller_role: ControllerRole = strawberry.field(
        default=ControllerRole.INDEPENDENT, description="The role of the parties under the GDPR."
    )

    def terms(self) -> Terms:
        """The terms in the ledger's words. Raises `UnknownId`."""
        return Terms(
            package=self.package,
            sources=frozenset(PartyId(local_id(INSTITUTION, party)) for party in self.sources),
            recipients=frozenset(PartyId(local_id(INSTITUTION, party)) for party in self.recipients),
            purposes=frozenset(self.purposes),
            groups=frozenset(self.groups),
            granularity=self.granularity,
            productions=None if self.productions is None else frozenset(map(ProductionRef, self.productions)),
            period_start=self.period_start,
            period_end=self.period_end,
            minimum_group=self.minimum_group,
            controller_role=self.controller_role,
        )


@strawberry.input(description="Propose an agreement.", directives=OPEN)
class ProposeAgreementInput:
    idempotency_key: str = strawberry.field(
        description="Your own key; the same key and terms: the same agreement."
    )
    terms: TermsInput = strawberry.field(description="What you propose.")
    valid_until: datetime | None = strawberry.field(default=None, description="When it expires by itself.")
    counters: strawberry.ID | None = strawberry.field(
        default=None, description="Global id of the proposal that this one answers."
    )


@strawberry.input(
    description="The own organisation's signature under an agreement.",
    directives=requires(Scope.AGREEMENTS_SIGN),
)
class SignatureInput:
    preview_sha256: str = strawberry.field(description="Checksum of the preview that was shown.")
    assertion: AssertionInput = strawberry.field(description="Over the challenge of that preview.")


@strawberry.input(description="Accept or end one agreement.", directives=OPEN)
class AgreementInput:
    idempotency_key: str = strawberry.field(description="Your own key; repeating it changes nothing.")
    agreement: strawberry.ID = strawberry.field(description="Global id of the agreement.")


@strawberry.type(
    description="An agreement was changed; the change is recorded and holds from the next request on.",
    directives=any_of(Scope.AGREEMENTS_WRITE, Scope.AGREEMENTS_SIGN),
)
class AgreementChanged:
    agreement: strawberry.ID = strawberry.field(description="Global id of the agreement.")
    receipt: Receipt = strawberry.field(description="The entry, and the proof that it is in the ledger.")


AgreementPayload = Annotated[
    AgreementChanged | Refused,
    strawberry.union("AgreementPayload", description="What was changed, or why it was refused."),
]


def changed(done: Changed | Refusal) -> AgreementChanged | Refused:
    """A change as GraphQL shows it."""
    if isinstance(done, Refusal):
        return refused(done)
    return AgreementChanged(
        agreement=strawberry.ID(global_id(AGREEMENT, done.agreement)), receipt=receipt(done.receipt)
    )
