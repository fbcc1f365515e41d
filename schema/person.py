"""What a house's desk does for a visitor who asks: erasing, and stopping every use."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import strawberry

from consent_ledger.permit import Refusal
from consent_ledger.reasons import Text
from consent_ledger.vocabulary import ErasureMode, Scope
from resolvers.gate import Receipt as Proven
from resolvers.persons import Erasure
from schema.directives import OPEN, requires
from schema.receipt import Receipt, receipt
from schema.refused import Refused, refused, said
from schema.words import InLanguage, Language

DESK = requires(Scope.CONSENT_WRITE)

_MEANS = {
    ErasureMode.STAY_OUT: Text(
        "De bezoeker is uit uw gegevens gehaald; bezoeken en bedragen blijven, zonder persoon. Geen enkel huis neemt "
        "dit adres nog op. Verzegeld bewijs van wat de bezoeker zei blijft tot de verjaring.",
        "The visitor was taken out of your data; visits and euros stay, without a person. No house takes this address "
        "in any more. Sealed proof of what the visitor said stays until the limitation date.",
    ),
    ErasureMode.FORGET_ME: Text(
        "De bezoeker is uit uw gegevens gehaald en er is niets bewaard, ook geen bewijs. Komt dit adres later in een "
        "import voor, dan ontstaat een nieuwe persoon: haal het dus ook uit uw eigen systeem.",
        "The visitor was taken out of your data and nothing was kept, no proof either. If a later import brings this "
        "address, a new person is made of it: so take it out of your own system too.",
    ),
}
_UNKNOWN = Text(
    "Uw huis kende dit adres niet. Geen enkel huis neemt het nog op.",
    "Your house did not know this address. No house takes it in any more.",
)
_STOPPED = Text(
    "Uw huis gebruikt de gegevens van deze bezoeker nergens meer voor, en geen enkel huis neemt dit adres nog op. Wat "
    "andere huizen al hebben stopt de bezoeker zelf, met de link in een kaartjesmail.",
    "Your house uses this visitor's data for nothing any more, and no house takes this address in from now on. What "
    "other houses have already the visitor stops alone, by the link in a ticket mail.",
)


@strawberry.input(
    description="Who asked at your desk to be erased, and what is to remain so.", directives=OPEN
)
class ErasePersonInput:
    idempotency_key: str = strawberry.field(
        description="Your own key, one for each person; no address may stand in it. Repeating it changes nothing."
    )
    email: str = strawberry.field(description="The visitor's e-mail address; kept nowhere.")
    mode: ErasureMode = strawberry.field(description="What the visitor wants after it.")
    answers: strawberry.ID | None = strawberry.field(
        default=None,
        description="The number of the request for erasure that is answered by it, such as R-2345-6789.",
    )


@strawberry.input(description="Who asked at your desk that every use stop.", directives=OPEN)
class StopPersonInput:
    idempotency_key: str = strawberry.field(
        description="Your own key; no address may stand in it. Repeating it changes nothing."
    )
    email: str = strawberry.field(description="The visitor's e-mail address; kept nowhere in this form.")


@strawberry.type(description="The visitor is erased at your house.", directives=DESK)
class PersonErased:
    receipts: list[Receipt] = strawberry.field(
        description="The entries, with their proofs; they name nobody."
    )
    effective_by: date | None = strawberry.field(
        description="By this day nothing of it can be opened by anybody, old copies included; null: nothing was known."
    )
    mode: strawberry.Private[ErasureMode]

    @strawberry.field(description="What it means, for whoever stands at the desk.")
    def sentence(self, language: InLanguage = Language.NL) -> str:
        return said(_UNKNOWN if self.effective_by is None else _MEANS[self.mode], language)


@strawberry.type(description="Every use at your house stopped.", directives=DESK)
class PersonStopped:
    receipts: list[Receipt] = strawberry.field(
        description="The entries, with their proofs; none when everything stood so already."
    )

    @strawberry.field(description="What it means, for whoever stands at the desk.")
    def sentence(self, language: InLanguage = Language.NL) -> str:
        return said(_STOPPED, language)


ErasePersonPayload = Annotated[
    PersonErased | Refused,
    strawberry.union("ErasePersonPayload", description="What was done, or why it was refused."),
]
StopPersonPayload = Annotated[
    PersonStopped | Refused,
    strawberry.union("StopPersonPayload", description="What was done, or why it was refused."),
]


def person_erased(done: Erasure | Refusal) -> PersonErased | Refused:
    """An erasure as GraphQL shows it."""
    if isinstance(done, Refusal):
        return refused(done)
    return PersonErased(
        receipts=[receipt(one) for one in done.receipts], effective_by=done.effective_by, mode=done.mode
    )


def person_stopped(done: tuple[Proven, ...] | Refusal) -> PersonStopped | Refused:
    """A stop as GraphQL shows it."""
    if isinstance(done, Refusal):
        return refused(done)
    return PersonStopped(receipts=[receipt(one) for one in done])
