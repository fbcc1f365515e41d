"""
GraphQL errors in the one error shape: graphql-core's messages, without the values that came in.

graphql-core repeats offending values (`Int cannot represent non-integer value: 'jan@…'`); a value may be
personal, so it is cut off here: the caller knows what it sent, our answers and logs need not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from graphql import GraphQLError

from api.errors import Code, Problem


@dataclass(frozen=True, slots=True)
class Fault:
    """A problem at its place in the document and in the answer."""

    problem: Problem
    path: tuple[str | int, ...] | None = None
    locations: tuple[tuple[int, int], ...] = ()


class RequestRefused(Exception):
    """
    Nothing of the request was run.

    `well_formed` says that a GraphQL request was understood as such: over `application/json` such a
    refusal is answered with status 200 (GraphQL over HTTP, 6.4.1).
    """

    def __init__(self, faults: Iterable[Fault], *, well_formed: bool = True) -> None:
        self.faults = tuple(faults)
        self.well_formed = well_formed
        super().__init__(", ".join(sorted({fault.problem.code for fault in self.faults})))


def refuse(code: Code, sentence: str, next_step: str, *, well_formed: bool = True) -> RequestRefused:
    return RequestRefused([Fault(Problem(code, sentence, next_step))], well_formed=well_formed)


_NEXT_STEP = {
    Code.SYNTAX: "Correct the document; the location says where reading stopped.",
    Code.VALIDATION: "Correct the document against the schema at /schema.graphql.",
    Code.BAD_USER_INPUT: "Send a value that fits the type named in the schema at /schema.graphql.",
}


def refused(code: Code, errors: Iterable[GraphQLError]) -> RequestRefused:
    """A refusal from graphql-core's own errors about a document or about variables."""
    return RequestRefused(
        Fault(
            Problem(code, without_value(error.message), _NEXT_STEP[code]),
            locations=tuple((place.line, place.column) for place in error.locations or ()),
        )
        for error in errors
    )


# Where graphql-core begins to repeat what came in. Each is cut from there on.
_REPEATS = re.compile(
    r"(,|;|\.) ([Ff]ound):? .*$"
    r"|, but encountered error .*$"
    r"|: .*$",
    re.DOTALL,
)
_VARIABLE = re.compile(r"^(Variable '\$\w+' has invalid (?:default )?value(?: at [\w.\[\]]+)?): ", re.DOTALL)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|\b(?:Block)?String ".*"', re.DOTALL)
# A key of an object in a variable may be any text; one that could be a name is a help to its author.
_UNKNOWN = re.compile(r"(?<=unknown field) '(?!\w{1,64}')[^\n]*?'(?=[.,])", re.DOTALL)
_ENUM = re.compile(r"^Value '.*?' does not exist in '(\w+)' enum\..*$", re.DOTALL)


def without_value(message: str) -> str:
    """A message of graphql-core without what it repeats of literals and variables."""
    head, rest = "", message
    if match := _VARIABLE.match(message):
        head, rest = f"{match[1]}: ", message[match.end() :]
    if message.startswith("Syntax Error: "):
        head, rest = "Syntax Error: ", message[len("Syntax Error: ") :]
    rest = _ENUM.sub(r"Such a value does not exist in '\1' enum.", rest)
    rest = _UNKNOWN.sub("", rest)
    rest = _QUOTED.sub("a string", rest)
    rest = _REPEATS.sub(".", rest)
    return head + rest
