"""
A mapping: how one kind of file tells tickets or visits. Data, saved under a name and a version.

Header texts change with language, event and user, so they are never the schema; the mapping is.
It is also the allow-list: a column that no field asks for is not read, only named in the report.
Shipped mappings lie beside this module as JSON. A shipped version never changes its meaning; a
change is a new version.

One field is told by its `sources`, in order; the first that gives a value wins:

    {"columns": ["Besteldatum", "Besteltijd"],   joined by a space; each must be filled
     "until": ":",                               only the text before this sign
     "spread": "order",                          an answer on one line of an order counts for all its lines
     "values": {"betaald": "sold"}}              words of the file → our words; without regard to case

and, beside them: `default` when no source gives one, `required` when its columns must be in the
file, `form` (`iso`, or a strptime form) and `repeated_hour` (`reject`, `first`) for instants.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping as Words
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from insight.intake import moments, ticket
from insight.intake.faults import Unreadable
from insight.intake.moments import RepeatedHour
from insight.intake.refusals import MappingRefused

NAME = re.compile(r"([a-z][a-z0-9-]{0,39})(?:@([1-9][0-9]{0,3}))?")
"""A mapping's name, or its label: `pretix-nl`, `pretix-nl@1`."""

_FIX = "Choose one of the mappings that `cultuurinzicht ingest --help` names, or correct this one."

TICKET_FIELDS = frozenset(ticket.SCHEMA)
VISIT_FIELDS = frozenset({"place", "day", "kind", "number", "revenue"})
_FIELDS = {"tickets": TICKET_FIELDS, "visits": VISIT_FIELDS}
_NEEDED = {
    "tickets": TICKET_FIELDS - ticket.NULLABLE - {"production_ref", "zone"},
    "visits": frozenset({"place", "day", "kind", "number"}),
}


@dataclass(frozen=True, slots=True)
class Source:
    """One place in the file where a field may stand."""

    columns: tuple[str, ...]
    values: Words[str, str] | None = None
    until: str | None = None
    is_spread: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """How one canonical field is told."""

    sources: tuple[Source, ...] = ()
    default: str | None = None
    is_required: bool = False
    form: str = moments.ISO
    repeated_hour: RepeatedHour = RepeatedHour.REJECT


@dataclass(frozen=True, slots=True)
class Mapping:
    """A checked mapping. `label` is what imports record: `name@version`."""

    name: str
    version: int
    unit: str
    zone: str
    decimal: str
    fields: Words[str, Field]

    @property
    def label(self) -> str:
        return f"{self.name}@{self.version}"

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that any field asks for: the allow-list."""
        return _columns(self.fields.values())

    @property
    def required(self) -> tuple[str, ...]:
        return _columns(told for told in self.fields.values() if told.is_required)


@cache
def shipped() -> Words[str, Mapping]:
    """The mappings that come with the house, by name."""
    folder = files("insight.intake").joinpath("mappings")
    found = [
        from_json(json.loads(one.read_bytes())) for one in folder.iterdir() if one.name.endswith(".json")
    ]
    return {mapping.name: mapping for mapping in sorted(found, key=lambda mapping: mapping.name)}


def named(name: str, unit: str) -> Mapping:
    """The shipped mapping `name` or `name@version` for this unit; raises `MappingRefused`."""
    told = NAME.fullmatch(name)
    mapping = shipped().get(told[1]) if told else None
    if told is None or mapping is None or (told[2] and int(told[2]) != mapping.version):
        known = ", ".join(one.label for one in shipped().values() if one.unit == unit)
        raise MappingRefused(
            "UNKNOWN_MAPPING", f"There is no such mapping; for {unit} there are: {known}.", _FIX
        )
    if mapping.unit != unit:
        raise MappingRefused("WRONG_MAPPING", f"{mapping.label} reads {mapping.unit}, not {unit}.", _FIX)
    return mapping


def from_json(told: Any) -> Mapping:
    """A mapping from its JSON; raises `MappingRefused` for anything that is not one."""
    _only(told, {"name", "version", "unit", "description", "zone", "decimal", "fields"})
    name, version, unit = told.get("name"), told.get("version"), told.get("unit")
    if not isinstance(name, str) or "@" in name or not NAME.fullmatch(name):
        raise _bad("its name is not of the form `pretix-nl`")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise _bad("its version is not a number from 1")
    if unit not in _FIELDS:
        raise _bad("its unit is neither `tickets` nor `visits`")
    if told.get("decimal") not in {",", "."}:
        raise _bad("its decimal mark is neither a comma nor a point")
    zone = told.get("zone")
    try:
        moments.zone(zone if isinstance(zone, str) else "")
    except Unreadable:
        raise _bad("its zone is not an IANA zone") from None
    given = told.get("fields")
    if not isinstance(given, dict) or given.keys() - _FIELDS[unit] or _NEEDED[unit] - given.keys():
        raise _bad(f"its fields are not those of {unit}, or one that is needed is not there")
    return Mapping(
        name=name,
        version=version,
        unit=unit,
        zone=str(zone),
        decimal=told["decimal"],
        fields={field: _field(one) for field, one in given.items()},
    )


def _field(told: Any) -> Field:
    _only(told, {"sources", "default", "required", "form", "repeated_hour"})
    sources = tuple(_source(one) for one in _list(told.get("sources", [])))
    default = told.get("default")
    if default is not None and not isinstance(default, str):
        raise _bad("a default is not text")
    if not sources and default is None:
        raise _bad("a field has neither a source nor a default")
    if told.get("repeated_hour", "reject") not in set(RepeatedHour):
        raise _bad("`repeated_hour` is neither `reject` nor `first`")
    return Field(
        sources=sources,
        default=default,
        is_required=told.get("required", False) is True,
        form=_text(told.get("form", moments.ISO)),
        repeated_hour=RepeatedHour(told.get("repeated_hour", "reject")),
    )


def _source(told: Any) -> Source:
    _only(told, {"columns", "values", "until", "spread"})
    columns = tuple(_text(one) for one in _list(told.get("columns")))
    values = told.get("values")
    if not columns or not (values is None or isinstance(values, dict)):
        raise _bad("a source has no columns, or its values are not pairs")
    if told.get("spread") not in {None, "order"}:
        raise _bad("`spread` is not `order`")
    until = told.get("until")
    return Source(
        columns=columns,
        values=None if values is None else {word.casefold(): _text(ours) for word, ours in values.items()},
        until=None if until is None else _text(until),
        is_spread=told.get("spread") == "order",
    )


def _columns(fields: Any) -> tuple[str, ...]:
    names = (name for told in fields for source in told.sources for name in source.columns)
    return tuple(dict.fromkeys(names))


def _only(told: Any, known: set[str]) -> None:
    if not isinstance(told, dict) or told.keys() - known:
        raise _bad("it holds something that a mapping does not know")


def _list(told: Any) -> list[Any]:
    if not isinstance(told, list):
        raise _bad("it has one thing where a list belongs")
    return told


def _text(told: Any) -> str:
    if not isinstance(told, str) or not told:
        raise _bad("it has no text where text belongs")
    return told


def _bad(why: str) -> MappingRefused:
    return MappingRefused("BAD_MAPPING", f"This is not a mapping: {why}.", _FIX)
