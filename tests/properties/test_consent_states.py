"""
Where everybody stands, against a naive model that looks for the last word each time.

A machine lets persons decide, days pass and notices prove wrong. In the end the standing is asked as known at
every size and valid at several days, of everybody: state, since when, restriction, who is out, who agrees.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from consent_ledger import standing as standing_module
from consent_ledger.closed import mint
from consent_ledger.consent_states import ConsentState, StepRefused, after
from consent_ledger.permit import Permit, Read, Write
from consent_ledger.snapshot import Life
from consent_ledger.standing import Said, barred, consenting, invalidate, metadata, record, stand
from consent_ledger.vocabulary import ConsentAct, PartyId, PersonRef, Position, Purpose

THEA = PartyId("thea")
PERSONS = [PersonRef(sign * 32) for sign in "ab"]
PURPOSES = [Purpose.RESEARCH, Purpose.OWN_MARKETING]
FIRST = date(2026, 1, 1)
NO = {"refused", "withdrawn", "objected"}
YES = {"granted", "renewed"}
ACTS = [*sorted(ConsentAct), *[ConsentAct.GRANTED] * 4]  # what is given is what can expire or prove wrong


@dataclass(frozen=True)
class Fact:
    """What the house was told, in order; `wrong` is the version of the notice that proved wrong."""

    day: date
    person: str = ""
    purpose: str = ""
    act: str = ""
    until: date | None = None
    version: int | None = None
    wrong: int | None = None


class Naive:
    """The whole history, read from its start for each question."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []

    def stands(self, size: int, day: date, person: str, purpose: str) -> tuple[str, date | None, list[int]]:
        seen = [(n, fact) for n, fact in enumerate(self.facts[:size]) if fact.day <= day]
        own = [(n, f) for n, f in seen if (f.person, f.purpose) == (person, purpose)]
        last = next(((n, f) for n, f in reversed(own) if f.act in NO | YES), None)
        positions = [n for n, _ in own]
        for n, fact in seen:
            if fact.wrong is not None and self.takes_back(n, day, person, purpose):
                positions.append(n)
        positions.sort()
        if last is None:
            return "UNKNOWN", None, positions
        at, fact = last
        if fact.act in NO:
            return ("REFUSED" if fact.act == "refused" else "WITHDRAWN"), fact.day, positions
        wrong = next((f for n, f in seen if n > at and f.wrong is not None and f.wrong == fact.version), None)
        if wrong is not None:
            return "INVALIDATED", wrong.day, positions
        if fact.until is not None and fact.until <= day:
            return "EXPIRED", fact.until, positions
        return ("GIVEN" if fact.act == "granted" else "RENEWED"), fact.day, positions

    def takes_back(self, at: int, day: date, person: str, purpose: str) -> bool:
        """Whether the last word before the notice proved wrong was a yes under it."""
        before = [f for f in self.facts[:at] if (f.person, f.purpose) == (person, purpose) and f.day <= day]
        words = [f for f in before if f.act in NO | YES]
        return bool(words) and words[-1].act in YES and words[-1].version == self.facts[at].wrong

    def ever_said_no(self, size: int, day: date, person: str, purpose: str) -> bool:
        return any(
            fact.act in NO and (fact.person, fact.purpose) == (person, purpose) and fact.day <= day
            for fact in self.facts[:size]
        )

    def is_restricted(self, size: int, day: date, person: str) -> bool:
        laid: dict[str, bool] = {}
        for fact in self.facts[:size]:
            if fact.person == person and fact.day <= day and fact.act in {"restricted", "lifted"}:
                laid[fact.purpose] = fact.act == "restricted"
        return any(laid.values())


