"""
Criteria: which part of an audience is meant.

The period is not here: it stands in the permit, and counts by the performance's day in the house's own
zone. Productions, postcode areas and provinces choose lines; first-time and segments choose persons,
and so leave unidentified lines out, except that segment B0 is just those.
"""

from __future__ import annotations

from dataclasses import dataclass

from consent_ledger.vocabulary import FieldGroup, ProductionRef
from insight.contexts import places
from insight.rules import ci_seg


class CriteriaRefused(ValueError):
    """A criterion names something that does not exist. Carries `code` and a sentence without the value."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Criteria:
    """None does not narrow; an empty set matches nothing. What is named together must hold together."""

    productions: frozenset[ProductionRef] | None = None
    pc4: frozenset[str] | None = None
    provinces: frozenset[str] | None = None
    first_time: bool | None = None
    segments: frozenset[str] | None = None

    def __post_init__(self) -> None:
        if any(not (len(pc4) == 4 and pc4.isascii() and pc4.isdigit()) for pc4 in self.pc4 or ()):
            raise CriteriaRefused("UNKNOWN_PC4", "A postcode area is four digits, such as 1011.")
        if self.provinces and not self.provinces <= set(
            places().provinces
        ):  # the map is read when it is asked
            known = ", ".join(places().provinces)
            raise CriteriaRefused("UNKNOWN_PROVINCE", f"A province is one of {known}.")
        if self.segments and not self.segments <= {segment.id for segment in ci_seg().behaviour}:
            known = ", ".join(segment.id for segment in ci_seg().behaviour)
            raise CriteriaRefused("UNKNOWN_SEGMENT", f"A segment is one of {known}.")

    @property
    def groups(self) -> frozenset[FieldGroup]:
        """The field groups that these criteria read: filtering by a group tells what the group holds."""
        found = {FieldGroup.BASE}
        if self.pc4 is not None or self.provinces is not None:
            found.add(FieldGroup.PLACE)
        if self.segments is not None:
            found.add(FieldGroup.SEGMENT)
        return frozenset(found)

    @property
    def are_open(self) -> bool:
        """Whether nothing is narrowed."""
        return self == EVERYBODY


EVERYBODY = Criteria()
