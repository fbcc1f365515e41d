"""The closed words of the house in sentences that people read: Dutch (B1) and English."""

from __future__ import annotations

from consent_ledger.entry import RowBucket
from consent_ledger.reasons import Text
from consent_ledger.vocabulary import FieldGroup, Granularity, LawfulBasis, Package, Purpose

PURPOSES: dict[Purpose, Text] = {
    Purpose.OWN_INSIGHT: Text(
        "weten wie er komt en hoe vaak, voor het eigen huis",
        "knowing who comes and how often, for the own house",
    ),
    Purpose.SECTOR_BENCHMARK: Text(
        "totalen van de sector, waarmee huizen zich vergelijken",
        "totals of the sector, with which houses compare themselves",
    ),
    Purpose.SEGMENTATION: Text(
        "bezoekers indelen in groepen; er wordt niets over iemand besloten",
        "sorting visitors into groups; nothing is decided about anybody",
    ),
    Purpose.AUDIENCE_OVERLAP: Text(
        "tellen hoeveel bezoekers huizen delen", "counting how many visitors houses have in common"
    ),
    Purpose.OWN_MARKETING: Text("berichten over het eigen programma", "messages about the own programme"),
    Purpose.PARTNER_MARKETING: Text(
        "berichten over het programma van een partner", "messages about a partner's programme"
    ),
    Purpose.PERSONAL_RECOMMENDATION: Text("persoonlijk advies", "personal recommendation"),
    Purpose.WEB_LINK: Text(
        "bezoek aan de website verbinden met kaartjes", "connecting visits to the website with tickets"
    ),
    Purpose.RESEARCH: Text("onderzoek zonder winstdoel", "non-commercial research"),
    Purpose.ACCOUNTABILITY: Text(
        "verantwoording aan wie het geld geeft en aan partners", "accounting to funders and partners"
    ),
    Purpose.OFFICIAL_STATISTICS: Text("officiële statistiek", "official statistics"),
    Purpose.SERVICE_MESSAGE: Text(
        "berichten over een geboekt bezoek", "messages about a visit that was booked"
    ),
    Purpose.TICKET_FULFILMENT: Text("leveren wat gekocht is", "delivering what was bought"),
}

GROUPS: dict[FieldGroup, Text] = {
    FieldGroup.BASE: Text(
        "wanneer en waarheen kaartjes gekocht zijn", "when and for what tickets were bought"
    ),
    FieldGroup.SPEND: Text("wat ervoor betaald is", "what was paid for them"),
    FieldGroup.PLACE: Text(
        "waar bezoekers vandaan komen, tot de vier cijfers van de postcode",
        "where visitors come from, down to the four digits of the postcode",
    ),
    FieldGroup.AGE: Text(
        "leeftijd in groepen, nooit de geboortedatum", "age in bands, never the date of birth"
    ),
    FieldGroup.BOOKING: Text(
        "hoe lang vooraf en met hoeveel mensen geboekt is",
        "how long before and for how many people was booked",
    ),
    FieldGroup.CHANNEL: Text("langs welke weg geboekt is", "through which channel was booked"),
    FieldGroup.SEGMENT: Text(
        "de groep waarin gedrag bezoekers plaatst", "the segment in which behaviour places visitors"
    ),
    FieldGroup.REFERENCE: Text(
        "de verwijzingen van het kaartsysteem van het huis zelf",
        "the references of the house's own ticketing system",
    ),
}

IDENTITY = Text(
    "het e-mailadres, verzegeld in een aparte kluis; in de cijfers staat alleen een willekeurig nummer",
    "the e-mail address, sealed in a separate vault; figures know a random number alone",
)

GRANULARITIES: dict[Granularity, Text] = {
    Granularity.STATISTIC: Text("losse totalen", "single totals"),
    Granularity.AGGREGATE: Text(
        "cijfers over groepen, nooit onder de kleinste groep",
        "figures on groups, never below the minimum group",
    ),
    Granularity.PSEUDONYMOUS: Text(
        "één regel per persoon, zonder naam", "one row per person, without a name"
    ),
    Granularity.REFERENCE: Text(
        "verwijzingen van het huis zelf, dat zelf mailt", "the house's own references; the house itself mails"
    ),
}

