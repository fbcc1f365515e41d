"""
What one operation uses and what of it the caller's scopes deny, before anything runs.

`check` walks the chosen operation once, on the document and the coerced variables:

1. A selection that `@skip` or `@include` leaves out is not used.
2. A field uses its own coordinate, each argument that is given, and each input field and enum value
   in what is given, in literals, in variables and in the variables' defaults alike.
3. A field that uses a denied coordinate is denied; what stands beneath it is not reached.
4. A mutation with one denied coordinate is refused whole.
5. When nothing but type names would be left of what was selected, the operation is refused whole.

Each fragment is walked at most twice (reached, and beneath a denied field), so the work is linear in the
document plus the variables. Introspection and `__typename` ask no scope: whoever may ask at all may ask
them. `schema.blanking` takes the denied fields out of the document.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from graphql import (
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
    get_argument_values,
    get_named_type,
)
from graphql.execution.values import VariableValues
from graphql.type.directives import GraphQLIncludeDirective, GraphQLSkipDirective

from consent_ledger.vocabulary import Scope
from schema.rule import Granted, Rule
from schema.scopes import SchemaScopes
from schema.uses import is_given, literal_uses, variable_uses

INTROSPECTION = frozenset({"__schema", "__type"})

Fragments = Mapping[str, FragmentDefinitionNode]


@dataclass(frozen=True, slots=True)
class Denial:
    """One coordinate that the caller may not use, and where the operation first uses it."""

    coordinate: str
    rule: Rule
    missing: tuple[Scope, ...]
    keys: tuple[str, ...]
    """Response keys from the root to the first field that it denies, without list positions."""


@dataclass(frozen=True, slots=True)
class Access:
    """What of an operation is denied."""

    denials: tuple[Denial, ...]
    """One per coordinate, those nearest to the root first within each selection."""
    nodes: Mapping[int, tuple[str, ...]]
    """`id` of each denied field node of the document, with the coordinates that deny it."""
    refused: bool
    """Whether nothing of the operation may run."""
    lacking: tuple[Scope, ...]
    """All scopes that the caller lacks for the whole operation, also beneath denied fields."""


def check(
    schema: GraphQLSchema,
    scopes: SchemaScopes,
    operation: OperationDefinitionNode,
    fragments: Fragments,
    *,
    variables: VariableValues,
    granted: Granted,
) -> Access:
    """
    The access of `granted` to this operation of a validated document, with coerced `variables`.

    Pure: the same arguments give the same answer. Node ids in the answer hold as long as the document lives.
    """
    walk = _Walk(schema, scopes, fragments, variables, granted)
    root = schema.get_root_type(operation.operation)
    if root is not None:
        walk.over(operation.selection_set, root)
    is_mutation = operation.operation is OperationType.MUTATION
    nothing_left = bool(walk.denials) and not walk.serves
    return Access(
        denials=tuple(walk.denials.values()),
        nodes=walk.nodes,
        refused=nothing_left or (is_mutation and bool(walk.denials)),
        lacking=tuple(sorted(walk.lacking)),
    )


@dataclass(slots=True)
class _Step:
    """A selection set still to be walked."""

    selections: SelectionSetNode
    parent: GraphQLNamedType
    keys: tuple[str, ...]
    reached: bool


@dataclass(slots=True)
class _Walk:
    schema: GraphQLSchema
    scopes: SchemaScopes
    fragments: Fragments
    variables: VariableValues
    granted: Granted
    denials: dict[str, Denial] = field(default_factory=dict)
    nodes: dict[int, tuple[str, ...]] = field(default_factory=dict)
    lacking: set[Scope] = field(default_factory=set)
    serves: bool = False
    spread: set[tuple[str, bool]] = field(default_factory=set)
    of_variables: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    def over(self, selections: SelectionSetNode, root: GraphQLNamedType) -> None:
        # A work list, not recursion: the depth of a document is the caller's choice, ours is not.
        ahead = [_Step(selections, root, (), reached=True)]
        while ahead:
            step = ahead.pop()
            found: list[_Step] = []
            for selection in step.selections.selections:
                if not self._is_included(selection.directives or ()):
                    continue
                if isinstance(selection, FieldNode):
                    found += self._field(selection, step)
                elif isinstance(selection, InlineFragmentNode):
                    condition = selection.type_condition
                    parent = self.schema.type_map[condition.name.value] if condition else step.parent
                    found.append(_Step(selection.selection_set, parent, step.keys, step.reached))
                elif isinstance(selection, FragmentSpreadNode):
                    found += self._fragment(selection.name.value, step)
            ahead += reversed(found)

    def _fragment(self, name: str, step: _Step) -> Iterable[_Step]:
        if (name, step.reached) in self.spread:
            return
        self.spread.add((name, step.reached))
        fragment = self.fragments[name]
        parent = self.schema.type_map[fragment.type_condition.name.value]
        yield _Step(fragment.selection_set, parent, step.keys, step.reached)

    def _field(self, node: FieldNode, step: _Step) -> Iterable[_Step]:
        name = node.name.value
        if name == "__typename":
            return
        if name in INTROSPECTION:
            self.serves |= step.reached
            return
        assert isinstance(step.parent, GraphQLObjectType | GraphQLInterfaceType)
        keys = (*step.keys, node.alias.value if node.alias else name)
        denied = self._denied(node, step.parent, keys, reached=step.reached)
        if denied and step.reached:
            self.nodes[id(node)] = denied
        reached = step.reached and not denied
        if node.selection_set is None:
            self.serves |= reached
        else:
            inner = get_named_type(step.parent.fields[name].type)
            yield _Step(node.selection_set, inner, keys, reached)

    def _denied(
        self,
        node: FieldNode,
        parent: GraphQLObjectType | GraphQLInterfaceType,
        keys: tuple[str, ...],
        *,
        reached: bool,
    ) -> tuple[str, ...]:
        denied: list[str] = []
        for coordinate in dict.fromkeys(self._uses(node, parent)):
            rule = self.scopes.of(coordinate)
            if rule.met_by(self.granted):
                continue
            missing = rule.missing(self.granted)
            self.lacking.update(missing)
            denied.append(coordinate)
            if reached and coordinate not in self.denials:
                self.denials[coordinate] = Denial(coordinate, rule, missing, keys)
        return tuple(denied)

    def _uses(self, node: FieldNode, parent: GraphQLObjectType | GraphQLInterfaceType) -> Iterable[str]:
        of_field = f"{parent.name}.{node.name.value}"
        yield of_field
        arguments = parent.fields[node.name.value].args
        for argument in node.arguments or ():
            if is_given(argument.value, self.variables):
                yield f"{of_field}({argument.name.value}:)"
                declared = arguments[argument.name.value].type
                if isinstance(argument.value, VariableNode):
                    yield from self._variable(argument.value.name.value, declared)
                else:
                    yield from literal_uses(argument.value, declared, self.variables)

    def _variable(self, name: str, declared: GraphQLInputType) -> tuple[str, ...]:
        # One long list in a variable used by many fields is walked once, not once per field.
        key = (name, str(declared))
        if key not in self.of_variables:
            found = dict.fromkeys(variable_uses(name, declared, self.variables))
            self.of_variables[key] = tuple(found)
        return self.of_variables[key]

    def _is_included(self, directives: tuple[DirectiveNode, ...]) -> bool:
        for directive in directives:
            if directive.name.value == "skip":
                if get_argument_values(GraphQLSkipDirective, directive, self.variables)["if"] is True:
                    return False
            elif directive.name.value == "include" and (
                get_argument_values(GraphQLIncludeDirective, directive, self.variables)["if"] is False
            ):
                return False
        return True
