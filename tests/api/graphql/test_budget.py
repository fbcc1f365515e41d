from __future__ import annotations

from dataclasses import replace

import pytest
from graphql import parse

from api.errors import Code
from api.graphql.budget import Weight, weigh
from api.graphql.documents import Documents
from api.graphql.errors import RequestRefused
from api.graphql.execute import Executor
from api.graphql.limits import LIMITS, Limits
from api.graphql.request import GraphQLRequest
from schema.scopes import core
from tests.schema import toy
from tests.schema.toy import EVERYTHING, Calls

CORE = core(toy.build())
EXECUTOR = Executor(toy.build())


def code_of(text: str, limits: Limits = LIMITS) -> str:
    with pytest.raises(RequestRefused) as refusal:
        weigh(parse(text), limits)
    return refusal.value.faults[0].problem.code


def weight(text: str) -> Weight:
    return weigh(parse(text), LIMITS)


def doubling(count: int, leaf: str = "c") -> str:
    """Fragments that each spread the next twice: 2^count leaves, were they spread out."""
    chain = [f"fragment F{i} on Query {{ ...F{i + 1} ...F{i + 1} }}" for i in range(count)]
    return " ".join(["{ ...F0 }", *chain, f"fragment F{count} on Query {{ {leaf} }}"])


def test_fragments_count_as_often_as_they_are_spread() -> None:
    measured = weight("{ a { ...F } b { ...F } } fragment F on T { x: c @skip(if: true) d { e } }")
    assert (measured.fields, measured.aliases, measured.directives, measured.depth) == (8, 2, 2, 3)
    assert measured.root_fields == 2


@pytest.mark.parametrize("leaf", ["c", "x: c", "c @skip(if: true)"])
def test_an_exponential_chain_of_sixty_fragments_is_refused_with_little_work(leaf: str) -> None:
    text = doubling(58, leaf)
    assert code_of(text) == Code.DOCUMENT_TOO_COMPLEX
    roomy = replace(LIMITS, fields=10**30, aliases=10**30, directives=10**30, root_fields=10**30)
    measured = weigh(parse(text), roomy)
    assert max(measured.fields, measured.aliases, measured.directives) == 2**58
    # one look at each selection, one at each spread while adding up, and at each selection for overlaps
    assert measured.steps < 4_500


def test_work_grows_with_the_document_and_not_with_what_it_expands_to() -> None:
    roomy = replace(LIMITS, fields=10**30, root_fields=10**30)
    short, long = (weigh(parse(doubling(n)), roomy).steps for n in (14, 56))
    assert long < short * 20


def test_a_chain_that_ends_in_nothing_is_no_work_either() -> None:
    text = doubling(57).replace("{ c }", "{ }")
    assert weight(text).steps < 4_500


def test_fragments_that_nothing_spreads_are_held_too() -> None:
    tree = " ".join(
        f"fragment F{i} on Query {{ a {{ ...F{i + 1} }} b {{ ...F{i + 1} }} }}" for i in range(30)
    )
    assert code_of("{ c } " + tree + " fragment F30 on Query { c }") == Code.DOCUMENT_TOO_COMPLEX


@pytest.mark.parametrize(
    "text",
    [
        "{ ...A } fragment A on Query { ...A }",
        "{ ...A } fragment A on Query { ...B } fragment B on Query { a { ...C } } fragment C on Query { ...A }",
        "{ c } fragment A on Query { ...B } fragment B on Query { ...A }",
    ],
)
def test_circular_fragments_are_refused(text: str) -> None:
    assert code_of(text) == Code.VALIDATION


@pytest.mark.parametrize(
    ("within", "beyond"),
    [
        (" ".join(["a { b c d }"] * 3), " ".join(f"a{i}: a" for i in range(51))),  # aliases
        ("a {" * 11 + "c" + "}" * 11, "a {" * 12 + "c" + "}" * 12),  # depth
        (" ".join(f"a{i}" for i in range(20)), " ".join(f"a{i}" for i in range(21))),  # root fields
        ("a " + "@skip(if: true) " * 50, "a " + "@skip(if: true) " * 51),  # directives
        ("a { " + " ".join(["b"] * 28) + " }", "a { " + " ".join(["b"] * 30) + " }"),  # overlaps
        ("... {" * 50 + "a" + "}" * 50, "... {" * 60 + "a" + "}" * 60),  # nesting
    ],
)
def test_each_bound_is_inclusive(within: str, beyond: str) -> None:
    assert weight("{ " + within + " }").definitions == 1
    assert code_of("{ " + beyond + " }") == Code.DOCUMENT_TOO_COMPLEX


def test_fields_definitions_and_operations_are_bounded() -> None:
    wide = (
        "{ " + " ".join(f"r{i} {{ " + " ".join(f"f{j}" for j in range(27)) + " }" for i in range(18)) + " }"
    )
    assert code_of(wide) == Code.DOCUMENT_TOO_COMPLEX
    assert code_of("{ c } " + " ".join(f"fragment F{i} on Query {{ c }}" for i in range(60)))
    assert code_of(" ".join(f"query Q{i} {{ c }}" for i in range(11))) == Code.DOCUMENT_TOO_COMPLEX


