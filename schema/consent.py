"""What visitors decided, as GraphQL takes it and shows it."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import strawberry

from consent_ledger.consent_states import ConsentState
from consent_ledger.permit import Refusal
from consent_ledger.standing import Stand
from consent_ledger.vocabulary import ConsentAct, ConsentChannel, PartyId, Purpose, Scope
from resolvers.batches import COUNTED, BatchRecorded, LeftOut, List, Row
from resolvers.consent import Decision
from resolvers.gate import Receipt as Given
from resolvers.receipts import house_receipt
from schema.context import Asked
from schema.directives import OPEN, requires
from schema.receipt import Receipt, receipt
from schema.refused import Refused, refused
from schema.words import describe

WRITE = requires(Scope.CONSENT_WRITE)
READ = requires(Scope.CONSENT_READ)

describe(
    ConsentState,
    "Where consent stands, by the terms of the W3C Data Privacy Vocabulary (DPV).",
    {
        ConsentState.UNKNOWN: "`dpv:ConsentUnknown`: nothing was said.",
        ConsentState.GIVEN: "`dpv:ConsentGiven`.",
        ConsentState.RENEWED: "`dpv:RenewedConsentGiven`.",
        ConsentState.REFUSED: "`dpv:ConsentRefused`.",
        ConsentState.WITHDRAWN: "`dpv:ConsentWithdrawn`; also after an objection.",
        ConsentState.EXPIRED: "`dpv:ConsentExpired`: its day has come.",
        ConsentState.INVALIDATED: "`dpv:ConsentInvalidated`: the notice under which it was given proved wrong.",
    },
)
describe(
    LeftOut,
    "Why a row of a list does not count.",
    {
        LeftOut.NOT_AN_ADDRESS: "It has no e-mail address.",
        LeftOut.ACT: "In a list something is granted, refused, withdrawn or objected to.",
        LeftOut.DAY_AHEAD: "The day on which it was said has not come yet.",
        LeftOut.GUARDIAN_NEEDED: "Under 16 a guardian gives it.",
        LeftOut.UNTIL_NEEDED: "A guardian gives it until the child turns 16, and no day was told.",
        LeftOut.UNTIL_PAST: "The day until which it holds has passed.",
        LeftOut.UNTIL_TOO_FAR: "A guardian gives it until the child turns 16 at the latest.",
        LeftOut.NO_UNTIL: "Only what is given has a last day.",
        LeftOut.SAID_AGAIN: "Another row about the same person was said later.",
        LeftOut.SAID_NO_SINCE: "The person said no here on that day or later.",
        LeftOut.KEPT_OUT: "The person asked to stay out everywhere; nothing is kept about the address.",
    },
)


@strawberry.input(description="What a visitor decided about one purpose at your house.", directives=OPEN)
class RecordConsentInput:
    idempotency_key: str = strawberry.field(description="Your own key; repeating it changes nothing.")
    email: str = strawberry.field(
        description="The visitor's e-mail address. Kept in the vault, and nowhere else."
    )
    purpose: Purpose = strawberry.field(description="The purpose that the visitor decided about.")
    act: ConsentAct = strawberry.field(description="What the visitor decided.")
    channel: ConsentChannel = strawberry.field(default=ConsentChannel.API, description="Where it was said.")
    notice: str | None = strawberry.field(default=None, description="Id of the notice that the visitor saw.")
    notice_version: int | None = strawberry.field(default=None, description="Version of that notice.")
    until: date | None = strawberry.field(
        default=None, description="The day from which what is given no longer holds; none: until withdrawn."
    )
    is_under_16: bool = strawberry.field(
        default=False, name="isUnder16", description="Whether the visitor is a child under 16."
    )
    by_guardian: bool = strawberry.field(
        default=False,
        description="Whether a guardian decides for the child; `until` is the day on which it turns 16.",
    )

    def decision(self, controller: PartyId) -> Decision:
        """The decision at this house."""
        return Decision(
            controller=controller,
            purpose=self.purpose,
            act=self.act,
            identifier=self.email,
            channel=self.channel,
            notice=self.notice,
            notice_version=self.notice_version,
            until=self.until,
            is_under_16=self.is_under_16,
            by_guardian=self.by_guardian,
        )


@strawberry.input(description="One row of a list: what one visitor decided, and when.", directives=OPEN)
class ConsentRowInput:
    email: str = strawberry.field(
        description="The visitor's e-mail address. Kept in the vault, and nowhere else."
    )
    act: ConsentAct = strawberry.field(description="Granted, refused, withdrawn or objected.")
    said_on: date = strawberry.field(description="The day on which the visitor said it.")
    until: date | None = strawberry.field(
        default=None, description="The day from which what is given no longer holds; none: until withdrawn."
    )
    is_under_16: bool = strawberry.field(
        default=False, name="isUnder16", description="Whether the visitor is a child under 16."
    )
    by_guardian: bool = strawberry.field(
        default=False,
        description="Whether a guardian decides for the child; `until` is the day on which it turns 16.",
    )

    def row(self) -> Row:
        """The row as the door takes it."""
        return Row(
            self.email,
            self.act,
            self.said_on,
            self.until,
            is_under_16=self.is_under_16,
            by_guardian=self.by_guardian,
        )


@strawberry.input(
    description=(
        "A list of decisions about one purpose, made elsewhere. At most 5,000 rows, and what one request may "
        "hold; longer lists go through `cultuurinzicht consents`."
    ),
    directives=OPEN,
)
class RecordConsentsInput:
    idempotency_key: str = strawberry.field(description="Your own key; repeating it changes nothing.")
    purpose: Purpose = strawberry.field(description="The purpose that the visitors decided about.")
    notice: str | None = strawberry.field(default=None, description="Id of the notice that they saw.")
    notice_version: int | None = strawberry.field(default=None, description="Version of that notice.")
    decisions: list[ConsentRowInput] = strawberry.field(description="The rows, counted from 0.")

    def listed(self, controller: PartyId) -> List:
        """The list at this house."""
        rows = [one.row() for one in self.decisions]
        return List(controller, self.purpose, rows, self.notice, self.notice_version)


@strawberry.input(description="Whose consent, about what, and as it was when.", directives=OPEN)
class ConsentStateInput:
    email: str = strawberry.field(description="The visitor's e-mail address.")
    purpose: Purpose = strawberry.field(description="The purpose.")
    as_known_at: int | None = strawberry.field(
        default=None,
        description="As the ledger had it when it held this many entries; none: all that there are.",
    )
    valid_at: date | None = strawberry.field(
        default=None, description="What was valid at the start of this day (UTC); none: now."
    )


@strawberry.type(description="The decision is recorded and holds from the next request on.", directives=WRITE)
class ConsentRecorded:
    receipt: Receipt = strawberry.field(description="The entry, and the proof that it is in the ledger.")
    given: strawberry.Private[Given]

    @strawberry.field(
        description=(
            "What the visitor gets of it: a receipt by ISO/IEC TS 27560:2023 as JSON-LD text, which verifies "
            "offline (`ledger verify RECEIPT.jsonld`). It holds the secret of this one entry: give it to the visitor alone."
        )
    )
    def consent_receipt(self, info: Asked) -> str | None:
        return house_receipt(info.context.ask, self.given)


@strawberry.type(description="A row of a list that does not count.", directives=WRITE)
class RowLeftOut:
    row: int = strawberry.field(description="Its number in the list, from 0.")
    reason: LeftOut = strawberry.field(description="Why.")


@strawberry.type(description="The list is recorded and holds from the next request on.", directives=WRITE)
class ConsentsRecorded:
    receipt: Receipt | None = strawberry.field(
        description="The one entry of the list, and its proof; null when no row counts."
    )
    received: int = strawberry.field(description="Rows of the list.")
    granted: int = strawberry.field(description="Rows that count and give consent.")
    refused: int = strawberry.field(description="Rows that count and refuse.")
    withdrawn: int = strawberry.field(description="Rows that count and withdraw.")
    objected: int = strawberry.field(description="Rows that count and object.")
    left_out: list[RowLeftOut] = strawberry.field(description="The rows that do not count, in their order.")


@strawberry.type(description="Where one visitor stands for one purpose at the own house.", directives=READ)
class ConsentStanding:
    state: ConsentState = strawberry.field(description="The state of consent.")
    dpv: str = strawberry.field(description="The same as a compact IRI, such as `dpv:ConsentGiven`.")
    is_restricted: bool = strawberry.field(
        description="Whether the visitor's data are frozen (GDPR, article 18), whatever the state."
    )
    since: date | None = strawberry.field(description="Since which day; null when nothing was said.")
    positions: list[int] = strawberry.field(
        description="The entries in which the visitor spoke of this purpose, in their order."
    )


ConsentPayload = Annotated[
    ConsentRecorded | Refused,
    strawberry.union("ConsentPayload", description="The receipt, or why it was refused."),
]
ConsentsPayload = Annotated[
    ConsentsRecorded | Refused,
    strawberry.union("ConsentsPayload", description="What became of the list, or why it was refused."),
]


def consents_recorded(done: BatchRecorded | Refusal) -> ConsentsRecorded | Refused:
    """What became of a list, as GraphQL shows it."""
    if isinstance(done, Refusal):
        return refused(done)
    granted, refusals, withdrawn, objected = (done.counts[act] for act in COUNTED)
    return ConsentsRecorded(
        receipt=None if done.receipt is None else receipt(done.receipt),
        received=done.received,
        granted=granted,
        refused=refusals,
        withdrawn=withdrawn,
        objected=objected,
        left_out=[RowLeftOut(row=number, reason=why) for number, why in done.left_out],
    )


def consent_standing(found: Stand) -> ConsentStanding:
    """A standing, as GraphQL shows it."""
    return ConsentStanding(
        state=found.state,
        dpv=found.state.iri,
        is_restricted=found.is_restricted,
        since=found.since,
        positions=list(found.said),
    )