class Machine(RuleBasedStateMachine):
    """Does to the standing what entries do to it."""

    def __init__(self) -> None:
        super().__init__()
        # one database in memory per run: what is compared is what the rows say, not how they are kept
        self.engine = create_engine("sqlite://", poolclass=StaticPool)
        metadata.create_all(self.engine)
        self.naive = Naive()
        self.today = FIRST

    def permit(self, purpose: Purpose, size: int, day: date, act: type = Read) -> Permit[Any]:
        """Only what standing looks at."""
        at = datetime.combine(day, time(12), UTC)
        told: dict[str, Any] = {"_controller": THEA, "_purpose": purpose, "_size": Position(size)}
        return mint(Permit, _act=act, _at=at, _life=Life(), **told)

    @property
    def wrong(self) -> set[int | None]:
        return {fact.wrong for fact in self.naive.facts if fact.wrong is not None}

    @rule(
        person=st.sampled_from(PERSONS),
        purpose=st.sampled_from(PURPOSES),
        act=st.sampled_from(ACTS),
        days=st.none() | st.integers(1, 6),
        version=st.sampled_from([1, 2, 1, 2, None]),
    )
    def decides(
        self, person: PersonRef, purpose: Purpose, act: ConsentAct, days: int | None, version: int | None
    ) -> None:
        gives = act.value in YES
        if gives and version in self.wrong:
            return  # the fold refuses it
        until = self.today + timedelta(days=days) if gives and days is not None else None
        size = len(self.naive.facts)
        known, _, _ = self.naive.stands(size, self.today, person, purpose)
        with self.engine.begin() as connection:
            permit = self.permit(purpose, 0, self.today, Write)
            try:
                after(stand(permit, connection, person).state, act)
            except StepRefused:
                assert act is ConsentAct.RENEWED
                assert known not in {"GIVEN", "RENEWED", "EXPIRED"}
                return
            assert act is not ConsentAct.RENEWED or known in {"GIVEN", "RENEWED", "EXPIRED"}
            notice = None if version is None else ("visitors", version)
            one = Said(THEA, person, purpose, act, Position(size), self.today, until, notice)
            record(connection, [one])
        self.naive.facts.append(Fact(self.today, person, purpose, act.value, until, version))

    @precondition(lambda self: len(self.wrong) < 2)
    @rule(version=st.integers(1, 2))
    def a_notice_proves_wrong(self, version: int) -> None:
        if version in self.wrong:
            return  # the fold refuses it
        position = Position(len(self.naive.facts))
        with self.engine.begin() as connection:
            invalidate(connection, THEA, "visitors", version, position, self.today)
        self.naive.facts.append(Fact(self.today, wrong=version))

    @rule(days=st.integers(1, 4))
    def days_pass(self, days: int) -> None:
        self.today += timedelta(days=days)

    def teardown(self) -> None:
        try:
            self.compare()
        finally:
            self.engine.dispose()

    def compare(self) -> None:
        span = (self.today - FIRST).days
        days = [FIRST + timedelta(days=n) for n in {-1, span // 2, span, span + 3}]
        with self.engine.begin() as connection:
            whole = len(self.naive.facts)
            for size in sorted({*range(0, whole, 2), whole}):
                for purpose in PURPOSES:
                    for day in days:
                        for person in PERSONS:
                            found = stand(self.permit(purpose, size, day), connection, person)
                            told = self.naive.stands(size, day, person, purpose)
                            assert (found.state.name, found.since, list(found.said)) == told, (size, day)
                            restricted = self.naive.is_restricted(size, day, person)
                            assert found.is_restricted == restricted, (size, day)
                            SEEN.add(found.state)
                    self.compare_all(connection, size, purpose)

    def compare_all(self, connection: Any, size: int, purpose: Purpose) -> None:
        """Who is out and who agrees, today, as known at this size."""
        permit = self.permit(purpose, size, self.today)
        states = {one: self.naive.stands(size, self.today, one, purpose)[0] for one in PERSONS}
        frozen = {one for one in PERSONS if self.naive.is_restricted(size, self.today, one)}
        assert barred(permit, connection) == frozen | {
            one
            for one, state in states.items()
            if state not in {"GIVEN", "RENEWED"} and self.naive.ever_said_no(size, self.today, one, purpose)
        }
        assert consenting(permit, connection) == {
            one for one, state in states.items() if state in {"GIVEN", "RENEWED"} and one not in frozen
        }


SEEN: set[ConsentState] = set()


def run(examples: int) -> None:
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=18,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=[HealthCheck.too_slow],
            phases=[Phase.generate],  # add Phase.shrink by hand: each step of it asks everything again
        ),
    )


def test_everybody_stands_where_the_naive_model_says_at_every_size_and_day() -> None:
    SEEN.clear()
    run(15)
    assert set(ConsentState) == SEEN, "every state was met"


@pytest.mark.parametrize("broken", ["expired", "invalidated"])
def test_the_model_can_be_wrong(monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    """A machine that cannot fail proves nothing."""
    monkeypatch.setattr(standing_module, broken, lambda state: state)
    with pytest.raises(AssertionError):
        run(15)
