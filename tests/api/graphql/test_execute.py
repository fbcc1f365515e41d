from __future__ import annotations

from typing import Any

import pytest

from api.errors import Code
from api.graphql.errors import RequestRefused, without_value
from api.graphql.execute import Executed, Executor
from api.graphql.request import GraphQLRequest
from consent_ledger.vocabulary import Scope
from schema.uses import variable_uses
from tests.schema import toy
from tests.schema.toy import AGE, AUDIENCES, SPEND, Calls

EXECUTOR = Executor(toy.build())


def run(text: str, *granted: Scope, calls: Calls | None = None, **given: Any) -> Executed:
    return EXECUTOR.run(GraphQLRequest(text, given), frozenset(granted), calls or Calls())


def refusal(text: str, operation_name: str | None = None, **given: Any) -> RequestRefused:
    with pytest.raises(RequestRefused) as refused:
        EXECUTOR.prepare(GraphQLRequest(text, given, operation_name), frozenset(Scope))
    return refused.value


def test_siblings_of_a_denied_field_are_served_with_one_error_for_all_rows() -> None:
    executed = run("{ houses(first: 3) { edges { node { id worth } } } }")
    assert executed.data is not None
    nodes = [edge["node"] for edge in executed.data["houses"]["edges"]]
    assert nodes == [{"id": f"h{i}", "worth": None} for i in range(3)]
    (fault,) = executed.faults
    assert fault.problem.code == Code.INSUFFICIENT_SCOPE
    assert fault.path == ("houses", "edges", 0, "node", "worth")
    assert fault.problem.details == {
        "coordinate": "House.worth",
        "required": [["audiences:read.spend"]],
        "missing": ["audiences:read.spend"],
        "values": 3,
    }


def test_a_denied_filter_in_variables_nulls_its_field_and_its_resolver_never_runs() -> None:
    calls = Calls()
    text = "query ($w: Filter) { houses(first: 1) { edges { node { id audience(where: $w) { bookers } } } } }"
    executed = run(text, AUDIENCES, calls=calls, w={"both": [{"band": "OLD"}]})
    assert executed.data == {"houses": {"edges": [{"node": {"id": "h0", "audience": None}}]}}
    assert calls.called == ["Query.houses"]
    assert {fault.problem.details["coordinate"] for fault in executed.faults} == {"Filter.band", "Band.OLD"}
    assert run(text, AUDIENCES, AGE, w={"band": "OLD"}).faults == ()


def test_a_mutation_with_a_denied_coordinate_runs_nothing() -> None:
    calls = Calls()
    executed = run('mutation { withdraw(person: "p") { done price } }', Scope.CONSENT_WRITE, calls=calls)
    assert executed.refused
    assert executed.data is None
    assert calls.called == []
    assert executed.lacking == (SPEND,)


def test_all_denied_is_refused_and_names_all_that_is_lacking() -> None:
    calls = Calls()
    executed = run("{ audience { __typename ... on Audience { spend } } }", calls=calls)
    assert executed.refused
    assert set(executed.lacking) == {AUDIENCES, SPEND}
    assert calls.called == []


def test_an_error_of_the_house_is_shown_and_any_other_is_masked() -> None:
    executed = run("{ ended broken houses { edges { cursor } } }")
    ended, broken = executed.faults
    assert (ended.problem.code, ended.problem.sentence) == ("AGREEMENT_ENDED", "The agreement has ended.")
    assert ended.path == ("ended",)
    assert broken.problem.code == Code.INTERNAL
    assert "jan" not in broken.problem.sentence
    assert [type(defect) for defect in executed.defects] == [ValueError]


def test_the_operation_is_chosen_by_name() -> None:
    two = "query A { __typename } query B { b: __typename }"
    executed = EXECUTOR.run(GraphQLRequest(two, {}, "B"), frozenset(), Calls())
    assert executed.data == {"b": "Query"}
    for name in (None, "C"):
        assert refusal(two, name).faults[0].problem.code == Code.BAD_REQUEST


