"""What a recipient tells the persons whose data it got from others (GDPR, article 14), per agreement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from consent_ledger.accounting.standing_at import Agreed, StandingAt, agreed, needed
from consent_ledger.entry import Entry
from consent_ledger.reasons import Text
from consent_ledger.state import State
from consent_ledger.vocabulary import (
    AgreementId,
    ControllerRole,
    Granularity,
    LawfulBasis,
    PartyId,
    Purpose,
)

USUAL_GROUP = 10
"""Figures about fewer than this many can tell of one person: then the notice is owed for figures too."""


@dataclass(frozen=True, slots=True)
class Why:
    """One purpose; the basis that the recipient recorded, and those of the houses that give."""

    purpose: Purpose
    recipient: LawfulBasis | None
    sources: Mapping[PartyId, LawfulBasis]


@dataclass(frozen=True, slots=True)
class Notice:
    """The notice of one recipient under one agreement. `is_owed`: what it gets can be data of one person."""

    stands: StandingAt
    recipient: PartyId
    role: ControllerRole
    agreement: Agreed
    is_owed: bool
    why: tuple[Why, ...]


WHEN: tuple[Text, ...] = (
    Text(
        "Vertel dit binnen een maand nadat u gegevens kreeg, of eerder: bij het eerste bericht aan de persoon, of "
        "voordat u gegevens aan een ander geeft (artikel 14 lid 3).",
        "Tell this within a month after you got data, or earlier: with the first message to the person, or before "
        "you give data to somebody else (article 14(3)).",
    ),
    Text(
        "De gegevens komen van de huizen die hier genoemd staan, niet uit openbare bronnen.",
        "The data come from the houses named here, not from public sources.",
    ),
    Text(
        "Over personen wordt niets automatisch besloten (artikel 22).",
        "Nothing is decided about persons automatically (article 22).",
    ),
    Text(
        "Als de afspraak eindigt, krijgt u geen gegevens meer en wist u wat u kreeg.",
        "When the agreement ends, you get no more data, and erase what you got.",
    ),
)

MISSING: tuple[Text, ...] = (
    Text(
        "uw naam, adres en contact, en dat van uw functionaris voor gegevensbescherming",
        "your name, address and contact, and those of your data protection officer",
    ),
    Text("hoe lang u bewaart wat u kreeg", "how long you keep what you got"),
    Text(
        "of u gegevens doorgeeft buiten de EU, en met welke waarborg",
        "whether you transfer data outside the EU, and with which safeguard",
    ),
)
"""What article 14 asks and the ledger does not hold."""


def wanted(state: State, agreement: AgreementId) -> frozenset[int]:
    """The positions of the entries from which `notice` is made; none for an agreement that never stood."""
    found = state.agreements.get(agreement)
    return needed(found) if found is not None and found.is_accepted else frozenset()


def notice(
    state: State,
    entries: Mapping[int, Entry],
    stands: StandingAt,
    agreement: AgreementId,
    recipient: PartyId,
) -> Notice | None:
    """The notice; None when nobody agreed on it, or this organisation gets nothing under it."""
    found = state.agreements.get(agreement)
    if found is None or not found.is_accepted or recipient not in found.recipients:
        return None
    sources = sorted(found.sources - {recipient})
    return Notice(
        stands=stands,
        recipient=recipient,
        role=found.roles[recipient],
        agreement=agreed(found, entries, stands.at),
        is_owed=found.granularity in {Granularity.PSEUDONYMOUS, Granularity.REFERENCE}
        or found.minimum_group < USUAL_GROUP,
        why=tuple(
            Why(
                purpose,
                _basis(state, recipient, purpose),
                {party: basis for party in sources if (basis := _basis(state, party, purpose)) is not None},
            )
            for purpose in sorted(found.purposes)
        ),
    )


def _basis(state: State, party: PartyId, purpose: Purpose) -> LawfulBasis | None:
    known = state.bases.get((party, purpose))
    return None if known is None else known.basis
