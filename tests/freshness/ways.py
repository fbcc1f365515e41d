"""
Every way by which data can leave, taken from what is served: routes, root fields of the schema, commands.

A way is named as its kind and its own name: `route /readyz`, `query audience`, `mutation decide`,
`command ledger export`. The questions of the root fields are generated from the schema, so that a new one
joins by being there.
"""

from __future__ import annotations

import argparse
import secrets
from collections.abc import Iterator
from functools import cache
from typing import Any

import httpx2
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    Undefined,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    is_required_input_field,
)
from starlette.applications import Starlette
from starlette.routing import Route

from api.cli import _parser
from schema.build import build
from schema.ids import global_id
from schema.rule import Rule
from schema.scopes import SchemaScopes, core
from schema.viewer import INSTITUTION
from tests.freshness.world import World
from tests.resolvers.scene import LAKESIDE

_SCALARS: dict[str, Any] = {
    "Boolean": False,
    "Date": "2026-03-01",
    "DateTime": "2026-03-01T00:00:00Z",
    "Float": 1.0,
    "ID": global_id(INSTITUTION, LAKESIDE),
    "Int": 1,
}


def fields() -> dict[str, tuple[str, GraphQLField]]:
    """The root fields by the name of their way, each with the word of its operation."""
    return {f"{word} {name}": (word, field) for word, name, field in _roots(_shape())}


@cache
def _shape() -> GraphQLSchema:
    return core(build())


def _roots(shape: GraphQLSchema) -> Iterator[tuple[str, str, GraphQLField]]:
    for word, root in (
        ("query", shape.query_type),
        ("mutation", shape.mutation_type),
        ("subscription", shape.subscription_type),
    ):
        for name, field in {} if root is None else root.fields.items():
            yield word, name, field


def rule(way: str) -> Rule:
    """The scopes that this root field needs."""
    word, name = way.split()
    return _scopes().rules[f"{word.capitalize()}.{name}"]


@cache
def _scopes() -> SchemaScopes:
    return SchemaScopes.read(build())


def routes(app: Starlette) -> dict[str, Route]:
    """The routes of the application by the name of their way. A mount or a socket would be one of another kind."""
    found = {f"route {getattr(one, 'path', one)}": one for one in app.routes}
    assert all(isinstance(one, Route) for one in found.values()), "a new kind of route: teach it to the ways"
    return found  # type: ignore[return-value]


def commands() -> set[str]:
    """The names of the ways of the command line: each command that has none below it."""
    return {f"command {name}" for name in _leaves(_parser(), ())}


def _leaves(parser: argparse.ArgumentParser, above: tuple[str, ...]) -> Iterator[str]:
    below = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    if not below:
        yield " ".join(above)
    for one in below:
        for name, deeper in one.choices.items():
            yield from _leaves(deeper, (*above, name))


def question(way: str) -> tuple[str, dict[str, Any]]:
    """A document that asks this root field and no more, and its variables: as few as the schema takes."""
    word, field = fields()[way]
    name = way.split()[1]
    needed = {of: argument for of, argument in field.args.items() if is_required_argument(argument)}
    variables = {of: _value(argument.type) for of, argument in needed.items()}
    declared = ", ".join(f"${of}: {argument.type}" for of, argument in needed.items())
    given = ", ".join(f"{of}: ${of}" for of in needed)
    selection = "" if is_leaf_type(get_named_type(field.type)) else " { __typename }"
    head = f"{word}({declared})" if declared else word
    return f"{head} {{ {name}{f'({given})' if given else ''}{selection} }}", variables


def _value(type_: GraphQLInputType) -> Any:
    if isinstance(type_, GraphQLNonNull):
        return _value(type_.of_type)
    if isinstance(type_, GraphQLList):
        return [_value(type_.of_type)]
    if isinstance(type_, GraphQLEnumType):
        return next(iter(type_.values))
    if isinstance(type_, GraphQLInputObjectType):
        given = {name: of for name, of in type_.fields.items() if is_required_input_field(of)}
        if type_.is_one_of:
            given = dict([next(iter(type_.fields.items()))])
        return {name: _value(of.type) for name, of in given.items() if of.default_value is Undefined}
    return _SCALARS[type_.name] if type_.name in _SCALARS else secrets.token_hex(8)


