"""
The law of the house, of every function of `insight.store`: a permit for one house returns no row of another.

Two houses whose rows have every key in common (the same productions, performances, orders and days)
and carry a mark each. Permits are really decided, on both databases. A function that is added to the
store and not to this file fails the first test.
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, insert
from sqlalchemy.exc import DatabaseError

from consent_ledger.agreements import Terms
from consent_ledger.database import reading, writing
from consent_ledger.parties import VerifiedLink, admit_visitor, platform_caller
from consent_ledger.permit import Caller, Period, Permit, PermitEnded, Question, Read, Snapshot, decide
from consent_ledger.question import (
    Subject,
    agreements_question,
    audience_question,
    benchmark_question,
    catalogue_question,
    imports_question,
    ledger_question,
    own_record_question,
    release_question,
)
from consent_ledger.register import party
from consent_ledger.vocabulary import (
    PLATFORM,
    AgreementId,
    ClientKind,
    FieldGroup,
    Granularity,
    LawfulBasis,
    PartyId,
    ProductionRef,
    Purpose,
    Scope,
)
from insight import store
from insight.store import WrongPermit, require
from insight.store.counts import visit_counts
from insight.store.imports import imports
from insight.store.own_records import held, own_lines
from insight.store.persons import sever
from insight.store.previews import preview_body
from insight.store.releases import latest, register, tables
from insight.store.subjects import draw
from insight.store.tickets import lines, productions
from insight.store.totals import COUNTS, TICKETS, daily_totals
from insight.tables import agreement_preview, data_import, release, release_block, release_cell
from tests.consent_ledger.world import AUDIENCE, BUREAU, HOUSE, OTHER, SHA, World, caller, terms, usual_world
from tests.insight.house import fill, line, person

Mark = int | str
RELEASE = "rel-0000000000000001"
TOTAL = 424242
YEAR = Period(date(2026, 1, 1), date(2027, 1, 1))
MARKS: dict[PartyId, frozenset[Mark]] = {
    HOUSE: frozenset({1111, 2222, 3131, 5151, 9711, "of-house", str(person(1, HOUSE))}),
    OTHER: frozenset({7777, 8888, 9797, 8787, 6211, "of-other", str(person(1, OTHER))}),
}
"""What stands in the rows of one house and of no other: prices, counts, takings, postcodes, texts, persons."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a function is called beside its permit, and the subject of the permits that open it."""

    call: Callable[[Permit[Read], Connection], object]
    subjects: frozenset[Subject]


TRUTH: dict[Callable[..., Any], tuple[Reading, ...]] = {
    lines: (Reading(lines, frozenset({Subject.AUDIENCE})),),
    productions: (Reading(productions, frozenset({Subject.AUDIENCE, Subject.CATALOGUE})),),
    visit_counts: (Reading(visit_counts, frozenset({Subject.AUDIENCE})),),
    imports: (
        Reading(lambda permit, on: imports(permit, on, before=None, first=100), frozenset({Subject.IMPORTS})),
        Reading(lambda permit, on: imports(permit, on, before=20, first=100), frozenset({Subject.IMPORTS})),
    ),
    preview_body: (
        Reading(lambda permit, on: preview_body(permit, on, SHA), frozenset({Subject.AGREEMENTS})),
    ),
    daily_totals: (
        Reading(lambda permit, on: daily_totals(permit, on, TICKETS), frozenset({Subject.AUDIENCE})),
        Reading(lambda permit, on: daily_totals(permit, on, COUNTS), frozenset({Subject.AUDIENCE})),
    ),
    own_lines: (Reading(own_lines, frozenset({Subject.PERSON})),),
    held: (  # a number and two days bear no mark: the lines that they are about stand beside them
        Reading(lambda permit, on: (held(permit, on), own_lines(permit, on)), frozenset({Subject.PERSON})),
    ),
}
"""Reads of what houses brought in."""

RELEASED: dict[Callable[..., Any], tuple[Reading, ...]] = {
    register: (Reading(register, frozenset({Subject.BENCHMARK})),),
    latest: (Reading(latest, frozenset({Subject.BENCHMARK})),),
    tables: (Reading(lambda permit, on: tables(permit, on, RELEASE), frozenset({Subject.BENCHMARK})),),
}
"""Reads of what is public or sealed, over the release login: the same for every house."""

AUDITED: dict[Callable[..., Any], frozenset[Subject]] = {draw: frozenset({Subject.LEDGER})}
"""Reads of what the ledger itself tells of, for auditors of all houses."""

