"""The documents as Markdown, in Dutch (B1) or English: the same document, the same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from consent_ledger.accounting import notice as notices
from consent_ledger.accounting import record as records
from consent_ledger.accounting.breach import CAUTION, Breach, Left
from consent_ledger.accounting.essence import Essence
from consent_ledger.accounting.notice import WHEN, Notice
from consent_ledger.accounting.record import Record
from consent_ledger.accounting.sheet import Sheet
from consent_ledger.accounting.words import (
    BASES,
    BUCKETS,
    GRANULARITIES,
    GROUPS,
    IDENTITY,
    PURPOSES,
    RIGHTS,
    SUBJECTS,
)
from consent_ledger.reasons import Text

MOST_RUNS = 200
"""Runs of positions that one row of a table names; beyond, the query gives them."""


@dataclass(frozen=True, slots=True)
class Writer(Sheet):
    """Writes each document whole, in the language of the sheet."""

    def record(self, document: Record) -> str:
        """The record of processing activities of one controller."""
        who = self._party(document.controller)
        parts = [
            *self._head(
                Text(f"Verwerkingsregister van {who}", f"Record of processing activities of {who}"),
                Text("AVG, artikel 30", "GDPR, article 30"),
                document.stands,
            )
        ]
        if not document.is_member:
            parts.append(
                self(Text("Dit huis doet niet meer mee.", "This house no longer takes part in the platform."))
            )
        parts += [
            self._title("Doelen", "Purposes"),
            self._table(
                (
                    Text("doel", "purpose"),
                    Text("grondslag", "lawful basis"),
                    Text("sinds", "since"),
                    Text("bezoekers verteld sinds", "visitors told since"),
                    Text("DPIA (SHA-256)", "DPIA (SHA-256)"),
                    Text("positie", "position"),
                ),
                [
                    (
                        f"{self(PURPOSES[one.purpose])} (`{one.purpose}`, {one.version})",
                        self(BASES[one.basis]),
                        one.since.isoformat(),
                        self._or_none(one.told_since),
                        f"`{one.dpia_sha256}`"
                        if one.dpia_sha256
                        else self(Text("**ontbreekt**", "**missing**"))
                        if one.needs_dpia
                        else "–",
                        str(one.position),
                    )
                    for one in document.activities
                ],
            ),
            self._title("Van wie, en welke gegevens", "Whose data, and which"),
            self._list(map(self, SUBJECTS)),
        ]
        if document.has_data:
            parts += [
                self(Text("Hun gegevens:", "Their data:")),
                self._list([self(IDENTITY), *(self(text) for text in GROUPS.values())]),
            ]
        else:
            parts.append(
                self(Text("Dit huis bracht nog niets in.", "This house has brought nothing in yet."))
            )
        parts += [
            self._title("Wie krijgt gegevens", "Who receives data"),
            self._agreements(document.given),
            self._title("Van wie het huis gegevens krijgt", "From whom the house receives data"),
            self._agreements(document.received),
            self._title("Samen verantwoordelijk", "Joint control"),
            self._parties(document.joint_with),
            self._title("Verwerker", "Processor"),
            self._parties(document.processors),
            self._title("Hoe lang", "How long"),
            self._list(map(self, document.retention)),
            self._title("Beveiliging", "Security"),
            self._list(map(self, document.measures)),
            *self._missing(records.MISSING),
        ]
        return self._whole(parts)

    def essence(self, document: Essence) -> str:
        """What visitors are told of the houses that decide together."""
        nobody = Text("Er doet nu geen huis mee.", "No house takes part now.")
        parts = [
            *self._head(
                Text("Wie samen verantwoordelijk is voor de pool", "Who is jointly responsible for the pool"),
                Text("AVG, artikel 26", "GDPR, article 26"),
                document.stands,
            ),
            self._title("Waarvoor", "What for"),
            self._list(map(self._purpose, document.purposes)),
            self._title("Welke gegevens", "Which data"),
            self._list([self(GROUPS[group]) for group in document.groups]),
            self._list([self(GRANULARITIES[one]) for one in document.granularities]),
            self._title("Hoe het verdeeld is", "How it is divided"),
            self._list(map(self, document.division)),
            self._title("Uw rechten, bij elk van deze huizen", "Your rights, at each of these houses"),
            self._list(map(self, RIGHTS)),
            self._title("Welke huizen", "Which houses"),
            self._table(
                (Text("huis", "house"), Text("sinds", "since"), Text("afspraak", "agreement")),
                [
                    (self._party(one.party), one.since.isoformat(), f"`{one.agreement}`")
                    for one in document.members
                ],
            )
            if document.members
            else self(nobody),
            self._title("Verwerker", "Processor"),
            self._parties(document.processors),
        ]
        return self._whole(parts)

    def notice(self, document: Notice) -> str:
        """What a recipient tells the persons concerned."""
        who, under = self._party(document.recipient), document.agreement
        owed = Text(
            "Wat u krijgt, kan over één persoon gaan: u bent deze uitleg verplicht.",
            "What you receive can be about one person: you owe this notice.",
        )
        not_owed = Text(
            "U krijgt alleen cijfers over groepen. Kan niemand erin gevonden worden, dan bent u deze uitleg niet "
            "verplicht; geven mag altijd.",
            "You receive figures on groups alone. If nobody can be found in them you do not owe this notice; it can "
            "always be given.",
        )
        parts = [
            *self._head(
                Text(
                    f"Wat {who} vertelt aan wie het gegevens van kreeg",
                    f"What {who} tells those whose data it got",
                ),
                Text("AVG, artikel 14", "GDPR, article 14"),
                document.stands,
            ),
            self(owed if document.is_owed else not_owed),
            self._title("Waar de gegevens vandaan komen", "Where the data come from"),
            self._parties(under.sources),
            self._title("Welke gegevens", "Which data"),
            self._list([self(GROUPS[group]) for group in under.groups]),
            self._title("Waarvoor, en op welke grondslag", "What for, and on which basis"),
            self._table(
                (
                    Text("doel", "purpose"),
                    Text("grondslag van de ontvanger", "basis of the recipient"),
                    Text("grondslag van wie geeft", "basis of who gives"),
                ),
                [
                    (
                        self._purpose(one.purpose),
                        self._basis(one.recipient),
                        "; ".join(
                            f"{self._party(party)}: {self(BASES[basis])}"
                            for party, basis in sorted(one.sources.items())
                        )
                        or self._or_none(None),
                    )
                    for one in document.why
                ],
            ),
            self._title("De afspraak", "The agreement"),
            self._agreements((under,)),
            self._title("Wanneer, en wat erbij hoort", "When, and what goes with it"),
            self._list(map(self, WHEN)),
            self._title("Rechten van wie het betreft", "Rights of the persons concerned"),
            self._list(map(self, RIGHTS)),
            *self._missing(notices.MISSING),
        ]
        return self._whole(parts)

    def breach(self, document: Breach) -> str:
        """What may have come out, and who tells whom."""
        asked = document.asked
        of = [
            f"{self(said)} `{value}`"
            for said, value in (
                (Text("toepassing", "application"), asked.client),
                (Text("ontvanger", "recipient"), asked.recipient),
                (Text("huis", "house"), asked.controller),
            )
            if value is not None
        ]
        window = f"{_moment(asked.since)} – {_moment(asked.until)}"
        parts = [
            *self._head(
                Text("Wat er uitgegaan kan zijn", "What may have come out"),
                Text("AVG, artikelen 33 en 34", "GDPR, articles 33 and 34"),
                document.stands,
            ),
            f"{window}; {', '.join(of) or self(Text('alles', 'all'))}.",
            self(
                Text(
                    f"Zo vaak ging er iets van een huis naar een ander: {document.disclosures}.",
                    f"So often something of a house went to another: {document.disclosures}.",
                )
            ),
            self._table(
                (
                    Text("ontvanger", "recipient"),
                    Text("toepassing", "application"),
                    Text("van", "of"),
                    Text("gegevens", "data"),
                    Text("doel", "purpose"),
                    Text("hoe fijn", "how fine"),
                    Text("personen per keer, ten hoogste", "persons each time, at most"),
                    Text("afspraken", "agreements"),
                    Text("keer", "times"),
                    Text("posities", "positions"),
                ),
                [self._left(one) for one in document.left],
            )
            if document.left
            else "",
        ]
        if document.taken:
            parts += [
                self._title("Uit het register zelf meegenomen", "Taken from the ledger itself"),
                self(
                    Text(
                        "Regels van het register, zonder personen erin; bij een steekproef wat zij hadden gezegd.",
                        "Entries of the ledger, with no persons in them; of a sample what they had said.",
                    )
                ),
                self._list(
                    f"{one.position}: {self._party(one.recipient)}, `{one.client}`, {_moment(one.at)}"
                    for one in document.taken
                ),
            ]
        if document.reach:
            parts += [
                self._title("Wat geen spoor naliet", "What left no trace"),
                self._list(
                    f"`{one.client}` ({self._party(one.party)}): {' '.join(f'`{scope}`' for scope in one.scopes)}"
                    for one in document.reach
                ),
            ]
        parts += [
            self._title("Wie het aan wie vertelt", "Who tells whom"),
            self._table(
                (
                    Text("wie", "who"),
                    Text("aan", "whom"),
                    Text("wanneer", "when"),
                    Text("uiterlijk", "at the latest"),
                    Text("artikel", "article"),
                ),
                [
                    (
                        self(one.who_said)
                        + (f" ({', '.join(map(self._party, one.who))})" if one.who else ""),
                        self(one.whom),
                        self(one.when),
                        "–" if one.by is None else _moment(one.by),
                        one.article,
                    )
                    for one in document.duties
                ],
            )
            if document.duties
            else self(
                Text("Er is niets gevonden dat te melden is.", "Nothing was found that is to be reported.")
            ),
            self._title("Let op", "Mind"),
            self._list(map(self, CAUTION)),
        ]
        return self._whole(parts)

    def _left(self, one: Left) -> Sequence[str]:
        lot = one.lot
        return (
            self._party(lot.recipient),
            f"`{lot.client}`",
            ", ".join(map(self._party, lot.controllers)),
            "; ".join(self(GROUPS[group]) for group in lot.groups),
            "; ".join(map(self._purpose, lot.purposes)),
            self(GRANULARITIES[lot.granularity]),
            self(BUCKETS[one.persons]),
            ", ".join(f"`{name}`" for name in lot.agreements),
            str(len(one.positions)),
            self._runs(one.positions),
        )

    def _runs(self, positions: Sequence[int]) -> str:
        runs = list(_runs(positions))
        said = ", ".join(
            f"{start}" if start == stop else f"{start}–{stop}" for start, stop in runs[:MOST_RUNS]
        )
        return said if len(runs) <= MOST_RUNS else f"{said}, …"


def _runs(positions: Sequence[int]) -> Iterable[tuple[int, int]]:
    """Ascending positions as runs: first and last of each."""
    start = last = None
    for position in positions:
        if last is None or start is None:
            start = last = position
        elif position == last + 1:
            last = position
        else:
            yield start, last
            start = last = position
    if start is not None and last is not None:
        yield start, last


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