BASES: dict[LawfulBasis, Text] = {
    LawfulBasis.CONSENT: Text("toestemming (artikel 6 lid 1 onder a)", "consent (article 6(1)(a))"),
    LawfulBasis.CONTRACT: Text(
        "uitvoering van een overeenkomst (artikel 6 lid 1 onder b)",
        "performance of a contract (article 6(1)(b))",
    ),
    LawfulBasis.LEGAL_OBLIGATION: Text(
        "wettelijke plicht (artikel 6 lid 1 onder c)", "legal obligation (article 6(1)(c))"
    ),
    LawfulBasis.PUBLIC_TASK: Text(
        "taak van algemeen belang (artikel 6 lid 1 onder e)", "public task (article 6(1)(e))"
    ),
    LawfulBasis.LEGITIMATE_INTEREST: Text(
        "gerechtvaardigd belang (artikel 6 lid 1 onder f)", "legitimate interest (article 6(1)(f))"
    ),
}

PACKAGES: dict[Package, Text] = {
    Package.OWN_APP: Text("eigen toepassing", "own application"),
    Package.BENCHMARK_POOL: Text("pool voor sectorcijfers", "pool for sector figures"),
    Package.TOUR: Text("tournee", "tour"),
    Package.CITY_PASS: Text("stadspas", "city pass"),
    Package.RESEARCH: Text("onderzoek", "research"),
    Package.ACCOUNTABILITY: Text("verantwoording", "accountability"),
}

STATUSES: dict[str, Text] = {
    "proposed": Text("geldt nog niet", "does not hold yet"),
    "active": Text("geldt", "holds"),
    "ended": Text("beëindigd", "ended"),
    "refused": Text("geweigerd", "refused"),
    "expired": Text("afgelopen", "expired"),
}

BUCKETS: dict[RowBucket, Text] = {
    RowBucket.NONE: Text("niemand", "nobody"),
    RowBucket.TO_9: Text("1 tot 9", "1 to 9"),
    RowBucket.TO_99: Text("10 tot 99", "10 to 99"),
    RowBucket.TO_999: Text("100 tot 999", "100 to 999"),
    RowBucket.TO_9999: Text("1.000 tot 9.999", "1,000 to 9,999"),
    RowBucket.MORE: Text("10.000 of meer", "10,000 or more"),
}

SUBJECTS: tuple[Text, ...] = (
    Text("wie een kaartje kocht of reserveerde", "who bought or reserved a ticket"),
    Text("wie met een kaartje of pas binnenkwam", "who came in with a ticket or a pass"),
)

RIGHTS: tuple[Text, ...] = (
    Text("U mag weten wat er van u bewaard wordt, en krijgt een kopie (artikel 15).",
         "You may know what is kept of you, and get a copy (article 15)."),
    Text("U mag laten verbeteren wat niet klopt (artikel 16).", "You may have what is wrong put right (article 16)."),
    Text("U mag u laten wissen (artikel 17).", "You may have yourself erased (article 17)."),
    Text("U mag vragen uw gegevens een tijd met rust te laten (artikel 18).",
         "You may ask that your data be left alone for a time (article 18)."),
    Text("U mag uw gegevens meenemen (artikel 20).", "You may take your data along (article 20)."),
    Text("U mag bezwaar maken (artikel 21). Toestemming trekt u op elk moment in; dat kost u niets.",
         "You may object (article 21). You withdraw consent at any time; it costs you nothing."),
    Text("U krijgt antwoord binnen een maand (artikel 12). U kunt klagen bij de Autoriteit Persoonsgegevens.",
         "You get an answer within a month (article 12). You can complain to the Autoriteit Persoonsgegevens."),
)  # fmt: skip
"""What a visitor may ask of every controller, in the second person."""
