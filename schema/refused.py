"""Refusals and withheld figures as values: code, sentence, and what would help."""

from __future__ import annotations

import strawberry

from consent_ledger.permit import Failing, Refusal
from consent_ledger.reasons import EXPLAINED, Text, Who
from consent_ledger.vocabulary import Reason
from schema.directives import OPEN
from schema.words import InLanguage, Language


def said(text: Text, language: Language) -> str:
    """The sentence in this language."""
    return text.nl if language is Language.NL else text.en


@strawberry.interface(description="A reason in words, and what would help.", directives=OPEN)
class Why:
    code: Reason = strawberry.field(description="The reason, for programs.")

    @strawberry.field(description="The reason, for people.")
    def sentence(self, language: InLanguage = Language.NL) -> str:
        return said(EXPLAINED[self.code].sentence, language)

    @strawberry.field(description="What would help.")
    def fix(self, language: InLanguage = Language.NL) -> str:
        return said(EXPLAINED[self.code].fix, language)

    @strawberry.field(description="Who can change it.")
    def who(self) -> Who:
        return EXPLAINED[self.code].who


@strawberry.type(description="One reason why a question was refused.", directives=OPEN)
class RefusedFor(Why):
    missing: list[str] = strawberry.field(description="What is missing: scopes, field groups or purposes.")


@strawberry.type(description="The whole question was refused; every failing step is named.", directives=OPEN)
class Refused:
    reasons: list[RefusedFor] = strawberry.field(
        description="The failing steps, in the order of the decision."
    )


def refused(refusal: Refusal) -> Refused:
    """A refusal as GraphQL shows it."""
    return Refused(reasons=[_refused_for(failing) for failing in refusal.failing])


class RefusedWhole(Exception):
    """A refusal where the schema has no value for it: an error in the one shape."""

    def __init__(self, refusal: Refusal) -> None:
        explained = EXPLAINED[refusal.reason]
        super().__init__(explained.sentence.en)
        self.code = refusal.reason.value
        self.sentence = explained.sentence.en
        self.next_step = explained.fix.en


def _refused_for(failing: Failing) -> RefusedFor:
    return RefusedFor(code=failing.reason, missing=list(failing.missing))
