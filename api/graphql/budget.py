"""
What a document weighs, in one linear walk, before it is validated.

Each definition is read once; then fragments are added up in the order in which they depend on each
other, with sums that stop just above their bound. So sixty fragments that each spread the next one twice,
2^60 fields when spread out, cost sixty additions. (Strawberry's own alias and depth limiters walk every
spread again, which is exponential: never enable them.) Circular fragments are refused here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from api.errors import Code
from api.graphql.errors import RequestRefused, refuse
from api.graphql.limits import Limits
from schema.access import INTROSPECTION

Definition = OperationDefinitionNode | FragmentDefinitionNode

_SUMS = ("fields", "aliases", "directives", "introspections", "introspection_aliases")
_DEPTHS = ("depth", "introspection_depth", "introspection_lists", "nesting")

_LISTS = frozenset({"fields", "inputFields", "enumValues", "interfaces", "possibleTypes"})
"""The parts of `__Type` that are lists: as many values as the schema has, each time they are asked."""


@dataclass(frozen=True, slots=True)
class Weight:
    """What was measured; each sum stops one above its bound."""

    definitions: int
    operations: int
    fields: int
    aliases: int
    directives: int
    depth: int
    introspection_depth: int
    introspections: int
    introspection_aliases: int
    introspection_lists: int
    nesting: int
    root_fields: int
    overlaps: int
    steps: int
    """Nodes and spreads that were looked at: the work done here."""


@dataclass(slots=True)
class _Spread:
    """A place in a definition, or a spread at that place."""

    depth: int = 0
    nesting: int = 0
    lists: int = 0
    introspects: bool = False
    at_root: bool = False
    name: str = ""


@dataclass(slots=True)
class _Sum:
    """One definition: first by itself, then with its fragments spread out."""

    fields: int = 0
    aliases: int = 0
    directives: int = 0
    depth: int = 0
    introspection_depth: int = 0
    introspections: int = 0
    introspection_aliases: int = 0
    introspection_lists: int = 0
    nesting: int = 0
    root_fields: int = 0
    spreads: list[_Spread] = field(default_factory=list)

    def add(self, other: _Sum, spread: _Spread, limits: Limits) -> None:
        for name in _SUMS:
            total = getattr(self, name) + getattr(other, name)
            setattr(self, name, min(total, getattr(limits, name) + 1))
        if spread.introspects:
            deepest = max(other.depth, other.introspection_depth)
            self.introspection_depth = max(self.introspection_depth, spread.depth + deepest)
        else:
            self.depth = max(self.depth, spread.depth + other.depth)
            self.introspection_depth = max(self.introspection_depth, other.introspection_depth)
        self.introspection_lists = max(self.introspection_lists, spread.lists + other.introspection_lists)
        self.nesting = min(max(self.nesting, spread.nesting + other.nesting), limits.nesting + 1)
        if spread.at_root:
            self.root_fields = min(self.root_fields + other.root_fields, limits.root_fields + 1)


def weigh(document: DocumentNode, limits: Limits) -> Weight:
    """
    The weight of a parsed document.

    Raises `RequestRefused` with `DOCUMENT_TOO_COMPLEX` above a bound, and with `VALIDATION` for fragments
    that spread themselves.
    """
    definitions = [d for d in document.definitions if isinstance(d, Definition)]
    operations = [d for d in definitions if isinstance(d, OperationDefinitionNode)]
    _hold("definitions", len(document.definitions), limits.definitions)
    _hold("operations", len(operations), limits.operations)
    work = _Work()
    fragments: dict[str, FragmentDefinitionNode] = {}
    for definition in definitions:
        if isinstance(definition, FragmentDefinitionNode):
            fragments.setdefault(definition.name.value, definition)
    parts = {name: work.read(fragment) for name, fragment in fragments.items()}
    for name in _in_order(parts):
        work.spread_out(parts[name], parts, limits)
    total = _Sum()
    for operation in operations:
        part = work.read(operation)
        work.spread_out(part, parts, limits)
        total.add(part, _Spread(), limits)
        total.root_fields = max(total.root_fields, part.root_fields)
    for name in (*_SUMS, *_DEPTHS, "root_fields"):
        _hold(name, getattr(total, name), getattr(limits, name))
    # A fragment that nothing spreads is refused by validation, which reads it first: its size is held too.
    for part in parts.values():
        for name in (*_SUMS, "nesting"):
            _hold(name, getattr(part, name), getattr(limits, name))
    overlaps = _Overlaps(fragments, limits.overlaps)
    for definition in definitions:
        overlaps.count(definition)
    _hold("overlaps", overlaps.pairs, limits.overlaps)
    return Weight(
        definitions=len(document.definitions),
        operations=len(operations),
        fields=total.fields,
        aliases=total.aliases,
        directives=total.directives,
        depth=total.depth,
        introspection_depth=total.introspection_depth,
        introspections=total.introspections,
        introspection_aliases=total.introspection_aliases,
        introspection_lists=total.introspection_lists,
        nesting=total.nesting,
        root_fields=total.root_fields,
        overlaps=overlaps.pairs,
        steps=work.steps + overlaps.steps,
    )


_SAID = {
    "definitions": "{limit} operations and fragments",
    "operations": "{limit} operations",
    "fields": "{limit} fields, with fragments spread out",
    "aliases": "{limit} aliases, with fragments spread out",
    "directives": "{limit} directives, with fragments spread out",
    "depth": "{limit} levels of fields",
    "introspection_depth": "{limit} levels of introspection",
    "introspections": "{limit} introspections",
    "introspection_aliases": "{limit} aliases within introspection",
    "introspection_lists": "{limit} list of a type's parts within another",
    "nesting": "{limit} selection sets within each other",
    "root_fields": "{limit} fields at the root of an operation",
    "overlaps": "{limit} pairs of fields under the same response key",
}


def _hold(name: str, measured: int, limit: int) -> None:
    if measured > limit:
        raise too_complex(f"A document may have {_SAID[name].format(limit=limit)}; this one has more.")


def too_complex(sentence: str) -> RequestRefused:
    return refuse(Code.DOCUMENT_TOO_COMPLEX, sentence, "Ask for less in one request, or split it in several.")


def _in_order(parts: Mapping[str, _Sum]) -> Iterator[str]:
    """The fragments, each after those that it spreads. Refuses circles. Without recursion."""
    done: set[str] = set()
    for start in parts:
        open_: dict[str, Iterator[str]] = {}
        ahead = [start]
        while ahead:
            name = ahead[-1]
            if name in done or name not in parts:
                ahead.pop()
                continue
            below = open_.setdefault(name, iter({spread.name: None for spread in parts[name].spreads}))
            step = next((spread for spread in below if spread not in done), None)
            if step is None:
                done.add(name)
                ahead.pop()
                yield name
            elif step in open_:
                raise refuse(
                    Code.VALIDATION,
                    f"Fragment '{step}' spreads itself, directly or through others.",
                    "Take the circle out of the fragments.",
                )
            else:
                ahead.append(step)


@dataclass(slots=True)
class _Work:
    steps: int = 0

    def read(self, definition: Definition) -> _Sum:
        """One definition by itself."""
        found = _Sum(directives=len(definition.directives or ()), nesting=1)
        introspects = False
        if isinstance(definition, OperationDefinitionNode):
            found.directives += sum(len(v.directives or ()) for v in definition.variable_definitions or ())
        else:
            introspects = definition.type_condition.name.value.startswith("__")
        ahead = [(definition.selection_set, _Spread(nesting=1, introspects=introspects, at_root=True))]
        while ahead:
            selections, at = ahead.pop()
            found.nesting = max(found.nesting, at.nesting)
            for selection in selections.selections:
                self.steps += 1
                found.directives += len(selection.directives or ())
                if isinstance(selection, FieldNode):
                    inner = self._field(selection, at, found)
                    if selection.selection_set is not None:
                        ahead.append((selection.selection_set, inner))
                elif isinstance(selection, InlineFragmentNode):
                    ahead.append((selection.selection_set, replace(at, nesting=at.nesting + 1)))
                elif isinstance(selection, FragmentSpreadNode):
                    found.spreads.append(replace(at, name=selection.name.value))
        return found

    def _field(self, node: FieldNode, at: _Spread, found: _Sum) -> _Spread:
        is_root = node.name.value in INTROSPECTION
        introspects = at.introspects or is_root
        found.fields += 1
        found.root_fields += at.at_root
        found.introspections += is_root
        if node.alias is not None:
            found.aliases += 1
            found.introspection_aliases += introspects
        depth, lists = at.depth + 1, at.lists
        if introspects:
            lists += node.name.value in _LISTS
            found.introspection_depth = max(found.introspection_depth, depth)
            found.introspection_lists = max(found.introspection_lists, lists)
        else:
            found.depth = max(found.depth, depth)
        return _Spread(depth, at.nesting + 1, lists, introspects)

    def spread_out(self, part: _Sum, parts: Mapping[str, _Sum], limits: Limits) -> None:
        for spread in part.spreads:
            self.steps += 1
            if spread.name in parts:
                part.add(parts[spread.name], spread, limits)


@dataclass(slots=True)
class _Overlaps:
    """
    Pairs of fields that meet under one response key, as graphql-core's validation will compare them.

    Selection sets that merge are looked at together, each fragment once among them. Stops above the
    bound; below it, there are few fields to look at.
    """

    fragments: Mapping[str, FragmentDefinitionNode]
    bound: int
    pairs: int = 0
    steps: int = 0

    def count(self, definition: Definition) -> None:
        ahead: list[list[SelectionSetNode]] = [[definition.selection_set]]
        while ahead and self.pairs <= self.bound:
            for nodes in self._by_key(ahead.pop()).values():
                self.pairs += len(nodes) * (len(nodes) - 1) // 2
                below = [node.selection_set for node in nodes if node.selection_set is not None]
                if below:
                    ahead.append(below)
        self.pairs = min(self.pairs, self.bound + 1)

    def _by_key(self, selection_sets: list[SelectionSetNode]) -> dict[str, list[FieldNode]]:
        found: dict[str, list[FieldNode]] = {}
        spread: set[str] = set()
        while selection_sets:
            for selection in selection_sets.pop().selections:
                self.steps += 1
                if isinstance(selection, FieldNode):
                    key = selection.alias.value if selection.alias else selection.name.value
                    found.setdefault(key, []).append(selection)
                elif isinstance(selection, InlineFragmentNode):
                    selection_sets.append(selection.selection_set)
                elif isinstance(selection, FragmentSpreadNode):
                    name = selection.name.value
                    if name in self.fragments and name not in spread:
                        spread.add(name)
                        selection_sets.append(self.fragments[name].selection_set)
        return found
