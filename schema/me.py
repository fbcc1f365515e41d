"""What a visitor sees of the own records, and does about them."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import strawberry

from consent_ledger.consent_states import ConsentState
from consent_ledger.permit import Refusal
from consent_ledger.reasons import Text
from consent_ledger.vocabulary import (
    ConsentAct,
    ErasureMode,
    FieldGroup,
    Granularity,
    LawfulBasis,
    PartyId,
    Purpose,
    Scope,
)
from resolvers import own_records as record_door
from resolvers.gate import Receipt as Proven
from resolvers.own_records import Known, Left, Use
from resolvers.visitors import Forgotten, Stopped
from schema.context import Asked
from schema.directives import OPEN, requires
from schema.ids import global_id
from schema.paging import after as after_cursor
from schema.paging import cursor, page_size
from schema.receipt import Receipt, receipt
from schema.refused import Refused, refused, said
from schema.viewer import INSTITUTION
from schema.words import InLanguage, Language

READ = requires(Scope.ME_READ)
ACT = requires(Scope.ME_CONSENT)
WRITE = requires(Scope.CONSENT_WRITE)

_OF_THE_HOUSE = Text(
    "Dit zijn antwoorden waarin gegevens van dit huis zaten, gegeven onder een afspraak. Of u erin bent meegeteld "
    "kan per persoon niet gezegd worden: het register zegt welk huis, welk doel en welke gegevens, nooit wie.",
    "These are answers that held data of this house, given under an agreement. Whether you were counted in them "
    "cannot be told per person: the ledger says which house, purpose and data, never who.",
)
_MEANING = {
    ErasureMode.STAY_OUT: Text(
        "U bent vergeten en blijft eruit: geen huis neemt uw adres nog op, ook latere huizen niet. Bewijs van wat u "
        "zei blijft verzegeld tot de verjaring.",
        "You are forgotten and stay out: no house takes your address in any more, later ones neither. Proof of what "
        "you said stays sealed until the limitation date.",
    ),
    ErasureMode.FORGET_ME: Text(
        "U bent vergeten en er is niets bewaard. Koopt u later weer een kaartje, dan kent het huis u opnieuw.",
        "You are forgotten and nothing was kept. If you buy a ticket again, the house will know you anew.",
    ),
}


@strawberry.type(
    description="A purpose for which a house may use your data, and what you said.", directives=READ
)
class MyPurpose:
    purpose: Purpose = strawberry.field(description="The purpose.")
    basis: LawfulBasis = strawberry.field(description="The lawful basis that the house recorded.")
    is_used: bool = strawberry.field(description="Whether the house may use your data for it now.")
    state: ConsentState = strawberry.field(description="Where your consent stands.")
    is_restricted: bool = strawberry.field(description="Whether your data are frozen at this house.")
    since: date | None = strawberry.field(
        description="The day from which it stands so; null: you said nothing."
    )
    notice: str | None = strawberry.field(description="The notice that tells of it; null: there is none.")
    notice_version: int | None = strawberry.field(description="Its version.")
    positions: list[int] = strawberry.field(description="The entries in which you spoke.")


@strawberry.type(description="What a house holds that is linked to you.", directives=READ)
class MyHoldings:
    tickets: int = strawberry.field(description="Sold admissions.")
    first_day: date | None = strawberry.field(description="Day of the first performance.")
    last_day: date | None = strawberry.field(description="Day of the last performance.")


@strawberry.type(
    description="An answer with data of this house that left under an agreement.", directives=READ
)
class MyDisclosure:
    recipient: strawberry.ID = strawberry.field(description="Global id of the organisation that got it.")
    purposes: list[Purpose] = strawberry.field(description="Why.")
    groups: list[FieldGroup] = strawberry.field(description="Which data.")
    granularity: Granularity = strawberry.field(description="How fine.")
    on: date = strawberry.field(description="The day.")
    position: int = strawberry.field(description="Its entry in the ledger.")


@strawberry.type(
    description="What left of a house, oldest first. It tells of the house, not of you.", directives=READ
)
class MyDisclosures:
    nodes: list[MyDisclosure] = strawberry.field(description="The answers.")
    end_cursor: str | None = strawberry.field(description="Where to go on; null when there is no more.")

    @strawberry.field(description="What this list can tell, and what not.")
    def sentence(self, language: InLanguage = Language.NL) -> str:
        return said(_OF_THE_HOUSE, language)


@strawberry.type(description="A house that knows you.", directives=READ)
class MyHouse:
    institution: strawberry.ID = strawberry.field(description="Global id.")
    name: str = strawberry.field(description="Its name.")
    purposes: list[MyPurpose] = strawberry.field(description="For what it may use your data.")
    holds: MyHoldings = strawberry.field(description="What it holds that is linked to you.")
    of: strawberry.Private[PartyId]

    @strawberry.field(
        description="Receipts of what you said there (ISO/IEC TS 27560, JSON-LD); each is checked without us."
    )
    def consent_receipts(self, info: Asked) -> list[str]:
        return record_door.consent_receipts(info.context.ask, self.of)

    @strawberry.field(description="What left of this house under agreements.")
    def disclosures(
        self,
        info: Asked,
        first: Annotated[int, strawberry.argument(description="How many at most: 1 to 100.")] = 20,
        after: Annotated[
            str | None, strawberry.argument(description="The cursor after which the page begins.")
        ] = None,
    ) -> MyDisclosures:
        start, size = after_cursor(after), page_size(first)
        position = int(start) if start is not None and start.isdecimal() and len(start) < 16 else -1
        found, last = record_door.left(info.context.ask, self.of, after=position, first=size)
        return MyDisclosures(
            nodes=[_disclosure(one) for one in found], end_cursor=None if last is None else cursor(str(last))
        )


@strawberry.type(
    description="Who asks, as a visitor: what is known of you and what you may do.", directives=READ
)
class Me:
    is_kept_out: bool = strawberry.field(description="Whether no house takes your address in any more.")
    houses: list[MyHouse] = strawberry.field(description="The houses that know you, in order of id.")


def my_house(known: Known) -> MyHouse:
    """A house that knows the visitor, as GraphQL shows it."""
    return MyHouse(
        institution=strawberry.ID(global_id(INSTITUTION, known.party.id)),
        name=known.party.name,
        purposes=[_purpose(use) for use in known.uses],
        holds=MyHoldings(
            tickets=known.held.tickets,
            first_day=_day(known.held.first_day),
            last_day=_day(known.held.last_day),
        ),
        of=known.party.id,
    )


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _purpose(use: Use) -> MyPurpose:
    return MyPurpose(
        purpose=use.purpose,
        basis=use.basis,
        is_used=use.is_used,
        state=use.stand.state,
        is_restricted=use.stand.is_restricted,
        since=use.stand.since,
        notice=None if use.told is None else use.told.notice,
        notice_version=None if use.told is None else use.told.version,
        positions=list(use.stand.said),
    )


def _disclosure(left: Left) -> MyDisclosure:
    return MyDisclosure(
        recipient=strawberry.ID(global_id(INSTITUTION, left.recipient)),
        purposes=list(left.purposes),
        groups=list(left.groups),
        granularity=left.granularity,
        on=left.on,
        position=left.position,
    )


@strawberry.input(description="What you decide about one purpose at one house.", directives=OPEN)
class DecideInput:
    idempotency_key: str = strawberry.field(description="Your own key; repeating it changes nothing.")
    institution: strawberry.ID = strawberry.field(description="Global id of the house.")
    purpose: Purpose = strawberry.field(description="The purpose.")
    act: ConsentAct = strawberry.field(description="What you decide.")


@strawberry.input(description="Stop every use of your data, at every house.", directives=OPEN)
class StopEverythingInput:
    idempotency_key: str = strawberry.field(description="Your own key; repeating it changes nothing.")


@strawberry.input(description="Be erased.", directives=OPEN)
class EraseMeInput:
    idempotency_key: str = strawberry.field(description="Your own key; repeating it changes nothing.")
    mode: ErasureMode = strawberry.field(
        description="Whether every house is to keep you out from now on, or nothing is to be kept at all."
    )
    institution: strawberry.ID | None = strawberry.field(
        default=None, description="Global id of one house; none: every house that knows you."
    )


@strawberry.type(description="Your decision is recorded and holds from the next request on.", directives=ACT)
class Decided:
    receipt: Receipt = strawberry.field(description="The entry, and the proof that it is in the ledger.")


@strawberry.type(description="Every use of your data is stopped, from the next request on.", directives=ACT)
class EverythingStopped:
    receipts: list[Receipt] = strawberry.field(
        description="One for each use that was ended, and one for the stop register."
    )


@strawberry.type(description="You are erased.", directives=ACT)
class ErasedMe:
    mode: ErasureMode = strawberry.field(description="How.")
    receipts: list[Receipt] = strawberry.field(
        description="One for each house, and one when you were put into the stop register."
    )
    effective_by: date | None = strawberry.field(
        description="By when nothing of you is left; null when no house knew you."
    )

    @strawberry.field(description="What it means.")
    def sentence(self, language: InLanguage = Language.NL) -> str:
        return said(_MEANING[self.mode], language)


DecidePayload = Annotated[
    Decided | Refused, strawberry.union("DecidePayload", description="The receipt, or why it was refused.")
]
StopEverythingPayload = Annotated[
    EverythingStopped | Refused,
    strawberry.union("StopEverythingPayload", description="The receipts, or why it was refused."),
]
EraseMePayload = Annotated[
    ErasedMe | Refused,
    strawberry.union("EraseMePayload", description="The receipts, or why it was refused."),
]


def decided(done: Proven | Refusal) -> Decided | Refused:
    """A decision as GraphQL shows it."""
    return refused(done) if isinstance(done, Refusal) else Decided(receipt=receipt(done))


def stopped(done: Stopped) -> EverythingStopped:
    """What was stopped, as GraphQL shows it."""
    return EverythingStopped(receipts=[receipt(one) for one in done.receipts])


def erased(done: Forgotten | Refusal) -> ErasedMe | Refused:
    """An erasure as GraphQL shows it."""
    if isinstance(done, Refusal):
        return refused(done)
    return ErasedMe(
        mode=done.mode, receipts=[receipt(one) for one in done.receipts], effective_by=done.effective_by
    )


@strawberry.input(description="For whom links are made.", directives=OPEN)
class CreateVisitorLinksInput:
    emails: list[str] = strawberry.field(
        description="E-mail addresses, 1,000 at most. They are sealed in the links and kept nowhere."
    )


@strawberry.type(
    description="Links for ticket mails. Such a link can only stop, and tells nothing.", directives=WRITE
)
class VisitorLinks:
    links: list[str | None] = strawberry.field(
        description="In the order of the addresses; null where one is no address."
    )


CreateVisitorLinksPayload = Annotated[
    VisitorLinks | Refused,
    strawberry.union("CreateVisitorLinksPayload", description="The links, or why it was refused."),
]


def links(done: list[str | None] | Refusal) -> VisitorLinks | Refused:
    """Links as GraphQL shows them."""
    return refused(done) if isinstance(done, Refusal) else VisitorLinks(links=done)
