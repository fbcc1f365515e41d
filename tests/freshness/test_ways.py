"""
Strict freshness on every way by which data can leave: what another process took back, the next answer lacks.

The ways are read from what is served, so that a new route, root field or command fails here until it has a
watch, or a reason why nothing about anybody leaves by it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from api.app import create_app
from consent_ledger.database import reading
from consent_ledger.steps import ROLE_MAY
from consent_ledger.vocabulary import ConsentAct
from insight.criteria import Criteria
from insight.figures import Figure, ReleasedAudience
from resolvers.audiences import AudienceAsked, audience
from resolvers.gate import inquiry
from tests.conftest import Database
from tests.freshness import ways
from tests.freshness.probes import NOBODY, WATCHES, Watch, lasting, shared_bookers
from tests.freshness.world import TOKENS, World, two_processes
from tests.postgresql import PostgreSQL
from tests.resolvers.scene import LAKESIDE, RESEARCH, SHA, caller
from tests.story.server import free_port

KINDS = ("sqlite", "postgresql")


def _opened(request: pytest.FixtureRequest, kind: str, folder: Path) -> Iterator[World]:
    if kind == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        shutil.copytree(template, folder / "database")
        main, vault = (f"sqlite:///{folder}/database/{name}.db" for name in ("main", "vault"))
        database = Database("sqlite", main, vault, main, main)
    else:
        server: PostgreSQL = request.getfixturevalue("postgresql")
        database = Database("postgresql", *server.urls(server.migrated()))
    with two_processes(database, folder / "var") as world, lasting(world):
        yield world


@pytest.fixture(scope="module", params=KINDS)
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One platform for the watches: each of them takes away only what it put there."""
    yield from _opened(request, request.param, tmp_path_factory.mktemp("ways"))


