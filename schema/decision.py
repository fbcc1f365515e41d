"""Decisions as GraphQL shows them: what was permitted or refused, on what, and whether it comes out again."""

from __future__ import annotations

import strawberry

from consent_ledger.vocabulary import FieldGroup, Granularity, Purpose, Scope
from resolvers import decisions as decision_door
from resolvers.decisions import Verdict
from resolvers.gate import Inquiry
from schema.agreement import AGREEMENT
from schema.context import Asked
from schema.directives import OPEN, requires
from schema.entry_type import RowBucket
from schema.ids import global_id
from schema.paging import PageInfo, cursor
from schema.refused import Why
from schema.viewer import INSTITUTION
from schema.words import describe

DECISION = "Decision"
READ = requires(Scope.LEDGER_READ)

describe(
    Verdict,
    "What a decision came to.",
    {
        Verdict.PERMITTED: "Data left, and that was recorded before they did.",
        Verdict.REFUSED: "Nothing left under the agreement.",
    },
)


@strawberry.type(description="A reason for which a decision refused.", directives=OPEN)
class DecisionReason(Why):
    pass


@strawberry.type(description="An agreement under which a decision was made.", directives=READ)
class DecisionAgreement:
    agreement: strawberry.ID = strawberry.field(description="Global id of the agreement.")
    positions: list[int] = strawberry.field(
        description="Its entries on which the decision rests: proposal, acceptances, end."
    )


@strawberry.type(description="What a decision stood on.", directives=READ)
class DecisionBasis:
    size: int = strawberry.field(description="How many entries the ledger had for it.")
    root: str = strawberry.field(description="The RFC 9162 root of these, in hexadecimal.")
    positions: list[int] = strawberry.field(description="The entries that were used.")


@strawberry.type(
    description="A decision made once more, as known at the size of the ledger that it stood on.",
    directives=READ,
)
class ToldAgain:
    holds: bool = strawberry.field(description="Whether the same comes out.")
    findings: list[str] = strawberry.field(description="What does not fit, in words.")
    untold: list[str] = strawberry.field(
        description="Reasons that the ledger cannot tell: they lay in the token, or in the persons counted."
    )


@strawberry.type(description="A decision under an agreement, as its entry tells it.", directives=READ)
class Decision:
    id: strawberry.ID = strawberry.field(description="Global id.")
    position: int = strawberry.field(description="The entry that tells of it.")
    recorded_at: str = strawberry.field(description="When it was recorded (UTC).")
    verdict: Verdict = strawberry.field(description="What it came to.")
    recipient: strawberry.ID = strawberry.field(description="Global id of who asked.")
    client: strawberry.ID = strawberry.field(description="The application that asked.")
    controllers: list[strawberry.ID] = strawberry.field(
        description="Global ids of those whose data were asked."
    )
    purposes: list[Purpose] = strawberry.field(
        description="For which purposes; empty where it was not recorded."
    )
    groups: list[FieldGroup] = strawberry.field(description="Which field groups.")
    granularity: Granularity | None = strawberry.field(
        description="How fine; null where it was not recorded."
    )
    agreements: list[DecisionAgreement] = strawberry.field(description="Under which agreements.")
    reasons: list[DecisionReason] = strawberry.field(description="Why it was refused; empty when it was not.")
    rows: RowBucket | None = strawberry.field(description="How many rows left, roughly; null for a refusal.")
    persons: RowBucket | None = strawberry.field(
        description="How many persons were counted, roughly; null for a refusal."
    )
    subjects: str | None = strawberry.field(
        description="Commitment to exactly the persons who were counted, in hexadecimal; null for a refusal."
    )
    basis: DecisionBasis = strawberry.field(description="What it stood on.")
    found: strawberry.Private[decision_door.Decision]

    @strawberry.field(description="The same decision, made once more on what stood then.")
    def told_again(self, info: Asked) -> ToldAgain:
        told = decision_door.told_again(info.context.ask, self.found)
        return ToldAgain(holds=told.holds, findings=list(told.findings), untold=list(told.untold))


@strawberry.type(description="One decision in a list.", directives=READ)
class DecisionEdge:
    node: Decision = strawberry.field(description="The decision.")
    cursor: str = strawberry.field(description="Where it stands in the list.")


@strawberry.type(description="A page of decisions.", directives=READ)
class DecisionConnection:
    edges: list[DecisionEdge] = strawberry.field(
        description="Oldest first; there may be fewer than asked, even none, on a page that has a next one."
    )
    page_info: PageInfo = strawberry.field(description="Whether there is more.")


def decision(ask: Inquiry, found: decision_door.Decision) -> Decision:
    """A decision as GraphQL shows it."""
    basis = found.basis
    return Decision(
        id=strawberry.ID(global_id(DECISION, str(found.position))),
        position=found.position,
        recorded_at=found.recorded,
        verdict=found.verdict,
        recipient=_party(found.recipient),
        client=strawberry.ID(found.client),
        controllers=[_party(one) for one in found.controllers],
        purposes=list(found.purposes),
        groups=list(found.groups),
        granularity=found.granularity,
        agreements=[
            DecisionAgreement(
                agreement=strawberry.ID(global_id(AGREEMENT, one)),
                positions=list(decision_door.rests_on(ask, found, one)),
            )
            for one in found.agreements
        ],
        reasons=[DecisionReason(code=one) for one in found.reasons],
        rows=found.rows,
        persons=found.persons,
        subjects=found.subjects,
        basis=DecisionBasis(size=basis.size, root=basis.root, positions=list(basis.seqs)),
        found=found,
    )


def decision_page(ask: Inquiry, page: decision_door.Decisions) -> DecisionConnection:
    """A page of decisions as GraphQL shows it."""
    edges = [DecisionEdge(node=decision(ask, one), cursor=cursor(str(one.position))) for one in page.found]
    end = None if page.last is None else cursor(str(page.last))
    return DecisionConnection(edges=edges, page_info=PageInfo(has_next_page=page.has_more, end_cursor=end))


def _party(party: str) -> strawberry.ID:
    return strawberry.ID(global_id(INSTITUTION, party))