def test_overlaps_are_counted_through_fragments_and_beneath_merged_fields() -> None:
    assert weight("{ a { x y } a { x y } }").overlaps == 3
    assert weight("{ a { x } ...F } fragment F on Query { a { x } }").overlaps == 2
    assert weight("{ a { x } b { x } }").overlaps == 0


def test_the_introspection_of_common_tools_passes() -> None:
    from graphql import get_introspection_query

    query = get_introspection_query(specified_by_url=True, input_value_deprecation=True)
    executed = EXECUTOR.run(GraphQLRequest(query), frozenset(), Calls())
    assert not executed.faults
    assert executed.data is not None
    assert executed.data["__schema"]["queryType"]["name"] == "Query"
    assert executed.cost == 0


@pytest.mark.parametrize(
    "text",
    [
        '{ a: __schema { types { name } } b: __schema { types { name } } __type(name: "Int") { name } }',
        "{ __schema { types { fields { " + " ".join(f"a{i}: name" for i in range(6)) + " } } } }",
        "{ __schema { types { fields { type { fields { name } } } } } }",
        """{ __schema { types { ...F } } } fragment F on __Type { fields { type { ...G } } }
        fragment G on __Type { inputFields { name } }""",
    ],
)
def test_introspection_cannot_be_multiplied(text: str) -> None:
    assert code_of(text) == Code.DOCUMENT_TOO_COMPLEX


def test_a_field_of_ours_may_be_called_fields() -> None:
    assert weight("{ a { fields { fields { x: name } } } }").introspection_lists == 0


def refused_code(text: str, limits: Limits = LIMITS) -> str:
    with pytest.raises(RequestRefused) as refusal:
        Documents(CORE, limits).get(text)
    return refusal.value.faults[0].problem.code


def test_tokens_comments_and_bytes_are_bounded_before_parsing_goes_on() -> None:
    assert refused_code("{ " + "name " * 1_000 + "}") == Code.DOCUMENT_TOO_COMPLEX
    assert refused_code("#\n" * 1_001 + "{ __typename }") == Code.DOCUMENT_TOO_COMPLEX
    assert refused_code("{ __typename }" + " " * 32 * 1024) == Code.DOCUMENT_TOO_COMPLEX
    assert refused_code("{ é" + "é" * 16 * 1024) == Code.DOCUMENT_TOO_COMPLEX


def test_deep_nesting_is_refused_and_never_recursed_into() -> None:
    assert refused_code("{" + "a{" * 150 + "c" + "}" * 151) == Code.DOCUMENT_TOO_COMPLEX
    assert refused_code("{" + "a{" * 300 + "c" + "}" * 301) == Code.SYNTAX
    assert refused_code("{ audience(where: " + "[" * 300 + "]" * 300 + ") { __typename } }") == Code.SYNTAX


def test_documents_are_kept_within_their_bounds_and_refused_ones_never() -> None:
    documents = Documents(CORE, LIMITS, entries=3, text_bytes=1_000)
    texts = [f"query Q{i} {{ __typename }}" for i in range(5)]
    first = documents.get(texts[0])
    assert documents.get(texts[0]) is first
    for text in texts[1:]:
        documents.get(text)
    assert len(documents) == 3
    assert documents.get(texts[0]) is not first
    with pytest.raises(RequestRefused):
        documents.get("{ unknown }")
    assert len(documents) == 3
    documents.get("{ __typename }" + " " * 990)
    assert len(documents) == 0 or len(documents) == 1


def cost(text: str, **variables: object) -> int:
    return EXECUTOR.prepare(GraphQLRequest(text, variables), EVERYTHING).cost


def test_a_connection_costs_its_page_times_what_is_in_it() -> None:
    one = "{ houses(first: 1) { edges { node { name } } } }"
    assert cost(one) == 3
    assert cost(one.replace("1", "50")) == 150
    assert cost("query ($n: Int!) { houses(first: $n) { edges { node { name } } } }", n=50) == 150
    assert cost("{ houses { edges { node { name } } } }") == 6
    spread = "{ houses(first: 50) { ...P } } fragment P on HouseConnection { edges { node { name } } }"
    assert cost(spread) == 150


@pytest.mark.parametrize("first", [0, -1, 101, 1_000_000_000])
def test_a_page_outside_its_bounds_is_refused_in_document_and_variables(first: int) -> None:
    for text, given in [
        (f"{{ houses(first: {first}) {{ edges {{ cursor }} }} }}", {}),
        ("query ($n: Int!) { houses(first: $n) { edges { cursor } } }", {"n": first}),
        ("query ($n: Int! = " + str(first) + ") { houses(first: $n) { edges { cursor } } }", {}),
    ]:
        with pytest.raises(RequestRefused) as refusal:
            EXECUTOR.prepare(GraphQLRequest(text, given), EVERYTHING)
        assert refusal.value.faults[0].problem.code == Code.BAD_USER_INPUT


def test_pages_within_pages_are_refused_above_the_bound() -> None:
    inner = "neighbours(first: 100) { edges { node { name } } }"
    with pytest.raises(RequestRefused) as refusal:
        cost("{ houses(first: 100) { edges { node { " + inner + " } } } }")
    assert refusal.value.faults[0].problem.code == Code.DOCUMENT_TOO_COMPLEX