def ask_route(world: World, way: str, token: str | None) -> httpx2.Response:
    """Ask this route as somebody would who wants to get something out of it."""
    method, path, body = ROUTES[way]
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return world.http.request(method, path, headers=headers, json=body)


ROUTES: dict[str, tuple[str, str, Any]] = {
    "route /graphql": ("POST", "/graphql", {"query": "{ viewer { client } }"}),
    "route /oauth/token": ("POST", "/oauth/token", None),
    "route /oauth/revoke": ("POST", "/oauth/revoke", None),
    "route /oauth/jwks.json": ("GET", "/oauth/jwks.json", None),
    "route /.well-known/oauth-authorization-server": (
        "GET",
        "/.well-known/oauth-authorization-server",
        None,
    ),
    "route /.well-known/oauth-protected-resource/graphql": (
        "GET",
        "/.well-known/oauth-protected-resource/graphql",
        None,
    ),
    "route /ledger/checkpoint": ("GET", "/ledger/checkpoint", None),
    "route /ledger/checkpoint/cosigned": ("GET", "/ledger/checkpoint/cosigned", None),
    "route /ledger/cosignature": ("POST", "/ledger/cosignature", "no note"),
    "route /ledger/key": ("GET", "/ledger/key", None),
    "route /ledger/proof/{position}": ("GET", "/ledger/proof/0", None),
    "route /ledger/tile/entries/{path:path}": ("GET", "/ledger/tile/entries/000.p/1", None),
    "route /ledger/tile/{path:path}": ("GET", "/ledger/tile/0/000.p/1", None),
    "route /ledger/export.jsonl": ("GET", "/ledger/export.jsonl", None),
    "route /ledger/export.zip": ("GET", "/ledger/export.zip", None),
    "route /v1/consent-records": ("GET", "/v1/consent-records", None),
    "route /schema.graphql": ("GET", "/schema.graphql", None),
    "route /healthz": ("GET", "/healthz", None),
    "route /readyz": ("GET", "/readyz", None),
    "route /v/{token}": ("GET", "/v/" + "x" * 43, None),
    "route /v1/visitor/link": ("POST", "/v1/visitor/link", {"email": "nobody@example.org"}),
    "route /v1/visitor/session": ("POST", "/v1/visitor/session", {"token": "x" * 43}),
    "route /v1/visitor/session/end": ("POST", "/v1/visitor/session/end", {}),
}
"""How each route is asked: method, address, body."""

_MOMENTS = ("--since", "2026-01-01T00:00:00Z", "--until", "2026-02-01T00:00:00Z")

COMMANDS: dict[str, tuple[str, ...]] = {
    "command accountability breach": _MOMENTS,
    "command accountability essence": (),
    "command accountability notice": ("--institution", LAKESIDE),
    "command accountability record": ("--institution", LAKESIDE),
    "command consents": ("FILE", "--institution", LAKESIDE, "--purpose", "research", "--key", "k1"),
    "command ingest": ("FILE", "--institution", LAKESIDE, "--mapping", "cultuurinzicht"),
    "command keys list": (LAKESIDE,),
    "command ledger export": ("FOLDER",),
    "command release": ("--from", "2026-03", "--until", "2026-04"),
    "command serve": ("--port", "PORT"),
}
"""How each command is given whose answer comes from a house: a file that is there, a folder that is not yet."""

WITHOUT_A_HOUSE = {
    "command demo": "serves, as `serve` does",
    "command keys retire": "gives nothing out",
    "command ledger fsck": "says what is wrong with the ledger, a head that is gone too",
    "command ledger rebuild": "gives nothing out",
    "command ledger reconcile": "reads an export",
    "command ledger replay": "reads an export",
    "command ledger verifier": "writes a program",
    "command ledger verify": "reads an export",
    "command migrate": "gives nothing out",
    "command settings": "shows settings",
    "command vault expire": "gives nothing out",
    "command vault rotate": "gives nothing out",
    "command witness key": "a witness has no house",
    "command witness once": "a witness has no house",
    "command witness serve": "a witness has no house",
}
"""The other commands, and why a head has nothing to do with what they give."""
