from __future__ import annotations

from typing import Any

import pytest
from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    OperationDefinitionNode,
    execute_sync,
    get_variable_values,
    parse,
    print_ast,
    validate,
)
from graphql.execution.values import VariableValues

from consent_ledger.vocabulary import Scope
from schema.access import Access, check
from schema.blanking import Blanked, blank
from schema.rule import Granted
from schema.scopes import SchemaScopes, core
from tests.schema import toy
from tests.schema.asking import Asker, Judge, says_nothing
from tests.schema.toy import AGE, AUDIENCES, EVERYTHING, PLACE, SPEND, Calls

SCHEMA = toy.build()
CORE = core(SCHEMA)
SCOPES = SchemaScopes.read(SCHEMA)


def read(
    text: str, given: dict[str, Any] | None = None
) -> tuple[OperationDefinitionNode, dict[str, FragmentDefinitionNode], VariableValues]:
    document = parse(text)
    assert validate(CORE, document) == []
    operation = next(d for d in document.definitions if isinstance(d, OperationDefinitionNode))
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    variables = get_variable_values(CORE, operation.variable_definitions or (), given or {})
    assert isinstance(variables, VariableValues)
    return operation, fragments, variables


def access(text: str, *granted: Scope, **given: Any) -> Access:
    operation, fragments, variables = read(text, given)
    return check(CORE, SCOPES, operation, fragments, variables=variables, granted=frozenset(granted))


def denied(text: str, *granted: Scope, **given: Any) -> list[str]:
    return [denial.coordinate for denial in access(text, *granted, **given).denials]


def run(text: str, granted: Granted, given: dict[str, Any]) -> tuple[Blanked, Any, list[str]]:
    """The blanked document, the restored data and the resolvers that ran."""
    operation, fragments, variables = read(text, given)
    found = check(CORE, SCOPES, operation, fragments, variables=variables, granted=granted)
    blanked, calls = blank(operation, fragments, found), Calls()
    data = stock(blanked.document, given, calls)
    blanked.restore(data)
    return blanked, data, calls.called


def stock(
    document: DocumentNode, given: dict[str, Any], calls: Calls, middleware: Any = None
) -> dict[str, Any]:
    result = execute_sync(
        CORE,
        document,
        context_value=calls,
        variable_values=given,
        middleware=middleware,
        executor_class=SCHEMA.execution_context_class,
    )
    assert not result.errors, result.errors
    assert result.data is not None
    return result.data


def test_a_field_is_denied_with_what_it_requires_and_what_is_missing() -> None:
    found = access("{ houses { edges { node { money: worth name } } } }", AUDIENCES)
    (denial,) = found.denials
    assert denial.coordinate == "House.worth"
    assert denial.rule.listed() == [["audiences:read.spend"]]
    assert denial.missing == (SPEND,)
    assert denial.keys == ("houses", "edges", "node", "money")
    assert not found.refused


def test_an_alternative_is_enough_and_the_nearest_is_named() -> None:
    question = "{ houses { edges { node { benchmark } } } }"
    assert denied(question, Scope.BENCHMARKS_READ) == []
    assert denied(question, Scope.SEGMENTS_READ, Scope.OVERLAP_READ) == []
    (denial,) = access(question, Scope.OVERLAP_READ).denials
    assert len(denial.missing) == 1


def test_a_filter_on_a_group_that_the_token_lacks_is_seen_in_the_document() -> None:
    question = "{ houses { edges { node { name audience(where: {both: [{band: YOUNG}]}) { bookers } } } } }"
    assert denied(question, AUDIENCES) == ["Filter.band", "Band.YOUNG"]
    assert denied(question, AUDIENCES, AGE) == []


@pytest.mark.parametrize(
    "where",
    [
        {"band": "YOUNG"},
        {"both": [{"firstTime": True}, {"both": [{"band": "OLD"}]}]},
        {"both": {"band": "OLD"}},
        {"band": None},
    ],
)
def test_a_filter_on_a_group_that_the_token_lacks_is_seen_in_variables(where: dict[str, Any]) -> None:
    question = "query ($w: Filter) { houses { edges { node { name audience(where: $w) { bookers } } } } }"
    assert "Filter.band" in denied(question, AUDIENCES, w=where)
    assert denied(question, AUDIENCES, AGE, w=where) == []


