"""The other parties of the sandbox: who receives, who audits, who keeps the rules. All invented."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from consent_ledger.vocabulary import PartyId, PartyKind
from seeds import seasons

TOURING_COMPANY: Final = PartyId("toneelgroep-de-overkant")
RESEARCH_BUREAU: Final = PartyId("bureau-publiekskijk")
FUNDER: Final = PartyId("fonds-podia-en-musea")
PASS_ISSUER: Final = PartyId("stadspas-noord")
AUDITOR: Final = PartyId("auditor-de-toetssteen")
STEWARD: Final = PartyId("steward-cultuurinzicht")
OPERATOR: Final = PartyId("operator-de-machinekamer")


@dataclass(frozen=True, slots=True)
class Partner:
    """A party that is no institution, as it stands in the register."""

    id: PartyId
    name: str
    kind: PartyKind
    registered_at: datetime
    invented: bool = True
    sandbox: bool = True


def partners() -> list[Partner]:
    """In the order in which they register, on the first day."""
    told = (
        (OPERATOR, "De Machinekamer (verzonnen)", PartyKind.OPERATOR),
        (STEWARD, "Beheer Cultuurinzicht (verzonnen)", PartyKind.STEWARD),
        (AUDITOR, "De Toetssteen (verzonnen)", PartyKind.AUDITOR),
        (TOURING_COMPANY, "Toneelgroep De Overkant (verzonnen)", PartyKind.PARTNER),
        (RESEARCH_BUREAU, "Bureau Publiekskijk (verzonnen)", PartyKind.PARTNER),
        (FUNDER, "Fonds Podia en Musea (verzonnen)", PartyKind.PARTNER),
        (PASS_ISSUER, "Stadspas Noord (verzonnen)", PartyKind.PARTNER),
    )
    return [
        Partner(ident, name, kind, seasons.OPENING + timedelta(hours=2, minutes=10 * order))
        for order, (ident, name, kind) in enumerate(told)
    ]
