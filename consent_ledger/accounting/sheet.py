"""A sheet of Markdown in one language: sentences, tables, lists, and the words that several documents share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from consent_ledger.accounting.standing_at import Agreed, StandingAt
from consent_ledger.accounting.words import (
    BASES,
    GRANULARITIES,
    GROUPS,
    PACKAGES,
    PURPOSES,
    STATUSES,
)
from consent_ledger.reasons import Text
from consent_ledger.vocabulary import FieldGroup, LawfulBasis, PartyId, Purpose

_MEANT = re.compile(r"([\\`*_\[\]<>|~&])")


@dataclass(frozen=True, slots=True)
class Sheet:
    """
    Writes in one language; `names` are those of the public register, by id.

    Names are set beside ids, never in their place: a name is not in the ledger.
    """

    dutch: bool
    names: Mapping[PartyId, str] = field(default_factory=dict)

    def __call__(self, text: Text) -> str:
        """The sentence in this writer's language."""
        return text.nl if self.dutch else text.en

    def _agreements(self, agreements: Sequence[Agreed]) -> str:
        if not agreements:
            return self(Text("Niemand.", "Nobody."))
        columns = (
            Text("van", "from"),
            Text("aan", "to"),
            Text("soort", "kind"),
            Text("doel", "purpose"),
            Text("gegevens", "data"),
            Text("hoe fijn", "how fine"),
            Text("kleinste groep", "minimum group"),
            Text("voorstellingen", "performances"),
            Text("stand", "status"),
            Text("afspraak", "agreement"),
        )
        return self._table(columns, [self._agreement(one) for one in agreements])

    def _agreement(self, one: Agreed) -> Sequence[str]:
        shows = (
            Text("alle", "all")
            if one.productions is None
            else _counted(one.productions, Text("productie", "production"), Text("producties", "productions"))
        )
        start, end = self._or_none(one.period_start), self._or_none(one.period_end)
        days = "" if one.period_start is None and one.period_end is None else f", {start} – {end}"
        holds = (
            f"{self(STATUSES[one.status])}, {one.since.isoformat()} – {self._or_none(one.over or one.until)}"
        )
        onward = Text("; mag door naar anderen", "; may be passed on") if one.onward else Text("", "")
        return (
            ", ".join(map(self._party, one.sources)),
            ", ".join(map(self._party, one.recipients)),
            self(PACKAGES[one.package]),
            "; ".join(map(self._purpose, one.purposes)),
            self._groups(one.groups),
            self(GRANULARITIES[one.granularity]) + self(onward),
            str(one.minimum_group),
            self(shows) + days,
            holds,
            f"`{one.id}` ({', '.join(map(str, one.positions))})",
        )

    def _groups(self, groups: Iterable[FieldGroup]) -> str:
        return "; ".join(self(GROUPS[group]) for group in groups)

    def _purpose(self, purpose: Purpose) -> str:
        return f"{self(PURPOSES[purpose])} (`{purpose}`)"

    def _basis(self, basis: LawfulBasis | None) -> str:
        return (
            self(BASES[basis])
            if basis is not None
            else self(Text("niet vastgelegd: vul aan", "not recorded: add it"))
        )

    def _party(self, party: PartyId) -> str:
        name = self.names.get(party)
        return f"`{party}`" if name is None else f"{_plain(name)} (`{party}`)"

    def _parties(self, parties: Sequence[PartyId]) -> str:
        return self._list(map(self._party, parties)) if parties else self(Text("Niemand.", "Nobody."))

    def _or_none(self, day: date | None) -> str:
        return "–" if day is None else day.isoformat()

    def _head(self, title: Text, law: Text, stands: StandingAt) -> Sequence[str]:
        rests = Text(
            f"{law.nl}. Gemaakt uit het register `{stands.origin}` met {stands.size} regels, wortel `{stands.root}`, "
            f"zoals het geldt op {stands.day.isoformat()}.",
            f"{law.en}. Made from the ledger `{stands.origin}` of {stands.size} entries, root `{stands.root}`, "
            f"as it holds on {stands.day.isoformat()}.",
        )
        return (f"# {self(title)}", self(rests))

    def _missing(self, texts: Sequence[Text]) -> Sequence[str]:
        return (
            self._title("Wat u zelf aanvult", "What you add yourself"),
            self._list(map(self, texts)),
        )

    def _title(self, dutch: str, english: str) -> str:
        return f"## {dutch if self.dutch else english}"

    def _table(self, columns: Sequence[Text], rows: Sequence[Sequence[str]]) -> str:
        if not rows:
            return self(Text("Niets.", "Nothing."))
        lines = [map(self, columns), ["---"] * len(columns), *rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)

    @staticmethod
    def _list(items: Iterable[str]) -> str:
        return "\n".join(f"- {item}" for item in items)

    @staticmethod
    def _whole(parts: Iterable[str]) -> str:
        return "\n\n".join(part for part in parts if part) + "\n"


def _counted(number: int, one: Text, more: Text) -> Text:
    word = one if number == 1 else more
    return Text(f"{number} {word.nl}", f"{number} {word.en}")


def _plain(name: str) -> str:
    """A name as text: nothing in it means anything to Markdown."""
    return _MEANT.sub(r"\\\1", " ".join(name.split()))