def test_only_what_the_chosen_operation_uses_is_asked() -> None:
    two = "query A { houses { edges { cursor ...F } } } query B { audience { ...G } } "
    parts = "fragment F on HouseEdge { cursor } fragment G on Audience { bookers }"
    executed = EXECUTOR.run(GraphQLRequest(two + parts, {}, "A"), frozenset(), Calls())
    assert executed.faults == ()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{ nothing }", Code.VALIDATION),
        ("{ houses(size: 3) { edges { cursor } } }", Code.VALIDATION),
        ("{ houses { ...Unknown } }", Code.VALIDATION),
        ("{ houses { edges { cursor }", Code.SYNTAX),
        ("", Code.SYNTAX),
        ("query ($n: Int!) { houses(first: $n) { edges { cursor } } }", Code.BAD_USER_INPUT),
        ("type Query { a: Int }", Code.VALIDATION),
        ("subscription { a }", Code.VALIDATION),
        ("{ houses(first: " + "9" * 5_000 + ") { edges { cursor } } }", Code.VALIDATION),
    ],
)
def test_what_does_not_fit_the_schema_is_refused_with_its_code(text: str, code: Code) -> None:
    assert refusal(text).faults[0].problem.code == code


def test_a_null_variable_where_null_is_not_taken_is_the_callers_error() -> None:
    text = "query ($n: Int = 2) { houses(first: $n) { edges { cursor } } }"
    with_null = run(text, n=None)
    (fault,) = with_null.faults
    assert fault.problem.code == Code.BAD_USER_INPUT
    assert with_null.defects == ()


PERSONAL = "jan.jansen@example.nl"


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ('{ houses(first: "PERSONAL") { edges { cursor } } }', {}),
        ('{ audience(where: "PERSONAL") { __typename } }', {}),
        ('{ audience(where: {band: "PERSONAL"}) { __typename } }', {}),
        ('{ audience(where: {nope: "PERSONAL"}) { __typename } }', {}),
        ('{ audience(where: {pc4: [{a: "PERSONAL"}]}) { __typename } }', {}),
        ('{ audience(withheld: "PERSONAL") { __typename } }', {}),
        ('{ "PERSONAL" }', {}),
        ('{ houses "PERSONAL', {}),
        ('query ($n: Int! = "PERSONAL") { houses(first: $n) { edges { cursor } } }', {}),
        ("query ($n: Int!) { houses(first: $n) { edges { cursor } } }", {"n": PERSONAL}),
        ("query ($w: Filter) { audience(where: $w) { __typename } }", {"w": PERSONAL}),
        ("query ($w: Filter) { audience(where: $w) { __typename } }", {"w": {PERSONAL: 1}}),
        ("query ($w: Filter) { audience(where: $w) { __typename } }", {"w": {"band": PERSONAL}}),
        ("query ($w: Filter) { audience(where: $w) { __typename } }", {"w": {"split": None, "pc4": [PERSONAL]}}),
        ("query ($w: Filter) { audience(where: $w) { __typename } }", {"w": {"both": [{"firstTime": PERSONAL}]}}),
        ("query ($s: Split!) { audience(split: $s) { __typename } }", {"s": {"x": PERSONAL}}),
    ],
)  # fmt: skip
def test_no_value_that_came_in_comes_back_in_an_error(text: str, given: dict[str, Any]) -> None:
    found = refusal(text.replace("PERSONAL", PERSONAL), **given)
    said = " ".join(fault.problem.sentence + fault.problem.next_step for fault in found.faults)
    assert "jan" not in said, said
    assert "example" not in said, said


def test_what_helps_is_kept_in_an_error() -> None:
    assert without_value("Cannot query field 'nam' on type 'House'. Did you mean 'name'?").endswith("'name'?")
    assert (
        without_value(
            "Variable '$w' has invalid value at .both[0].firstTime: Boolean cannot represent a non boolean value: 'x'"
        )
        == "Variable '$w' has invalid value at .both[0].firstTime: Boolean cannot represent a non boolean value."
    )
    unknown = "Expected value of type 'Filter' not to include unknown field 'nope', found: {'nope': 'x'}."
    assert without_value(unknown) == "Expected value of type 'Filter' not to include unknown field 'nope'."


def test_long_lists_in_a_variable_are_walked_once_however_often_they_are_used() -> None:
    names = " ".join(f"a{i}: audience(where: $w) {{ __typename }}" for i in range(20))
    given = {"both": [{"split": "MONTH"}] * 2_000}
    calls: list[str] = []

    def counting(name: str, *rest: Any) -> Any:
        calls.append(name)
        return variable_uses(name, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("schema.access.variable_uses", counting)
        EXECUTOR.prepare(GraphQLRequest(f"query ($w: Filter) {{ {names} }}", {"w": given}), frozenset())
    assert calls == ["w"]