@pytest.mark.parametrize(
    ("question", "given"),
    [
        ("query ($s: Split) { audience(split: $s) { __typename ... on Withheld { sentence } } }", {"s": "AGE_BAND"}),
        ("query ($s: Split = AGE_BAND) { audience(split: $s) { ... on Withheld { sentence } } }", {}),
        ("query ($s: Split!) { audience(where: {split: $s}) { ... on Withheld { sentence } } }", {"s": "AGE_BAND"}),
        ("query ($f: [Filter!]) { audience(where: {both: $f}) { ... on Withheld { sentence } } }",
         {"f": [{"split": "AGE_BAND"}]}),
        ("query ($f: Filter = {split: AGE_BAND}) { audience(where: $f) { ... on Withheld { sentence } } }", {}),
        ("query ($f: Filter!) { audience(where: {both: [{}, $f]}) { ... on Withheld { sentence } } }",
         {"f": {"split": "AGE_BAND"}}),
    ],
)  # fmt: skip
def test_an_enum_value_is_seen_wherever_it_stands(question: str, given: dict[str, Any]) -> None:
    assert denied(question, AUDIENCES, **given) == ["Split.AGE_BAND"]
    assert denied(question, AUDIENCES, AGE, **given) == []


def test_an_argument_is_used_when_it_is_given_and_only_then() -> None:
    question = "query ($p: String) { houses { edges { node { name audience(postcode: $p) { bookers } } } } }"
    assert denied(question, AUDIENCES, p="1012") == ["House.audience(postcode:)"]
    assert denied(question, AUDIENCES, p=None) == ["House.audience(postcode:)"]
    assert denied(question, AUDIENCES) == []
    assert denied(question, AUDIENCES, PLACE, p="1012") == []


def test_what_is_skipped_needs_no_scope() -> None:
    question = """query ($yes: Boolean!) { houses { edges { node { name
        worth @include(if: $yes) ... @include(if: $yes) { benchmark } ...A @skip(if: true) } } } }
        fragment A on House { audience { bookers } }"""
    assert denied(question, yes=False) == []
    assert set(denied(question, yes=True)) == {"House.worth", "House.benchmark"}


def test_a_fragment_that_is_skipped_in_one_place_is_seen_in_another() -> None:
    question = """{ houses { edges { node { name ...A @skip(if: true) ... { ...A } } } } }
        fragment A on House { worth }"""
    assert denied(question) == ["House.worth"]


def test_a_fragment_beneath_a_denied_field_is_still_denied_where_it_is_reached() -> None:
    question = """{ a: houses { edges { node { name audience { ...A } } } }
        audience { ... on Audience { ...A } } } fragment A on Audience { spend bookers }"""
    assert denied(question) == ["Query.audience", "House.audience"]
    assert denied(question, AUDIENCES) == ["Audience.spend"]
    two = """{ houses { edges { node { one: audience(postcode: "1") { ...A } two: audience { ...A } } } } }
        fragment A on Audience { spend bookers }"""
    found = access(two, AUDIENCES)
    assert [denial.coordinate for denial in found.denials] == ["House.audience(postcode:)", "Audience.spend"]
    assert found.denials[1].keys == ("houses", "edges", "node", "two", "spend")


def test_what_lies_beneath_a_denied_field_is_named_in_what_is_lacking_but_not_as_an_error() -> None:
    found = access("{ houses { edges { cursor node { audience { spend } } } } }")
    assert [denial.coordinate for denial in found.denials] == ["House.audience"]
    assert set(found.lacking) == {AUDIENCES, SPEND}


def test_when_nothing_but_type_names_is_left_the_operation_is_refused() -> None:
    assert access("{ __typename audience { __typename ... on Audience { bookers } } }").refused
    assert access("{ houses { edges { node { __typename worth } } } }").refused
    assert not access("{ houses { edges { node { id worth } } } }").refused
    assert not access("{ __typename }").refused
    assert not access("{ houses { edges { __typename } } }").refused


def test_a_mutation_with_one_denied_coordinate_is_refused_whole() -> None:
    act = 'mutation { withdraw(person: "p") { done price } }'
    assert access(act, Scope.CONSENT_WRITE).refused
    assert not access(act, Scope.CONSENT_WRITE, SPEND).refused
    assert access(
        'mutation { withdraw(person: "p", where: {pc4: []}) { done } }', Scope.CONSENT_WRITE
    ).refused
    two = 'mutation ($s: Boolean!) { a: withdraw(person: "p") { done price @skip(if: $s) } }'
    assert not access(two, Scope.CONSENT_WRITE, s=True).refused


def test_introspection_asks_no_scope() -> None:
    question = '{ __schema { types { name fields { name } } } __type(name: "Audience") { name } }'
    found = access(question)
    assert found.denials == ()


