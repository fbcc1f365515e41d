from __future__ import annotations

import pytest

from api.errors import INTERNAL, Code, Problem, problem_of
from consent_ledger.vocabulary import Position

PROBLEM = Problem(
    Code.INSUFFICIENT_SCOPE, "The token lacks a scope.", "Have it granted.", {"missing": ["me:read"]}
)
SHAPE = {
    "code": "INSUFFICIENT_SCOPE",
    "sentence": "The token lacks a scope.",
    "nextStep": "Have it granted.",
    "requestId": "r",
    "ledgerPosition": 7,
}


def test_one_shape_over_graphql_and_rest() -> None:
    graphql = PROBLEM.graphql(request_id="r", ledger_position=Position(7), path=("a", 0))
    rest = PROBLEM.rest(request_id="r", ledger_position=Position(7))
    assert graphql["extensions"] == {"missing": ["me:read"], **SHAPE}
    assert graphql["message"] == rest["detail"] == PROBLEM.sentence
    assert graphql["path"] == ["a", 0]
    assert {key: rest[key] for key in SHAPE} == SHAPE
    assert (rest["status"], rest["missing"]) == (403, ["me:read"])
    assert {"type", "title", "status", "detail", "instance"} <= rest.keys()


def test_details_never_replace_the_shape() -> None:
    sly = Problem(Code.INTERNAL, "Ours.", "Wait.", {"code": "OK", "status": 200, "requestId": "other"})
    assert sly.graphql(request_id="r", ledger_position=None)["extensions"]["code"] == "INTERNAL"
    rest = sly.rest(request_id="r", ledger_position=None)
    assert (rest["code"], rest["status"], rest["requestId"]) == ("INTERNAL", 500, "r")


def test_a_terminal_reads_code_sentence_and_next_step() -> None:
    assert PROBLEM.terminal(request_id="r").splitlines() == [
        "INSUFFICIENT_SCOPE: The token lacks a scope.",
        "Have it granted.",
        "Request r",
    ]


class Spoken(Exception):
    code = "AGREEMENT_ENDED"
    sentence = "The agreement has ended."


class Foreign(Exception):
    code = "e3q8"
    sentence = "jan@example.nl"


@pytest.mark.parametrize("error", [ValueError("jan@example.nl"), Foreign(), OSError(2, "jan")])
def test_foreign_exceptions_are_masked(error: Exception) -> None:
    assert problem_of(error) is INTERNAL


def test_exceptions_of_the_house_speak_for_themselves() -> None:
    assert problem_of(Spoken()) == Problem("AGREEMENT_ENDED", "The agreement has ended.", "")
