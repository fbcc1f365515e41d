"""Previews of agreements as GraphQL shows them: from the very bytes that are signed."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import strawberry

from consent_ledger.permit import Refusal
from consent_ledger.vocabulary import FieldGroup, Granularity, PartyId, Purpose, Reason, Scope
from insight.previews import PreviewFigure, PreviewPart, PreviewUse
from resolvers.previews import Shown
from schema.directives import OPEN, any_of
from schema.ids import global_id
from schema.octets import octet_text
from schema.refused import Refused, refused
from schema.viewer import INSTITUTION

AGREEMENT = "Agreement"
SEEN = any_of(Scope.AGREEMENTS_READ, Scope.AGREEMENTS_SIGN)


@strawberry.input(description="Ask what an agreement would let leave.", directives=OPEN)
class PreviewAgreementInput:
    agreement: strawberry.ID = strawberry.field(description="Global id of the agreement.")


@strawberry.type(
    name="PreviewPart", description="A part or cell of a figure that would leave.", directives=SEEN
)
class Part:
    part: str = strawberry.field(description="Which part or cell.")
    value: str | None = strawberry.field(description="Its value; null when it would be withheld.")
    withheld: Reason | None = strawberry.field(description="Why it would be withheld.")


@strawberry.type(
    name="PreviewFigure", description="One figure of the own house as it would leave.", directives=SEEN
)
class OfFigure:
    figure: str = strawberry.field(description="Id of its definition.")
    version: str = strawberry.field(description="Version of its definition.")
    value: str | None = strawberry.field(
        description="Its value; null for a breakdown, or when it would be withheld."
    )
    currency: str | None = strawberry.field(description="Of money, such as EUR.")
    withheld: Reason | None = strawberry.field(description="Why it would be withheld.")
    parts: list[Part] = strawberry.field(description="Its parts or cells.")


@strawberry.type(
    name="PreviewUse", description="What of the own house would leave for one purpose.", directives=SEEN
)
class OfUse:
    purpose: Purpose = strawberry.field(description="For which purpose.")
    refused: Reason | None = strawberry.field(
        description="Why nothing would leave; null when something would."
    )
    figures: list[OfFigure] = strawberry.field(
        description="Over the whole period. Recipients who choose a part of it get that part's figures."
    )


@strawberry.type(
    description=(
        "What an agreement would let leave, as the own organisation is shown it: its own figures if it gives, "
        "and what it would get, without figures, if it receives. Under STATISTIC these figures enter sector "
        "releases and are given to nobody by themselves."
    ),
    directives=SEEN,
)
class AgreementPreview:
    sha256: str = strawberry.field(description="SHA-256 of `body`: what an acceptance signs.")
    body: str = strawberry.field(description="The exact bytes: canonical JSON (RFC 8785).")
    challenge: str = strawberry.field(
        description="What a key signs to accept the agreement after this preview, in base64url."
    )
    agreement: strawberry.ID = strawberry.field(description="Global id of the agreement.")
    terms_sha256: str = strawberry.field(description="Checksum of its terms.")
    as_of: date = strawberry.field(description="The day of which the figures are.")
    sources: list[strawberry.ID] = strawberry.field(description="Global ids of whose data you would get.")
    recipients: list[strawberry.ID] = strawberry.field(description="Global ids of who would get yours.")
    purposes: list[Purpose] = strawberry.field(description="For which purposes.")
    groups: list[FieldGroup] = strawberry.field(description="Which field groups.")
    granularity: Granularity = strawberry.field(description="How fine at most.")
    productions: list[strawberry.ID] | None = strawberry.field(description="Which productions; null: all.")
    period_start: date | None = strawberry.field(description="First day of performances that it covers.")
    period_end: date | None = strawberry.field(description="Day after the last that it covers.")
    minimum_group: int = strawberry.field(description="Figures about fewer persons are withheld.")
    uses: list[OfUse] = strawberry.field(description="What of yours would leave, by purpose.")


AgreementPreviewPayload = Annotated[
    AgreementPreview | Refused,
    strawberry.union("AgreementPreviewPayload", description="The preview, or why it was refused."),
]


def preview(found: Shown | Refusal) -> AgreementPreview | Refused:
    """A preview as GraphQL shows it, or why there is none."""
    return refused(found) if isinstance(found, Refusal) else shown_preview(found)


def shown_preview(found: Shown) -> AgreementPreview:
    """A preview as GraphQL shows it."""
    said = found.preview
    return AgreementPreview(
        sha256=found.sha256,
        body=found.body,
        challenge=octet_text(found.challenge),
        agreement=strawberry.ID(global_id(AGREEMENT, said.agreement)),
        terms_sha256=said.terms_sha256,
        as_of=said.as_of,
        sources=_parties(said.sources),
        recipients=_parties(said.recipients),
        purposes=list(said.purposes),
        groups=list(said.groups),
        granularity=said.granularity,
        productions=None if said.productions is None else [strawberry.ID(one) for one in said.productions],
        period_start=said.period_start,
        period_end=said.period_end,
        minimum_group=said.minimum_group,
        uses=[_use(one) for one in said.uses],
    )


def _parties(parties: tuple[PartyId, ...]) -> list[strawberry.ID]:
    return [strawberry.ID(global_id(INSTITUTION, one)) for one in parties]


def _use(use: PreviewUse) -> OfUse:
    return OfUse(purpose=use.purpose, refused=use.refused, figures=[_figure(one) for one in use.figures])


def _figure(figure: PreviewFigure) -> OfFigure:
    return OfFigure(
        figure=figure.figure,
        version=figure.version,
        value=figure.value,
        currency=figure.currency,
        withheld=figure.withheld,
        parts=[_part(one) for one in figure.parts],
    )


def _part(part: PreviewPart) -> Part:
    return Part(part=part.part, value=part.value, withheld=part.withheld)
