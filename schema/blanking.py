"""
Denied fields taken out of the document before it runs, and put back into the answer as null.

A denied field becomes a `__typename` under an alias that occurs nowhere else in the document, so stock
execution never calls its resolver, and afterwards every value under such an alias, and no other,
becomes null under the response key that was asked. (Its own response key would not do: in
`… on A { x: denied } … on B { x: allowed }` one could not tell A's type name from B's value.)
The order of the keys stays as asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    NameNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)

from schema.access import Access, Fragments

ResponsePath = tuple[str | int, ...]


@dataclass(slots=True)
class Nulled:
    """How often a coordinate nulled a value of the answer, and where first."""

    count: int = 0
    first: ResponsePath | None = None


@dataclass(frozen=True, slots=True)
class Blanked:
    """A document without the denied fields of one operation."""

    document: DocumentNode
    operation: OperationDefinitionNode
    fragments: Fragments
    aliases: Mapping[str, tuple[str, tuple[str, ...]]]
    """Each alias that was put in: the response key it stands for, and the coordinates that deny it."""

    def restore(self, data: dict[str, Any]) -> dict[str, Nulled]:
        """Null every blanked value of `data`, in place; how often and where, by coordinate."""
        nulled: dict[str, Nulled] = {}
        _Restoring(self, nulled).value(data, (self.operation.selection_set,), ())
        return nulled


def blank(operation: OperationDefinitionNode, fragments: Fragments, access: Access) -> Blanked:
    """
    The operation and its fragments without the fields that `access` denies.

    Untouched parts are shared with the original document, which stays as it was.
    """
    rewriting = _Rewriting(access.nodes, _prefix((operation, *fragments.values())))
    without = OperationDefinitionNode(
        operation=operation.operation,
        name=operation.name,
        variable_definitions=operation.variable_definitions,
        directives=operation.directives,
        selection_set=rewriting.selection_set(operation.selection_set),
        loc=operation.loc,
    )
    parts = {
        name: FragmentDefinitionNode(
            name=fragment.name,
            type_condition=fragment.type_condition,
            directives=fragment.directives,
            selection_set=rewriting.selection_set(fragment.selection_set),
            loc=fragment.loc,
        )
        for name, fragment in fragments.items()
    }
    document = DocumentNode(definitions=(without, *parts.values()))
    return Blanked(document, without, parts, rewriting.aliases)


@dataclass(slots=True)
class _Rewriting:
    denied: Mapping[int, tuple[str, ...]]
    prefix: str
    aliases: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    numbers: dict[tuple[str, tuple[str, ...]], str] = field(default_factory=dict)

    def selection_set(self, given: SelectionSetNode) -> SelectionSetNode:
        # Recursion is bounded by the parser's own cap on nesting.
        selections = tuple(self._selection(selection) for selection in given.selections)
        if all(new is old for new, old in zip(selections, given.selections, strict=True)):
            return given
        return SelectionSetNode(selections=selections, loc=given.loc)

    def _selection(self, given: SelectionNode) -> SelectionNode:
        if isinstance(given, FieldNode):
            return self._field(given)
        if isinstance(given, InlineFragmentNode):
            inner = self.selection_set(given.selection_set)
            if inner is not given.selection_set:
                return InlineFragmentNode(
                    type_condition=given.type_condition,
                    directives=given.directives,
                    selection_set=inner,
                    loc=given.loc,
                )
        return given

    def _field(self, given: FieldNode) -> FieldNode:
        coordinates = self.denied.get(id(given))
        if coordinates is not None:
            alias = NameNode(value=self._alias(_response_key(given), coordinates))
            return FieldNode(
                alias=alias,
                name=NameNode(value="__typename"),
                arguments=(),
                directives=given.directives,
                selection_set=None,
                loc=given.loc,
            )
        if given.selection_set is None:
            return given
        inner = self.selection_set(given.selection_set)
        if inner is given.selection_set:
            return given
        return FieldNode(
            alias=given.alias,
            name=given.name,
            arguments=given.arguments,
            directives=given.directives,
            selection_set=inner,
            loc=given.loc,
        )

    def _alias(self, key: str, coordinates: tuple[str, ...]) -> str:
        alias = self.numbers.setdefault((key, coordinates), f"{self.prefix}{len(self.numbers)}")
        self.aliases[alias] = (key, coordinates)
        return alias


@dataclass(slots=True)
class _Restoring:
    blanked: Blanked
    nulled: dict[str, Nulled]
    children: dict[tuple[int, ...], dict[str, tuple[SelectionSetNode, ...]]] = field(default_factory=dict)

    def value(self, value: Any, asked: tuple[SelectionSetNode, ...], path: ResponsePath) -> None:
        """Walk only where selections lead, so that the content of a scalar is never touched."""
        if isinstance(value, list):
            for index, item in enumerate(value):
                self.value(item, asked, (*path, index))
        elif isinstance(value, dict):
            self._object(value, asked, path)

    def _object(self, value: dict[str, Any], asked: tuple[SelectionSetNode, ...], path: ResponsePath) -> None:
        inner = self._inner(asked)
        items = list(value.items())
        value.clear()
        for key, item in items:
            if key in self.blanked.aliases:
                asked_key, coordinates = self.blanked.aliases[key]
                value[asked_key] = None
                for coordinate in coordinates:
                    self._count(coordinate, (*path, asked_key))
            elif key not in value:
                value[key] = item
                if key in inner:
                    self.value(item, inner[key], (*path, key))

    def _count(self, coordinate: str, path: ResponsePath) -> None:
        seen = self.nulled.setdefault(coordinate, Nulled())
        seen.count += 1
        seen.first = seen.first or path

    def _inner(self, asked: tuple[SelectionSetNode, ...]) -> dict[str, tuple[SelectionSetNode, ...]]:
        """The selection sets beneath each response key of these merged selection sets, worked out once."""
        known = tuple(id(selections) for selections in asked)
        if known not in self.children:
            inner: dict[str, tuple[SelectionSetNode, ...]] = {}
            for node in _fields(asked, self.blanked.fragments):
                if node.selection_set is not None:
                    key = _response_key(node)
                    inner[key] = (*inner.get(key, ()), node.selection_set)
            self.children[known] = inner
        return self.children[known]


def _fields(asked: Iterable[SelectionSetNode], fragments: Fragments) -> Iterator[FieldNode]:
    """The fields of one level, through inline fragments and spreads; each fragment once."""
    ahead = list(asked)
    spread: set[str] = set()
    while ahead:
        for selection in ahead.pop().selections:
            if isinstance(selection, FieldNode):
                yield selection
            elif isinstance(selection, InlineFragmentNode):
                ahead.append(selection.selection_set)
            elif isinstance(selection, FragmentSpreadNode) and selection.name.value not in spread:
                spread.add(selection.name.value)
                ahead.append(fragments[selection.name.value].selection_set)


def _response_key(node: FieldNode) -> str:
    return node.alias.value if node.alias else node.name.value


def _prefix(definitions: Iterable[OperationDefinitionNode | FragmentDefinitionNode]) -> str:
    """A beginning that no response key of these definitions has."""
    keys: list[str] = []
    ahead = [definition.selection_set for definition in definitions]
    while ahead:
        for selection in ahead.pop().selections:
            if isinstance(selection, FieldNode):
                keys.append(_response_key(selection))
            if isinstance(selection, FieldNode | InlineFragmentNode) and selection.selection_set:
                ahead.append(selection.selection_set)
    prefix = "_denied_"
    while any(key.startswith(prefix) for key in keys):
        prefix = f"_{prefix}"
    return prefix
