"""
Every reason in words: what is the matter, who can change it, and how; in Dutch (B1) and English.

No sentence holds a value about anybody, and none tells whether another's data exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from consent_ledger.vocabulary import Reason


class Who(StrEnum):
    """Who can change it."""

    YOU = "you"
    YOUR_INSTITUTION = "your_institution"
    OTHER_INSTITUTION = "other_institution"
    STEWARD = "steward"
    VISITOR = "visitor"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Text:
    """The same sentence in both languages."""

    nl: str
    en: str


@dataclass(frozen=True, slots=True)
class Explained:
    """A reason in words, and its fix."""

    sentence: Text
    who: Who
    fix: Text


def _explain(nl: str, en: str, who: Who, fix_nl: str, fix_en: str) -> Explained:
    return Explained(Text(nl, en), who, Text(fix_nl, fix_en))


EXPLAINED: dict[Reason, Explained] = {
    Reason.CLIENT_SUSPENDED: _explain(
        "Deze toepassing heeft geen toegang meer.",
        "This application no longer has access.",
        Who.YOUR_INSTITUTION,
        "Vraag de beheerder van uw instelling om de toepassing weer toe te laten.",
        "Ask your institution's administrator to admit the application again.",
    ),
    Reason.ROLE_FORBIDS: _explain(
        "Een toepassing van deze soort mag dit nooit.",
        "An application of this kind may never do this.",
        Who.NOBODY,
        "Gebruik een toepassing die hiervoor is aangemeld.",
        "Use an application that is registered for it.",
    ),
    Reason.INSUFFICIENT_SCOPE: _explain(
        "De toegang van deze toepassing is hiervoor niet ruim genoeg.",
        "This application's access is not wide enough for this.",
        Who.YOUR_INSTITUTION,
        "Vraag een token met de genoemde toegang, of laat de beheerder die toekennen.",
        "Ask for a token with the scopes that are named, or have the administrator grant them.",
    ),
    Reason.NOT_MEMBER: _explain(
        "Een van beide partijen is geen deelnemer van het platform.",
        "One of both parties is not a member of the platform.",
        Who.STEWARD,
        "Neem contact op met het bestuur van het platform.",
        "Contact the steward of the platform.",
    ),
    Reason.DPIA_MISSING: _explain(
        "Voor dit doel is eerst een privacy-onderzoek (DPIA) nodig.",
        "This purpose first needs a data protection impact assessment.",
        Who.YOUR_INSTITUTION,
        "Leg het onderzoek vast bij de grondslag van dit doel.",
        "Record the assessment with the lawful basis of this purpose.",
    ),
    Reason.NO_AGREEMENT: _explain(
        "Er is geen afspraak die dit toestaat.",
        "There is no agreement that allows this.",
        Who.OTHER_INSTITUTION,
        "Stel een afspraak voor aan de andere instelling.",
        "Propose an agreement to the other institution.",
    ),
    Reason.AGREEMENT_ENDED: _explain(
        "De afspraak die dit toestond, is beëindigd.",
        "The agreement that allowed this has ended.",
        Who.OTHER_INSTITUTION,
        "Stel een nieuwe afspraak voor aan de andere instelling.",
        "Propose a new agreement to the other institution.",
    ),
    Reason.PURPOSE_NOT_COVERED: _explain(
        "Dit doel valt niet onder de afspraak, of de instelling heeft er geen grondslag of bericht voor.",
        "This purpose is not in the agreement, or the institution has no lawful basis or notice for it.",
        Who.OTHER_INSTITUTION,
        "Kies een doel dat is afgesproken, of stel een afspraak met dit doel voor.",
        "Choose a purpose that was agreed, or propose an agreement with this purpose.",
    ),
    Reason.FIELD_NOT_COVERED: _explain(
        "Deze gegevens vallen niet onder de afspraak.",
        "These fields are not in the agreement.",
        Who.OTHER_INSTITUTION,
        "Laat dit veld weg, of stel een afspraak met deze groep voor.",
        "Leave this field out, or propose an agreement with this group.",
    ),
    Reason.GRANULARITY_NOT_COVERED: _explain(
        "Zo fijn mogen de gegevens niet worden gedeeld.",
        "Data may not be shared this finely.",
        Who.OTHER_INSTITUTION,
        "Vraag een grover overzicht.",
        "Ask for a coarser view.",
    ),
    Reason.CONSENT_UNKNOWN: _explain(
        "Deze bezoeker is nooit om toestemming gevraagd.",
        "This visitor was never asked for consent.",
        Who.VISITOR,
        "Vraag de bezoeker om toestemming.",
        "Ask the visitor for consent.",
    ),
    Reason.CONSENT_REFUSED: _explain(
        "Deze bezoeker heeft toestemming geweigerd.",
        "This visitor refused consent.",
        Who.VISITOR,
        "Alleen de bezoeker kan dit veranderen.",
        "Only the visitor can change this.",
    ),
    Reason.CONSENT_WITHDRAWN: _explain(
        "Deze bezoeker heeft de toestemming ingetrokken.",
        "This visitor withdrew consent.",
        Who.VISITOR,
        "Alleen de bezoeker kan dit veranderen.",
        "Only the visitor can change this.",
    ),
    Reason.CONSENT_EXPIRED: _explain(
        "De toestemming van deze bezoeker is verlopen.",
        "This visitor's consent has expired.",
        Who.VISITOR,
        "Vraag de bezoeker of de toestemming verlengd mag worden.",
        "Ask the visitor whether the consent may be renewed.",
    ),
    Reason.OBJECTION: _explain(
        "Deze bezoeker heeft bezwaar gemaakt.",
        "This visitor objected.",
        Who.VISITOR,
        "Alleen de bezoeker kan dit veranderen.",
        "Only the visitor can change this.",
    ),
    Reason.RESTRICTED: _explain(
        "De gegevens van deze bezoeker zijn bevroren.",
        "This visitor's data are frozen.",
        Who.VISITOR,
        "Wacht tot de beperking is opgeheven.",
        "Wait until the restriction is lifted.",
    ),
    Reason.ERASED: _explain(
        "Deze gegevens zijn gewist.",
        "These data were erased.",
        Who.NOBODY,
        "Dit kan niet worden teruggedraaid.",
        "This cannot be undone.",
    ),
    Reason.GUARDIAN_NEEDED: _explain(
        "Voor iemand onder de 16 beslist een ouder of voogd.",
        "For somebody under 16 a parent or guardian decides.",
        Who.VISITOR,
        "Vraag de ouder of voogd.",
        "Ask the parent or guardian.",
    ),
    Reason.BELOW_K: _explain(
        "De groep is te klein om te laten zien zonder mensen herkenbaar te maken.",
        "The group is too small to show without making people recognisable.",
        Who.YOU,
        "Neem een langere periode of minder criteria.",
        "Take a longer period or fewer criteria.",
    ),
    Reason.BELOW_DENOMINATOR: _explain(
        "Er zijn te weinig bezoeken om een betrouwbaar deel te geven.",
        "There are too few visits for a share that can be trusted.",
        Who.YOU,
        "Neem een langere periode of minder criteria.",
        "Take a longer period or fewer criteria.",
    ),
    Reason.TOO_FEW_PEERS: _explain(
        "Er zijn te weinig vergelijkbare instellingen.",
        "There are too few comparable institutions.",
        Who.YOU,
        "Kies ruimere criteria.",
        "Choose wider criteria.",
    ),
    Reason.DOMINANCE: _explain(
        "Eén instelling zou te veel van dit cijfer bepalen.",
        "One institution would make up too much of this figure.",
        Who.YOU,
        "Kies ruimere criteria.",
        "Choose wider criteria.",
    ),
    Reason.COMPLEMENTARY: _explain(
        "Met dit cijfer zou een verborgen cijfer uit te rekenen zijn.",
        "With this figure a hidden one could be calculated.",
        Who.YOU,
        "Vraag een grovere indeling.",
        "Ask for a coarser breakdown.",
    ),
    Reason.BUDGET_SPENT: _explain(
        "De jaarlijkse ruimte voor veilige cijfers is op.",
        "The yearly room for safe figures is spent.",
        Who.STEWARD,
        "Wacht op het volgende jaar.",
        "Wait for the next year.",
    ),
    Reason.NOT_RECIPROCAL: _explain(
        "U ziet dit als u het zelf ook deelt.",
        "You see this when you share it too.",
        Who.YOUR_INSTITUTION,
        "Deel dezelfde gegevens.",
        "Share the same data.",
    ),
    Reason.HISTORY_TOO_SHORT: _explain(
        "De bekende geschiedenis is hiervoor te kort.",
        "The known history is too short for this.",
        Who.YOUR_INSTITUTION,
        "Lever eerdere seizoenen aan.",
        "Bring in earlier seasons.",
    ),
    Reason.DEFINITION_MISMATCH: _explain(
        "Cijfers met verschillende definities zijn niet te vergelijken.",
        "Figures with different definitions cannot be compared.",
        Who.YOU,
        "Kies twee cijfers met dezelfde definitie.",
        "Choose two figures with the same definition.",
    ),
    Reason.NO_SAFE_PEER_GROUP_NEAR_CRITERIA: _explain(
        "Er is geen veilige groep die op deze criteria lijkt.",
        "No safe group resembles these criteria.",
        Who.YOU,
        "Kies ruimere criteria.",
        "Choose wider criteria.",
    ),
    Reason.COMBINATION_NOT_OFFERED: _explain(
        "Deze combinatie wordt niet gegeven.",
        "This combination is not offered.",
        Who.YOU,
        "Laat een van de criteria weg.",
        "Leave one of the criteria out.",
    ),
    Reason.STATISTIC_NOT_OFFERED: _explain(
        "Dit cijfer wordt niet gegeven.",
        "This statistic is not offered.",
        Who.YOU,
        "Kies een van de cijfers in de lijst met definities.",
        "Choose one of the figures in the list of definitions.",
    ),
    Reason.PERIOD_FINER_THAN_PUBLISHED: _explain(
        "Zo fijn is deze periode niet gepubliceerd.",
        "This period was not published so finely.",
        Who.YOU,
        "Vraag hele maanden of een heel kwartaal.",
        "Ask for whole months or a whole quarter.",
    ),
    Reason.MARGIN_TOO_WIDE: _explain(
        "De onzekerheid is te groot om een cijfer te geven.",
        "The uncertainty is too great to give a figure.",
        Who.YOU,
        "Neem een langere periode.",
        "Take a longer period.",
    ),
    Reason.NOT_YET_PUBLISHED: _explain(
        "Over deze periode is nog niets gepubliceerd.",
        "Nothing has been published about this period yet.",
        Who.STEWARD,
        "Wacht op de volgende maandelijkse publicatie.",
        "Wait for the next monthly release.",
    ),
    Reason.NO_CONSENT: _explain(
        "Hiervoor is geen toestemming gegeven.",
        "No consent was given for this.",
        Who.VISITOR,
        "Vraag toestemming.",
        "Ask for consent.",
    ),
}
