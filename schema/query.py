"""The roots of every question."""

from __future__ import annotations

from typing import Annotated

import strawberry

from consent_ledger.agreements import Agreement as Standing
from consent_ledger.permit import Period, Refusal, Snapshot
from consent_ledger.vocabulary import AgreementId, PartyId, Purpose, Scope
from insight.benchmarks import Metric, Statistic
from insight.definitions import published
from insight.rules import ci_seg
from resolvers import agreements as agreement_door
from resolvers import benchmarks as benchmark_door
from resolvers import imports as import_door
from resolvers import institutions as register_door
from resolvers import keys as key_door
from resolvers import previews as preview_door
from resolvers.audiences import AudienceAsked
from resolvers.audiences import audience as read_audience
from resolvers.benchmarks import BenchmarkAsked
from resolvers.gate import Inquiry
from schema.accountability_roots import AccountabilityQueries
from schema.agreement import AGREEMENT, Agreement, AgreementConnection, AgreementEdge, agreement
from schema.audience import (
    FIGURES,
    AudienceCriteria,
    AudienceResult,
    PeriodInput,
    audience,
    criteria,
    days,
)
from schema.benchmark import BenchmarkResult, PeersInput, benchmark
from schema.consent_record_roots import ConsentRecordQueries
from schema.consent_roots import ConsentQueries
from schema.context import Asked, selected
from schema.definition import Definition, defined
from schema.directives import OPEN, requires
from schema.ids import local_id
from schema.imports import ImportConnection, ImportEdge, imported
from schema.key import SigningKeys, signing_keys
from schema.ledger import Production, PublishedPurpose, Segment, SegmentModel
from schema.ledger_roots import LedgerQueries
from schema.me_roots import MeQueries
from schema.paging import after as after_cursor
from schema.paging import cursor, page_info, page_size
from schema.past import AsKnownAt, ValidAt
from schema.preview import AgreementPreview, shown_preview
from schema.refused import RefusedWhole
from schema.right_roots import RightQueries
from schema.rules_roots import RuleQueries
from schema.viewer import (
    INSTITUTION,
    Institution,
    InstitutionConnection,
    InstitutionEdge,
    Viewer,
    institution,
    viewer,
)

First = Annotated[int, strawberry.argument(description="How many at most: 1 to 100.")]
After = Annotated[str | None, strawberry.argument(description="The cursor after which the page begins.")]


class PurposeMissing(Exception):
    """Another house's audience was asked without saying why."""

    code = "BAD_USER_INPUT"
    sentence = "Say the purpose for which you ask another institution's audience."
    next_step = "Give the argument `purpose`."