@pytest.fixture(params=KINDS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """A platform of the test's own."""
    yield from _opened(request, request.param, tmp_path)


def test_every_way_has_a_watch_or_a_reason(shared: World) -> None:
    served = {*ways.fields(), *ways.routes(create_app(shared.asked)), *ways.commands()}
    watched = {watch.way for watch in WATCHES}
    assert served - watched - NOBODY.keys() == set(), "new ways: give each a watch, or a reason"
    assert (watched | NOBODY.keys()) - served == set(), "ways that are gone"
    assert watched & NOBODY.keys() == set()
    assert ways.ROUTES.keys() == ways.routes(create_app(shared.asked)).keys(), "say how each route is asked"


@pytest.mark.parametrize("watch", WATCHES, ids=lambda watch: f"{watch.way}-{watch.what}")
def test_the_next_answer_lacks_what_another_process_took_back(shared: World, watch: Watch) -> None:
    if shared.kind == "sqlite" and watch.way.startswith("command"):
        pytest.skip("on SQLite a command runs when nothing else does, and reads everything anew")
    look, take = watch.begin(shared)
    before = look()
    assert look() == before, "asking changes nothing"
    take()
    assert look() == before - 1


def test_what_was_pinned_before_may_still_hold_it_and_nothing_later_does(shared: World) -> None:
    email, house = shared.visitor(), shared.asked.house
    before = shared_bookers(shared)
    with (
        reading(house.engine) as connection,
        inquiry(house, caller("bureau-app"), connection, request_sha256=SHA, request_id="0" * 32) as ask,
    ):
        shared.acts.consent("lakeside-app", email, RESEARCH, ConsentAct.WITHDRAWN)
        assert shared_bookers(shared) == before - 1, "who asks now"
        found = audience(ask, AudienceAsked(LAKESIDE, RESEARCH, None, Criteria(), frozenset({"bookers"})))
    assert isinstance(found, ReleasedAudience)
    figure = found.figures["bookers"]
    assert isinstance(figure, Figure)
    assert figure.value == before, "who asked before: one moment for the whole answer"


def test_an_ended_token_is_refused_by_the_next_request_on_every_way(world: World) -> None:
    """A token, a session, an application: each ends in the other process, and no other way is asked between."""
    late, seen = [], 0
    for way in ways.fields():
        query, variables = ways.question(way)
        name = _who_may(way)
        token = _credential(world, name)
        assert world.graphql(token, query, **variables).status_code not in {401, 403}
        world.revoke(token)
        ended = [world.graphql(token, query, **variables)]
        if name in TOKENS:
            token = world.token(name)
            assert world.graphql(token, query, **variables).status_code not in {401, 403}
            with world.blocked(name):
                ended.append(world.graphql(token, query, **variables))
        seen += len(ended)
        late += [way for answer in ended if answer.status_code != 401 or "data" in answer.json()]
    for way in ways.ROUTES:
        if way == "route /graphql" or ways.ask_route(world, way, None).status_code != 401:
            continue  # the root fields; or open to everybody
        if way.startswith("route /oauth"):
            continue  # for whoever holds a secret
        name = next(
            (name for name in TOKENS if ways.ask_route(world, way, world.token(name)).status_code < 400), None
        )
        token = _credential(world, name)
        assert ways.ask_route(world, way, token).status_code < 400
        if name is None:  # the session ended itself
            late += [way] * (ways.ask_route(world, way, token).status_code != 401)
            continue
        world.revoke(token)
        late += [way] * (ways.ask_route(world, way, token).status_code != 401)
        token = world.token(name)
        assert ways.ask_route(world, way, token).status_code < 400
        with world.blocked(name):
            late += [way] * (ways.ask_route(world, way, token).status_code != 401)
        seen += 2
    assert late == []
    assert seen > 80


def _who_may(way: str) -> str | None:
    """An application that may ask this; None for a visitor."""
    rule = ways.rule(way)
    return next((name for name, (_, kind) in TOKENS.items() if rule.met_by(ROLE_MAY[kind])), None)


def _credential(world: World, name: str | None) -> str:
    if name is not None:
        return world.token(name)
    world.number += 1
    return world.session(f"nobody-{world.number}@example.org")


ANSWERS_WITHOUT_A_HEAD = {
    "route /ledger/key": "the key is the server's own",
    "route /schema.graphql": "the shape",
    "route /healthz": "that the process lives",
    "route /oauth/jwks.json": "public keys",
    "route /.well-known/oauth-authorization-server": "addresses",
    "route /.well-known/oauth-protected-resource/graphql": "addresses",
    "route /v/{token}": "a page that holds nothing; its button asks the ledger",
    "route /v1/visitor/link": "the same sentence for every address, told before anything is done",
    "route /v1/visitor/session/end": "nothing: it ends a session",
}
"""The routes that tell what no ledger decides."""


def test_without_a_readable_head_every_way_refuses(world: World) -> None:
    asked = {way: _credential(world, _who_may(way)) for way in ways.fields()}
    tokens = [world.token(name) for name in TOKENS] + [world.session("nobody@example.org")]
    with Headless(world):
        for way, token in asked.items():
            query, variables = ways.question(way)
            answer = world.graphql(token, query, **variables)
            assert answer.status_code == 503, (way, answer.text)
            assert "data" not in answer.json(), way
        for way in ways.ROUTES.keys() - ANSWERS_WITHOUT_A_HEAD.keys():
            for held in (None, *tokens):
                answer = ways.ask_route(world, way, held)
                assert answer.status_code >= 400, (way, answer.text)
                assert "json" in answer.headers["Content-Type"], way
        statuses = {
            way: max(ways.ask_route(world, way, token).status_code for token in tokens)
            for way in ways.ROUTES
            if way.startswith("route /ledger/") and way not in ANSWERS_WITHOUT_A_HEAD
        }
        assert 500 not in statuses.values(), statuses
        if world.kind == "postgresql":  # on SQLite the server has the only place that writes
            _no_command_gives_anything(world)
    assert world.http.get("/readyz").status_code == 200, "it comes back"


def _no_command_gives_anything(world: World) -> None:
    assert ways.COMMANDS.keys() | ways.WITHOUT_A_HOUSE.keys() == ways.commands(), "say how each is given"
    there, not_yet = world.acts.folder / "file.csv", world.acts.folder / "folder"
    there.write_text("email,act,said_on\nsomebody@example.org,granted,2026-01-02\n")
    given = {"FILE": str(there), "FOLDER": str(not_yet), "PORT": str(free_port())}
    for way, arguments in ways.COMMANDS.items():
        words = [given.get(word, word) for word in (*way.split()[1:], *arguments)]
        code, printed, said = world.tried(*words)
        assert (code != 0, printed) == (True, ""), way
        assert said.startswith("The tables of the ledger are not in this database"), (way, said)
    assert [*not_yet.glob("*")] == [], "at most an empty folder"


class Headless:
    """The head has another name, so that nobody can read it."""

    def __init__(self, world: World) -> None:
        self._engine = create_engine(world.settings.owner_database_url)

    def __enter__(self) -> None:
        self._rename("ledger_head", "ledger_head_away")

    def __exit__(self, *_: object) -> None:
        self._rename("ledger_head_away", "ledger_head")
        self._engine.dispose()

    def _rename(self, old: str, new: str) -> None:
        with self._engine.begin() as connection:
            connection.exec_driver_sql(f"ALTER TABLE {old} RENAME TO {new}")