WRITES: frozenset[Callable[..., Any]] = frozenset({sever})
"""Under a permit to write; what they may touch is told in tests/resolvers/test_persons.py."""

READS_NOTHING: frozenset[Callable[..., Any]] = frozenset({require})


def discovered() -> dict[str, Callable[..., Any]]:
    """Every public function that a module of the store defines."""
    names = [
        store.__name__,
        *(found.name for found in pkgutil.walk_packages(store.__path__, "insight.store.")),
    ]
    return {
        f"{name}.{called}": function
        for name in names
        for called, function in inspect.getmembers(importlib.import_module(name), inspect.isfunction)
        if not called.startswith("_") and function.__module__ == name
    }


def test_every_function_of_the_store_stands_under_this_law() -> None:
    covered = {*TRUTH, *RELEASED, *AUDITED, *WRITES, *READS_NOTHING}
    missing = {name for name, function in discovered().items() if function not in covered}
    assert not missing, "say in this file how the function is called, and under which permits"
    assert covered == set(discovered().values())


@pytest.mark.parametrize("name", sorted(discovered()))
def test_every_function_of_the_store_takes_a_permit_first(name: str) -> None:
    first = next(iter(inspect.signature(discovered()[name]).parameters.values()))
    assert first.annotation == ("Permit[Write]" if discovered()[name] in WRITES else "Permit[Read]")
    assert first.default is inspect.Parameter.empty


# -- the two houses


PURPOSES = (Purpose.OWN_INSIGHT, Purpose.RESEARCH, Purpose.SECTOR_BENCHMARK)
SCOPES = (
    *AUDIENCE,
    Scope.CATALOGUE_READ,
    Scope.IMPORTS_READ,
    Scope.BENCHMARKS_READ,
    Scope.AGREEMENTS_READ,
    Scope.LEDGER_READ,
)


def world() -> World:
    """Both houses in everything alike: a bureau reads either under an agreement, the platform for releases."""
    known = usual_world()
    for number, house in enumerate((HOUSE, OTHER)):
        for purpose in PURPOSES:
            known.basis(house, purpose, LawfulBasis.LEGITIMATE_INTEREST)
        known.notice(house, *PURPOSES, version=2 - number)
        known.client(f"{house}-app", house, ClientKind.INSTITUTION_APP, *SCOPES)
        for offset, shared in enumerate((research(house), pool(house), tour(house))):
            known.agree(shared, AgreementId(f"agr-{10 * number + offset:016x}"))
    for later in range(20):  # so that imports and releases lie below the pinned size
        known.party(PartyId(f"later-{later}"))
    return known


def research(house: PartyId) -> Terms:
    return terms(sources=frozenset({house}), groups=frozenset({FieldGroup.BASE, FieldGroup.SPEND}))


def tour(house: PartyId) -> Terms:
    named = frozenset({ProductionRef("hamlet")})
    return terms(sources=frozenset({house}), purposes=frozenset({Purpose.OWN_INSIGHT}), productions=named)


def pool(house: PartyId) -> Terms:
    return terms(
        sources=frozenset({house}),
        recipients=frozenset({PLATFORM}),
        purposes=frozenset({Purpose.SECTOR_BENCHMARK}),
        groups=frozenset({FieldGroup.BASE, FieldGroup.SPEND}),
        granularity=Granularity.STATISTIC,
    )


def permits(snapshot: Snapshot, house: PartyId) -> Iterator[Permit[Read]]:
    """Every kind of permit to read that names this house, each really decided."""
    base = frozenset({FieldGroup.BASE})
    spend = base | {FieldGroup.SPEND}
    own = caller(f"{house}-app", house, ClientKind.INSTITUTION_APP, *SCOPES)
    bureau = caller("bureau-app", BUREAU, ClientKind.PARTNER, *AUDIENCE)
    asked: list[tuple[Caller, Question[Read]]] = [
        (own, audience_question(house, Purpose.OWN_INSIGHT, spend)),
        (own, audience_question(house, Purpose.OWN_INSIGHT, spend, period=YEAR)),
        (own, audience_question(house, Purpose.RESEARCH, spend)),
        (own, catalogue_question(house)),
        (own, imports_question(house)),
        (own, agreements_question(house)),
        (own, benchmark_question()),
        (own, ledger_question(export=False)),
        (bureau, audience_question(house, Purpose.RESEARCH, spend)),
        (bureau, audience_question(house, Purpose.OWN_INSIGHT, base)),  # of the tour: one production
        (platform_caller(), release_question(house, YEAR)),
        (visitor(house), own_record_question(house, person(1, house))),
    ]
    for who, question in asked:
        answer = decide(snapshot, who, question)
        assert isinstance(answer, Permit), answer
        yield answer