@strawberry.type(description="Everything that can be asked.", directives=OPEN)
class Query(
    AccountabilityQueries,
    ConsentQueries,
    ConsentRecordQueries,
    RightQueries,
    MeQueries,
    LedgerQueries,
    RuleQueries,
):
    @strawberry.field(description="Who asks: this application.", directives=OPEN)
    def viewer(self, info: Asked) -> Viewer:
        return viewer(info.context.ask.caller)

    @strawberry.field(
        description="One organisation of the public register; without an id, the caller's own.",
        directives=requires(Scope.CATALOGUE_READ),
    )
    def institution(
        self,
        info: Asked,
        id: Annotated[strawberry.ID | None, strawberry.argument(description="Global id.")] = None,
    ) -> Institution | None:
        ask = info.context.ask
        wanted = ask.caller.party if id is None else PartyId(local_id(INSTITUTION, id))
        found = register_door.institution(ask, wanted)
        return None if found is None else institution(found)

    @strawberry.field(
        description="The public register, in order of id.", directives=requires(Scope.CATALOGUE_READ)
    )
    def institutions(
        self, info: Asked, first: First = 20, after: After = None
    ) -> InstitutionConnection | None:
        size, start = page_size(first), after_cursor(after)
        found = register_door.institutions(
            info.context.ask, after=None if start is None else PartyId(start), first=size + 1
        )
        edges = [InstitutionEdge(node=institution(one), cursor=cursor(one.id)) for one in found[:size]]
        return InstitutionConnection(
            edges=edges, page_info=page_info(len(found), size, edges[-1].cursor if edges else None)
        )

    @strawberry.field(
        description="The own productions, in order of reference.", directives=requires(Scope.CATALOGUE_READ)
    )
    def productions(self, info: Asked) -> list[Production] | None:
        found = register_door.own_productions(info.context.ask)
        if isinstance(found, Refusal):
            raise RefusedWhole(found)
        return [Production(ref=strawberry.ID(one.ref), title=one.title, genre=one.genre) for one in found]

    @strawberry.field(
        description=(
            "An audience: of the own house, or of another under an agreement. The purpose is `OWN_INSIGHT` "
            "when it is left out, for the own house alone."
        ),
        directives=requires(Scope.AUDIENCES_READ),
    )
    def audience(
        self,
        info: Asked,
        institution: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="Global id of whose audience; none: your own."),
        ] = None,
        purpose: Annotated[
            Purpose | None, strawberry.argument(description="Why you ask; exactly one purpose.")
        ] = None,
        criteria: Annotated[
            AudienceCriteria | None, strawberry.argument(description="Which part; none: all.")
        ] = None,
    ) -> AudienceResult | None:
        ask = info.context.ask
        controller = ask.caller.party if institution is None else PartyId(local_id(INSTITUTION, institution))
        if purpose is None and controller != ask.caller.party:
            raise PurposeMissing
        why = purpose or Purpose.OWN_INSIGHT
        named, period = criteria_of(criteria)
        figures = frozenset(FIGURES[name] for name in selected(info) if name in FIGURES)
        return audience(read_audience(ask, AudienceAsked(controller, why, period, named, figures)), why)

    @strawberry.field(
        description="A released figure of peers, over whole months, with the own one beside it.",
        directives=requires(Scope.BENCHMARKS_READ),
    )
    def benchmark(
        self,
        info: Asked,
        metric: Annotated[Metric, strawberry.argument(description="What is compared.")],
        period: Annotated[PeriodInput, strawberry.argument(description="Whole months.")],
        peers: Annotated[
            PeersInput | None, strawberry.argument(description="Who are peers; none: everybody.")
        ] = None,
        statistic: Annotated[
            Statistic, strawberry.argument(description="Per institution, or the total.")
        ] = Statistic.PER_INSTITUTION,
    ) -> BenchmarkResult | None:
        ask = info.context.ask
        wanted: Period = days(period)
        chosen = (peers or PeersInput()).criteria()
        found = benchmark_door.compare(ask, BenchmarkAsked(metric, statistic, wanted, chosen))
        return benchmark(found, is_sandbox=ask.snapshot.state.is_sandbox)

    @strawberry.field(
        description="The own agreements, in the order in which they were proposed.",
        directives=requires(Scope.AGREEMENTS_READ),
    )
    def agreements(
        self,
        info: Asked,
        first: First = 20,
        after: After = None,
        as_known_at: AsKnownAt = None,
        valid_at: ValidAt = None,
    ) -> AgreementConnection | None:
        ask, size, start = info.context.ask, page_size(first), after_cursor(after)
        known = ask.as_known_at(as_known_at, valid_at)
        found = agreement_door.agreements(
            ask, after=None if start is None else AgreementId(start), first=size + 1, known=known
        )
        if isinstance(found, Refusal):
            raise RefusedWhole(found)
        edges = [
            AgreementEdge(node=_agreement(ask, one, known), cursor=cursor(one.id)) for one in found[:size]
        ]
        return AgreementConnection(
            edges=edges, page_info=page_info(len(found), size, edges[-1].cursor if edges else None)
        )

    @strawberry.field(
        description="One of the own agreements; null for another's, as for one that never was.",
        directives=requires(Scope.AGREEMENTS_READ),
    )
    def agreement(
        self, info: Asked, id: Annotated[strawberry.ID, strawberry.argument(description="Global id.")]
    ) -> Agreement | None:
        ask = info.context.ask
        found = agreement_door.agreement(ask, AgreementId(local_id(AGREEMENT, id)))
        if isinstance(found, Refusal):
            raise RefusedWhole(found)
        return None if found is None else _agreement(ask, found)

    @strawberry.field(
        description="A preview of an agreement as it was shown to the own organisation; null when it never was.",
        directives=requires(Scope.AGREEMENTS_READ),
    )
    def agreement_preview(
        self,
        info: Asked,
        sha256: Annotated[str, strawberry.argument(description="Checksum of the preview.")],
    ) -> AgreementPreview | None:
        found = preview_door.preview(info.context.ask, sha256)
        if isinstance(found, Refusal):
            raise RefusedWhole(found)
        return None if found is None else shown_preview(found)

    @strawberry.field(
        description="The keys with which the own house signs, retired ones too.",
        directives=requires(Scope.AGREEMENTS_READ),
    )
    def signing_keys(self, info: Asked) -> SigningKeys | None:
        ask = info.context.ask
        found = key_door.own_keys(ask)
        if isinstance(found, Refusal):
            raise RefusedWhole(found)
        return signing_keys(ask.house.rp_id, found)

    @strawberry.field(
        description="What the own house brought in, newest first.", directives=requires(Scope.IMPORTS_READ)
    )
    def imports(self, info: Asked, first: First = 20, after: After = None) -> ImportConnection | None:
        size, start = page_size(first), after_cursor(after)
        found = import_door.own_imports(
            info.context.ask, after=None if start is None else _position(start), first=size + 1
        )
        if isinstance(found, Refusal):
            raise RefusedWhole(found)
        edges = [ImportEdge(node=imported(one), cursor=cursor(str(one.position))) for one in found[:size]]
        return ImportConnection(
            edges=edges, page_info=page_info(len(found), size, edges[-1].cursor if edges else None)
        )

    @strawberry.field(description="What every figure means.", directives=OPEN)
    def definitions(self) -> list[Definition]:
        return [defined(one) for one in published()]

    @strawberry.field(description="The segment models that are in force.", directives=OPEN)
    def segment_models(self) -> list[SegmentModel]:
        model = ci_seg()
        segments = [
            Segment(id=strawberry.ID(one.id), name_nl=one.nl, name_en=one.en)
            for one in (*model.behaviour, *model.context)
        ]
        return [
            SegmentModel(
                id=strawberry.ID(model.model), version=model.version, sha256=model.sha256, segments=segments
            )
        ]

    @strawberry.field(description="The purposes that are published on this platform.", directives=OPEN)
    def purposes(self, info: Asked) -> list[PublishedPurpose]:
        return [
            PublishedPurpose(
                purpose=purpose,
                version=one.version,
                bases=sorted(one.bases),
                is_high_risk=one.is_high_risk,
                position=one.seq,
            )
            for purpose, one in sorted(info.context.ask.snapshot.state.purposes.items())
        ]


criteria_of = criteria
"""The argument of `Query.audience` bears the same name."""


def _agreement(ask: Inquiry, found: Standing, known: Snapshot | None = None) -> Agreement:
    """An agreement with its status and who accepted it, as this request sees it or as it stood at `known`."""
    return agreement(found, agreement_door.status(ask, found, known), agreement_door.acceptances(ask, found))


def _position(text: str) -> int:
    return int(text) if text.isdecimal() else 0
