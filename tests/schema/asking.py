"""Random questions to the toy schema, and an independent judge of what each token may see of the answer."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

from graphql import (
    EnumValueNode,
    FieldNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    GraphQLUnionType,
    ListValueNode,
    ObjectValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
)

from schema.rule import Granted
from schema.scopes import SchemaScopes

WHERES: list[Any] = [
    {},
    {"firstTime": True},
    {"pc4": ["1012"]},
    {"band": "YOUNG"},
    {"both": [{"split": "MONTH"}, {"both": [{"pc4": None}]}]},
    {"both": {"split": "AGE_BAND"}},
    None,
]


class Asker:
    """Writes valid documents with aliases, fragments, variables and directives, by chance."""

    def __init__(self, schema: GraphQLSchema, seed: int) -> None:
        self.schema = schema
        self.dice = random.Random(seed)
        self.fragments: list[str] = []
        self.variables: dict[str, tuple[str, Any]] = {}
        self.keys = 0

    def document(self) -> tuple[str, dict[str, Any]]:
        assert self.schema.query_type is not None
        body = self.selections(self.schema.query_type, 4)
        declared = ", ".join(f"${name}: {type_}" for name, (type_, _) in self.variables.items())
        head = f"query Q({declared})" if declared else "query Q"
        values = {name: value for name, (_, value) in self.variables.items() if value is not ...}
        return "\n".join([f"{head} {body}", *self.fragments]), values

    def selections(self, type_: GraphQLNamedType, depth: int) -> str:
        parts = [self.part(type_, depth) for _ in range(self.dice.randint(1, 3))]
        return "{ " + " ".join(parts) + " }"

    def part(self, type_: GraphQLNamedType, depth: int) -> str:
        roll = self.dice.random()
        if isinstance(type_, GraphQLUnionType) or (isinstance(type_, GraphQLInterfaceType) and roll < 0.4):
            member = self.dice.choice(list(self.schema.get_possible_types(type_)))
            return f"... on {member.name}{self.directive()} {self.selections(member, depth)}"
        if roll < 0.08:
            return "__typename"
        if roll < 0.14 and type_ is self.schema.query_type:
            return self.key() + '__type(name: "House") { name fields { name description } }'
        if roll < 0.25:
            name = f"F{len(self.fragments)}"
            self.fragments.append("")
            self.fragments[int(name[1:])] = f"fragment {name} on {type_.name} {self.selections(type_, depth)}"
            return f"...{name}{self.directive()}"
        if roll < 0.32:
            return f"...{self.directive()} {self.selections(type_, depth)}"
        return self.field(type_, depth)

    def key(self) -> str:
        self.keys += 1
        return f"k{self.keys}: " if self.dice.random() < 0.9 else f"_denied_{self.keys}: "

    def field(self, type_: GraphQLNamedType, depth: int) -> str:
        assert isinstance(type_, GraphQLObjectType | GraphQLInterfaceType)
        names = [n for n in type_.fields if n not in {"ended", "broken"}]
        if depth == 0:
            names = [n for n in names if not _is_composite(type_.fields[n].type)]
        if not names:
            return "__typename"
        name = self.dice.choice(names)
        field = type_.fields[name]
        given = [self.argument(a, str(f.type)) for a, f in field.args.items() if self.dice.random() < 0.5]
        arguments = f"({', '.join(given)})" if given else ""
        inner = (
            f" {self.selections(get_named_type(field.type), depth - 1)}" if _is_composite(field.type) else ""
        )
        return f"{self.key()}{name}{arguments}{self.directive()}{inner}"

    def argument(self, name: str, type_: str) -> str:
        choices: dict[str, Callable[[], Any]] = {
            "Filter": lambda: self.dice.choice(WHERES),
            "Split": lambda: self.dice.choice(["MONTH", "AGE_BAND", None]),
            "Int!": lambda: self.dice.choice([1, 2, 3]),
            "Boolean!": lambda: self.dice.choice([True, False]),
            "String": lambda: self.dice.choice(["1012", None]),
        }
        value = choices[type_]()
        if self.dice.random() < 0.5:
            variable = f"v{len(self.variables)}"
            default = ""
            if type_ == "Split" and self.dice.random() < 0.5:
                default, value = " = AGE_BAND", ...
            elif not type_.endswith("!") and self.dice.random() < 0.2:
                value = ...
            self.variables[variable] = (type_ + default, value)
            return f"{name}: ${variable}"
        return f"{name}: {_literal(value, is_enum=type_ == 'Split')}"

    def directive(self) -> str:
        if self.dice.random() > 0.2:
            return ""
        name = self.dice.choice(["skip", "include"])
        if self.dice.random() < 0.5:
            return f" @{name}(if: {self.dice.choice(['true', 'false'])})"
        variable = f"v{len(self.variables)}"
        self.variables[variable] = ("Boolean!", self.dice.choice([True, False]))
        return f" @{name}(if: ${variable})"


def _is_composite(type_: Any) -> bool:
    return isinstance(get_named_type(type_), GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType)


def _literal(value: Any, *, is_enum: bool = False) -> str:
    if isinstance(value, dict):
        enums = {"band", "split"}
        return "{" + ", ".join(f"{k}: {_literal(v, is_enum=k in enums)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_literal(item) for item in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "null"
    return str(value) if is_enum or isinstance(value, int) else f'"{value}"'


class Judge:
    """
    Middleware of a stock execution: asks the scopes of each field when it is reached, on the object's own
    type and the arguments as they stand there, and lets no resolver run without them.
    """

    def __init__(self, scopes: SchemaScopes, granted: Granted, variables: dict[str, Any]) -> None:
        self.scopes = scopes
        self.granted = granted
        self.variables = variables
        self.denied: set[tuple[str | int, ...]] = set()

    def resolve(self, next_: Any, source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        if info.parent_type.name.startswith("__") or info.field_name.startswith("__"):
            return next_(source, info, **arguments)
        for coordinate in self.used(info):
            if not any(row <= self.granted for row in self.scopes.rules[coordinate].alternatives):
                self.denied.add(tuple(info.path.as_list()))
                return None
        return next_(source, info, **arguments)

    def used(self, info: GraphQLResolveInfo[Any]) -> Iterator[str]:
        coordinate = f"{info.parent_type.name}.{info.field_name}"
        yield coordinate
        declared = info.parent_type.fields[info.field_name].args
        node: FieldNode = info.field_nodes[0]
        for argument in node.arguments or ():
            name = argument.name.value
            value = self.plain(argument.value, info)
            if value is not ...:
                yield f"{coordinate}({name}:)"
                yield from self.within(value, declared[name].type)

    def plain(self, node: Any, info: GraphQLResolveInfo[Any]) -> Any:
        if isinstance(node, VariableNode):
            name = node.name.value
            if name in self.variables:
                return self.variables[name]
            for definition in info.operation.variable_definitions or ():
                if definition.variable.name.value == name and definition.default_value:
                    return self.plain(definition.default_value, info)
            return ...
        if isinstance(node, ObjectValueNode):
            return {field.name.value: self.plain(field.value, info) for field in node.fields}
        if isinstance(node, ListValueNode):
            return [self.plain(item, info) for item in node.values]
        return node.value if isinstance(node, EnumValueNode) else getattr(node, "value", None)

    def within(self, value: Any, type_: Any) -> Iterator[str]:
        type_ = get_nullable_type(type_)
        if is_list_type(type_):
            for item in value if isinstance(value, list) else [value]:
                yield from self.within(item, type_.of_type)
        elif isinstance(type_, GraphQLInputObjectType) and isinstance(value, dict):
            yield type_.name
            for name, item in value.items():
                yield f"{type_.name}.{name}"
                yield from self.within(item, type_.fields[name].type)
        elif isinstance(type_, GraphQLEnumType) and value is not None:
            yield f"{type_.name}.{value}"


def says_nothing(data: Any) -> bool:
    """Whether an answer holds nothing but nulls, empty lists and type names."""
    if isinstance(data, dict):
        return all(key == "__typename" or says_nothing(value) for key, value in data.items())
    if isinstance(data, list):
        return all(says_nothing(item) for item in data)
    return data is None
