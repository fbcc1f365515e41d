"""Audiences: who came, how often, from where; of the own house, or of another under an agreement."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType

from consent_ledger.permit import Period, Permit, Read, Refusal, decide
from consent_ledger.question import Question, audience_question
from consent_ledger.vocabulary import AgreementId, FieldGroup, PartyId, Position, Purpose
from insight.audiences import measure, subjects
from insight.criteria import Criteria
from insight.definitions import definition_of
from insight.figures import Released, ReleasedAudience, Withheld, release_audience
from resolvers.gate import Inquiry


@dataclass(frozen=True, slots=True)
class AudienceAsked:
    """Whose audience, why, when, which part, and which figures of it."""

    controller: PartyId
    purpose: Purpose
    period: Period | None
    criteria: Criteria
    figures: frozenset[str]


def audience(ask: Inquiry, asked: AudienceAsked) -> ReleasedAudience | Refusal:
    """
    The figures that were asked; each of them a value, or why it is withheld.

    Every field group asks for its own permit, so that what is refused is never read; all of them rest
    on one agreement, the one that covers most of what was asked. A refusal of the whole comes when the
    audience's base is refused, or the criteria read a group that is.
    """
    wanted = frozenset(definition_of(name).group for name in asked.figures) | asked.criteria.groups
    agreement = _agreement(ask, asked, wanted)
    base = ask.ask(_question(ask, asked, asked.criteria.groups, agreement))
    if isinstance(base, Refusal):
        return base
    figures: dict[str, Released] = {}
    for group, names in _by_group(asked.figures):
        permit = ask.ask(_question(ask, asked, asked.criteria.groups | {group}, agreement))
        if isinstance(permit, Refusal):
            today = ask.house.today()
            figures |= {name: Withheld(permit.reason, definition_of(name), today) for name in names}
        else:
            figures |= _read(ask, asked, permit, names).figures
    return ReleasedAudience(
        asked.controller, Position(ask.snapshot.size), ask.house.today(), MappingProxyType(figures)
    )


def _agreement(ask: Inquiry, asked: AudienceAsked, groups: frozenset[FieldGroup]) -> AgreementId | None:
    """The agreement that the whole answer rests on: looked for once, with everything that was asked."""
    if asked.controller == ask.caller.party:
        return None
    found = decide(ask.snapshot, ask.caller, _question(ask, asked, groups, None))
    if isinstance(found, Permit):
        return found.agreement
    return found.agreements[0] if len(found.agreements) == 1 else None


def _question(
    ask: Inquiry, asked: AudienceAsked, groups: frozenset[FieldGroup], agreement: AgreementId | None
) -> Question[Read]:
    """
    The productions choose among agreements; the own house's permit is for all of them, because
    who came for the first time, and who belongs to which segment, is judged by the whole house.
    """
    is_own = asked.controller == ask.caller.party
    return audience_question(
        asked.controller,
        asked.purpose,
        groups,
        productions=None if is_own else asked.criteria.productions,
        period=asked.period,
        agreement=agreement,
    )


def _by_group(figures: frozenset[str]) -> Iterator[tuple[FieldGroup, frozenset[str]]]:
    """The figures by the field group that they tell about, in a fixed order."""
    for group in FieldGroup:
        names = frozenset(name for name in figures if definition_of(name).group is group)
        if names:
            yield group, names


def _read(
    ask: Inquiry, asked: AudienceAsked, permit: Permit[Read], names: frozenset[str]
) -> ReleasedAudience:
    """Read and release under one permit; another controller's persons are told to the inquiry."""
    today = ask.house.today()
    index = ask.house.indexes.of(permit, ask.connection)
    raw = measure(permit, index, asked.criteria, names, today=today)
    released = release_audience(permit, raw)
    if permit.agreement is not None:
        hidden = {found.reason for found in released.figures.values() if isinstance(found, Withheld)}
        if all(isinstance(found, Withheld) for found in released.figures.values()):
            ask.withheld(permit, hidden)
        else:
            persons = subjects(permit, index, asked.criteria, today=today)
            read = (asked.period, asked.criteria)
            ask.disclosed(permit, of=read, persons=persons, rows=raw.coverage.tickets)
    return released