def visitor(house: PartyId) -> Caller:
    """The person of this house's rows, come in by a link."""
    return admit_visitor(VerifiedLink("link", frozenset({(house, person(1, house))}), may_only_stop=False))


def bring(engine: Engine, house: PartyId) -> None:
    """One house's season: an admission a day, a drink, counted visits, and the import that brought them."""
    ticket, drink, counted, takings, area = (
        int(mark) for mark in sorted(filter(_is_number, MARKS[house]))[:5]
    )
    common = {
        "institution": house,
        "pc4": str(area),
        "person": person(1, house),
        "import_id": f"imp-of-{house}",
    }
    plays = ({"production": "hamlet"}, {"production": "othello", "performance": "p2", "day": "2026-03-02"})
    rows = [line(n, **common, gross=ticket, **play) for n, play in enumerate(plays)]
    rows.append(line(8, **common, gross=drink, kind="product"))
    count = {"institution": house, "place": "door", "kind": "counter", "number": counted, "revenue": takings}
    told = {
        "id": f"imp-of-{house}",
        "institution": house,
        "unit": "tickets",
        "source": "test",
        "mapping": "canonical@1",
        "file_sha256": "0" * 64,
        "idem": "first",
        "position": 10 + (house == OTHER),
        "received_at": "2026-02-01T12:00:00Z",
        "report": json.dumps({"file": f"season-of-{house}"}),
    }
    with writing(engine) as connection:
        titles = {"hamlet": f"Hamlet of-{house}", "othello": f"Othello of-{house}"}
        fill(connection, rows, [{**count, "day": "2026-03-01"}], titles=titles)
        connection.execute(insert(data_import), told)
        shown = {"party": house, "sha256": SHA, "agreement": "agr-1", "position": 1}
        connection.execute(insert(agreement_preview), {**shown, "body": f"shown to of-{house}"})


def publish(engine: Engine) -> None:
    """The register, and one release that both houses stand in."""
    certificate = json.dumps({"blocks": [{"block": "b001", "unit": "tickets"}]})
    with writing(engine) as connection:
        for house in (HOUSE, OTHER):
            registered = {"id": house, "kind": "institution", "name": house, "organisation": house}
            more = {"unit": "tickets", "public_figures": 0, "zone": "Europe/Amsterdam", "sandbox": 1}
            connection.execute(insert(party), {**registered, **more, "invented": 1, "position": 1})
        sealed = {"id": RELEASE, "policy": "unnoised-1", "period_start": "2026-03", "period_end": "2026-04"}
        more = {"position": 12, "published_at": "2026-04-01T03:00:00Z", "tables_sha256": "0" * 64}
        connection.execute(insert(release), {**sealed, **more, "certificate": certificate})
        members = [{"release": RELEASE, "block": "b001", "member": house} for house in (HOUSE, OTHER)]
        connection.execute(insert(release_block), members)
        cell = {"release": RELEASE, "block": "b001", "month": "2026-03", "metric": "visits", "value": TOTAL}
        connection.execute(insert(release_cell), cell)


def _is_number(mark: Mark) -> bool:
    return isinstance(mark, int)


def leaves(value: object) -> Iterator[object]:
    """Every single value in an answer, however it is wrapped."""
    if isinstance(value, np.ndarray):
        yield from value.tolist()
    elif is_dataclass(value):
        for found in fields(value):
            yield from leaves(getattr(value, found.name))
    elif isinstance(value, Mapping):
        yield from leaves([*value.keys(), *value.values()])
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
        for found in value:
            yield from leaves(found)
    else:
        yield value


def marks(answer: object, house: PartyId) -> set[Mark]:
    """Which marks of a house stand in an answer."""
    found = list(leaves(answer))
    texts, numbers = "\n".join(leaf for leaf in found if isinstance(leaf, str)), set(map(repr, found))
    return {
        mark for mark in MARKS[house] if (repr(mark) in numbers or (isinstance(mark, str) and mark in texts))
    }


def opening(snapshot: Snapshot, house: PartyId, read: Reading) -> list[Permit[Read]]:
    """The permits for this house that open this function."""
    may_total = {FieldGroup.BASE, FieldGroup.SPEND}
    found = [permit for permit in permits(snapshot, house) if permit.subject in read.subjects]
    if read in TRUTH[daily_totals]:
        found = [permit for permit in found if permit.groups >= may_total]
    assert found
    return found


# -- the law