def test_the_blanked_document_no_longer_names_what_was_denied() -> None:
    question = """query ($w: Filter) { houses { edges { node { x: worth ...A audience(where: $w) { bookers } } } } }
        fragment A on Named { worth name }"""
    blanked, data, called = run(question, frozenset({AUDIENCES}), {"w": {"pc4": ["1012"]}})
    text = print_ast(blanked.document)
    assert "worth" not in text
    assert "where" not in text
    node = {"x": None, "worth": None, "name": "name of h0", "audience": None}
    assert data["houses"]["edges"][0]["node"] == node
    assert list(data["houses"]["edges"][0]["node"]) == list(node)
    assert set(called) == {"Query.houses", "name"}


def test_a_denied_value_in_a_union_is_not_taken_for_its_neighbours_value() -> None:
    # Hall.label says `House`, which is also the type name that stands in for the blanked field.
    question = "{ search { ... on House { x: benchmark } ... on Hall { x: label } } }"
    _, data, called = run(question, frozenset(), {})
    assert data == {"search": [{"x": None}, {"x": "House"}]}
    assert called == ["Hall.label"]


def test_the_content_of_a_scalar_and_the_aliases_of_the_caller_are_left_alone() -> None:
    question = (
        """{ houses { edges { node { name audience { _denied_0: spend _denied_1: raw raw spend } } } } }"""
    )
    _, data, _ = run(question, frozenset({AUDIENCES}), {})
    raw = {"_denied_0": 1, "spend": 2}
    audience = {"_denied_0": None, "_denied_1": raw, "raw": raw, "spend": None}
    assert data["houses"]["edges"][1]["node"]["audience"] == audience


def test_nulled_values_are_counted_and_the_first_is_placed() -> None:
    operation, fragments, variables = read("{ houses(first: 3) { edges { node { id worth } } } }")
    found = check(CORE, SCOPES, operation, fragments, variables=variables, granted=frozenset())
    blanked = blank(operation, fragments, found)
    result = execute_sync(CORE, blanked.document, context_value=Calls())
    assert result.data is not None
    nulled = blanked.restore(result.data)["House.worth"]
    assert (nulled.count, nulled.first) == (3, ("houses", "edges", 0, "node", "worth"))


def test_the_document_that_others_share_is_left_as_it_was() -> None:
    operation, fragments, variables = read(
        "{ houses { edges { node { ...A id } } } } fragment A on House { worth }"
    )
    before = print_ast(operation) + print_ast(fragments["A"])
    found = check(CORE, SCOPES, operation, fragments, variables=variables, granted=frozenset())
    blank(operation, fragments, found)
    assert print_ast(operation) + print_ast(fragments["A"]) == before


TOKENS = [
    frozenset[Scope](),
    frozenset({AUDIENCES}),
    frozenset({AUDIENCES, SPEND}),
    frozenset({AUDIENCES, AGE, Scope.BENCHMARKS_READ}),
    frozenset({SPEND, PLACE}),
    frozenset({AUDIENCES, PLACE, Scope.SEGMENTS_READ}),
    EVERYTHING,
]


@pytest.mark.parametrize("block", range(6))
def test_no_question_gets_around_its_scopes(block: int) -> None:
    """The answer to a blanked document equals that of a stock execution which asks at every field."""
    asked = with_denials = 0
    for seed in range(block * 30, block * 30 + 30):
        text, given = Asker(CORE, seed).document()
        document = parse(text)
        if len(text) > 1_500 or validate(CORE, document):
            continue
        asked += 1
        operation, fragments, variables = read(text, given)
        for granted in TOKENS:
            judge, judged, calls = Judge(SCOPES, granted, given), Calls(), Calls()
            expected = stock(document, given, judged, middleware=[judge])
            found = check(CORE, SCOPES, operation, fragments, variables=variables, granted=granted)
            blanked = blank(operation, fragments, found)
            data = stock(blanked.document, given, calls)
            blanked.restore(data)
            assert data == expected, text
            assert calls.called == judged.called, text
            assert found.denials or not judge.denied, text
            assert not found.refused or says_nothing(data), text
            with_denials += bool(judge.denied)
    assert asked > 12
    assert with_denials > 12


def test_where_a_key_was_both_blanked_and_served_null_wins() -> None:
    operation, fragments, variables = read("{ named { worth id } }")
    found = check(CORE, SCOPES, operation, fragments, variables=variables, granted=frozenset())
    data: dict[str, Any] = {"named": [{"_denied_0": "House", "worth": 5, "id": "h"}]}
    blank(operation, fragments, found).restore(data)
    assert data == {"named": [{"worth": None, "id": "h"}]}
