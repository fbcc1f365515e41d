"""
What an operation costs: the objects that its answer could hold at most.

A scalar costs 0, an object 1 and what is asked within it, a connection that times the page asked for
(`first` or `last`, 1 to 100; the whole page when neither is said). The list within a connection is its
page and counts once; any other list counts as ten. The figure goes out in `extensions.cost`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    Undefined,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
)
from graphql.execution.values import VariableValues

from api.errors import Code
from api.graphql.budget import too_complex
from api.graphql.errors import refuse
from api.graphql.limits import Limits
from schema.access import INTROSPECTION, Fragments

LIST = 10
"""Objects that a list without pages is taken to hold."""

_PAGE_ARGUMENTS = ("first", "last")


def cost_of(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: Fragments,
    variables: VariableValues,
    limits: Limits,
) -> int:
    """
    The cost of an operation that was weighed and validated, with its coerced variables.

    Each fragment is counted once and remembered. Raises `RequestRefused` with `BAD_USER_INPUT` for a page
    outside 1..100 and with `DOCUMENT_TOO_COMPLEX` above the bound.
    """
    root = schema.get_root_type(operation.operation)
    assert root is not None
    cost = _Counting(schema, fragments, variables, limits).selections(operation.selection_set, root)
    if cost > limits.cost:
        raise too_complex(
            f"The answer could hold {cost} objects or more; {limits.cost} may be asked at once."
        )
    return cost


@dataclass(slots=True)
class _Counting:
    schema: GraphQLSchema
    fragments: Fragments
    variables: VariableValues
    limits: Limits
    known: dict[str, int] = field(default_factory=dict)

    def selections(self, selections: SelectionSetNode, parent: GraphQLNamedType) -> int:
        # Recursion is bounded by the nesting that `budget.weigh` allows.
        return min(sum(self._costs(selections, parent)), self.limits.cost + 1)

    def _costs(self, selections: SelectionSetNode, parent: GraphQLNamedType) -> Iterable[int]:
        for selection in selections.selections:
            if isinstance(selection, FieldNode):
                yield self._field(selection, parent)
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                inner = self.schema.type_map[condition.name.value] if condition else parent
                yield self.selections(selection.selection_set, inner)
            elif isinstance(selection, FragmentSpreadNode):
                yield self._fragment(selection.name.value)

    def _fragment(self, name: str) -> int:
        if name not in self.known:
            fragment = self.fragments[name]
            inner = self.schema.type_map[fragment.type_condition.name.value]
            self.known[name] = self.selections(fragment.selection_set, inner)
        return self.known[name]

    def _field(self, node: FieldNode, parent: GraphQLNamedType) -> int:
        name = node.name.value
        if name == "__typename" or name in INTROSPECTION:
            return 0
        assert isinstance(parent, GraphQLObjectType | GraphQLInterfaceType)
        declared = parent.fields[name]
        size = self._size(node, declared, parent)
        if node.selection_set is None:
            return 0
        inner = self.selections(node.selection_set, get_named_type(declared.type))
        return min(size * (1 + inner), self.limits.cost + 1)

    def _size(self, node: FieldNode, declared: GraphQLField, parent: GraphQLNamedType) -> int:
        pages = [self._page(node, declared, name) for name in _PAGE_ARGUMENTS if name in declared.args]
        if pages:
            return max((page for page in pages if page is not None), default=self.limits.page)
        if is_list_type(get_nullable_type(declared.type)) and not parent.name.endswith("Connection"):
            return LIST
        return 1

    def _page(self, node: FieldNode, declared: GraphQLField, name: str) -> int | None:
        """What the argument says, else its default; None when it says nothing."""
        page = declared.args[name].default_value
        for argument in node.arguments or ():
            if argument.name.value == name:
                if isinstance(argument.value, VariableNode):
                    page = self.variables.coerced.get(argument.value.name.value, page)
                else:
                    literal = argument.value
                    page = int(literal.value) if isinstance(literal, IntValueNode) else None
        if page is None or page is Undefined:
            return None
        if not isinstance(page, int) or not 1 <= page <= self.limits.page:
            sentence = f"`{name}` of {node.name.value} goes from 1 to {self.limits.page}."
            raise refuse(Code.BAD_USER_INPUT, sentence, "Ask for smaller pages and follow the cursor.")
        return page