def each(reads: Mapping[Callable[..., Any], tuple[Reading, ...]]) -> list[Any]:
    return [
        pytest.param(read, id=f"{function.__name__}-{number}")
        for function, found in reads.items()
        for number, read in enumerate(found)
    ]


@pytest.mark.parametrize("read", each(TRUTH))
def test_a_permit_for_one_house_returns_no_row_of_another(engine: Engine, read: Reading) -> None:
    snapshot = world().pin()
    permitted = {house: opening(snapshot, house, read) for house in (HOUSE, OTHER)}
    bring(engine, HOUSE)
    with reading(engine) as connection:
        alone = [Counter(leaves(read.call(permit, connection))) for permit in permitted[HOUSE]]
    bring(engine, OTHER)
    with reading(engine) as connection:
        for house, stranger in ((HOUSE, OTHER), (OTHER, HOUSE)):
            answers = [read.call(permit, connection) for permit in permitted[house]]
            for answer in answers:
                assert marks(answer, stranger) == set()
            assert any(marks(answer, house) for answer in answers), "nothing was read: nothing was shown"
        together = [Counter(leaves(read.call(permit, connection))) for permit in permitted[HOUSE]]
    assert together == alone, "another house's rows change no value of the answer"


def test_permits_of_the_two_houses_together_read_every_mark(engine: Engine) -> None:
    """So that a mark that no function could ever return is not taken for protection."""
    snapshot = world().pin()
    bring(engine, HOUSE)
    bring(engine, OTHER)
    with reading(engine) as connection:
        for house in (HOUSE, OTHER):
            seen = {
                mark
                for found in TRUTH.values()
                for read in found
                for permit in opening(snapshot, house, read)
                for mark in marks(read.call(permit, connection), house)
            }
            assert seen == MARKS[house]


@pytest.mark.parametrize("read", each(RELEASED))
def test_what_is_released_is_the_same_for_every_house_and_holds_no_row_of_any(
    engine: Engine, release_engine: Engine, read: Reading
) -> None:
    snapshot = world().pin()
    publish(engine)
    answers = []
    for house in (HOUSE, OTHER):
        bring(engine, house)
        with reading(release_engine) as connection:
            answers += [read.call(permit, connection) for permit in opening(snapshot, house, read)]
    assert len(answers) == 2
    assert Counter(leaves(answers[0])) == Counter(leaves(answers[1]))
    assert {str(HOUSE), str(OTHER)} <= set(leaves(answers[0]))
    for house in (HOUSE, OTHER):
        assert marks(answers[1], house) == set()


def test_a_released_total_is_read(engine: Engine, release_engine: Engine) -> None:
    snapshot = world().pin()
    publish(engine)
    with reading(release_engine) as connection:
        for function in (latest, tables):
            (read,) = RELEASED[function]
            (permit,) = opening(snapshot, HOUSE, read)
            assert TOTAL in set(leaves(read.call(permit, connection)))


@pytest.mark.parametrize("read", each(TRUTH))
def test_the_release_login_reads_no_row_of_any_house(
    engine: Engine, release_engine: Engine, read: Reading
) -> None:
    bring(engine, HOUSE)
    for permit in opening(world().pin(), HOUSE, read):
        if permit.productions is not None and read in TRUTH[visit_counts]:
            continue  # no statement is sent at all
        with pytest.raises(DatabaseError), reading(release_engine) as connection:
            read.call(permit, connection)


@pytest.mark.parametrize("read", each(TRUTH | RELEASED))
def test_a_permit_about_anything_else_opens_nothing(engine: Engine, read: Reading) -> None:
    snapshot = world().pin()
    others = [permit for permit in permits(snapshot, HOUSE) if permit.subject not in read.subjects]
    assert {permit.subject for permit in others} == {
        Subject.AUDIENCE, Subject.CATALOGUE, Subject.IMPORTS, Subject.BENCHMARK, Subject.AGREEMENTS, Subject.LEDGER,
        Subject.PERSON,
    } - read.subjects  # fmt: skip
    with reading(engine) as connection:
        for permit in others:
            with pytest.raises(WrongPermit):
                read.call(permit, connection)


@pytest.mark.parametrize("read", each(TRUTH | RELEASED))
def test_a_permit_reads_nothing_after_its_request(engine: Engine, read: Reading) -> None:
    snapshot = world().pin()
    opened = opening(snapshot, HOUSE, read)
    snapshot.end()
    with reading(engine) as connection:
        for permit in opened:
            with pytest.raises(PermitEnded):
                read.call(permit, connection)
