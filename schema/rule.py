"""
What a coordinate asks of a token: alternatives of scopes, and what follows from them.

A rule is an OR of ANDs. `OPEN_RULE` is the rule whose only alternative asks nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from consent_ledger.vocabulary import Scope

Granted = frozenset[Scope]
"""The scopes a caller holds at this request."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Alternatives of scopes: a token that holds every scope of one alternative meets the rule."""

    alternatives: frozenset[Granted]

    @property
    def is_open(self) -> bool:
        return frozenset[Scope]() in self.alternatives

    def met_by(self, granted: Granted) -> bool:
        return any(alternative <= granted for alternative in self.alternatives)

    def covers(self, other: Rule) -> bool:
        """Whether every token that meets this rule also meets `other`."""
        return all(other.met_by(alternative) for alternative in self.alternatives)

    def missing(self, granted: Granted) -> tuple[Scope, ...]:
        """The fewest scopes that would have to be added to `granted`; empty when the rule is met."""
        lacks = [tuple(sorted(alternative - granted)) for alternative in self.alternatives]
        return min(lacks, key=lambda lack: (len(lack), lack))

    def listed(self) -> list[list[str]]:
        """The alternatives in a fixed order, as they stand in SDL and in errors."""
        return sorted([scope.value for scope in sorted(alternative)] for alternative in self.alternatives)

    def phrase(self) -> str:
        """`a` and `b`, or `c`: the alternatives as words."""
        return ", or ".join(" and ".join(f"`{scope}`" for scope in row) for row in self.listed())


def rule_of(alternatives: Iterable[Iterable[Scope]]) -> Rule:
    return Rule(frozenset(frozenset(alternative) for alternative in alternatives))


OPEN_RULE = rule_of([[]])
