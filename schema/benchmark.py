"""A benchmark as GraphQL asks for it and shows it."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import strawberry

from consent_ledger.permit import Refusal
from consent_ledger.vocabulary import Reason, Scope
from insight.benchmarks import Benchmark as Compared
from insight.benchmarks import BenchmarkWithheld as NotCompared
from insight.benchmarks import Metric, PeerCriteria, Statistic
from schema.definition import Definition, defined
from schema.directives import OPEN, requires
from schema.figure import Withheld
from schema.refused import Refused, refused
from schema.words import InLanguage, Language, describe

READ = requires(Scope.BENCHMARKS_READ)

describe(
    Metric,
    "What is compared.",
    {
        Metric.VISITS: "Visits.",
        Metric.REVENUE: "Revenue, in euros.",
        Metric.PRICE_PER_VISIT: "Revenue divided by visits, in euros.",
    },
)
describe(
    Statistic,
    "How a metric is told of a group. A price per visit takes neither.",
    {
        Statistic.PER_INSTITUTION: "Divided by the number of institutions.",
        Statistic.TOTAL: "The total of the group.",
    },
)


@strawberry.input(
    description="Which institutions are peers, by public attributes. Never by name.", directives=OPEN
)
class PeersInput:
    disciplines: list[str] | None = strawberry.field(default=None, description="Disciplines.")
    provinces: list[str] | None = strawberry.field(default=None, description="Provinces.")
    regions: list[str] | None = strawberry.field(
        default=None, description="Parts of the country: noord, oost, west, zuid."
    )
    bands: list[int] | None = strawberry.field(default=None, description="Declared size bands.")

    def criteria(self) -> PeerCriteria:
        """The criteria in the words of insight."""
        return PeerCriteria(
            disciplines=None if self.disciplines is None else frozenset(self.disciplines),
            provinces=None if self.provinces is None else frozenset(self.provinces),
            regions=None if self.regions is None else frozenset(self.regions),
            bands=None if self.bands is None else frozenset(self.bands),
        )


@strawberry.type(description="How well the institutions behind a value are those asked for.", directives=READ)
class Fit:
    included: int = strawberry.field(description="Institutions behind the value.")
    matching: int = strawberry.field(description="Of these, how many meet all criteria.")
    asked: int = strawberry.field(description="Institutions of the register that meet all criteria.")
    precision: Decimal = strawberry.field(description="matching / included.")
    recall: Decimal = strawberry.field(description="matching / asked.")


@strawberry.type(description="The sealed release that a value comes from.", directives=READ)
class Release:
    id: strawberry.ID = strawberry.field(description="Its id in the ledger.")
    policy: str = strawberry.field(description="The policy under which it was made.")
    first_month: str = strawberry.field(description="First published month, YYYY-MM.")
    end_month: str = strawberry.field(description="Month after the last, YYYY-MM.")
    position: int = strawberry.field(description="Its entry in the ledger.")
    published_at: str = strawberry.field(description="When it was sealed.")
    tables_sha256: str = strawberry.field(description="Checksum of the released tables.")
    certificate_sha256: str = strawberry.field(description="Checksum of its certificate.")


@strawberry.type(description="A released figure of peers, with the own one beside it.", directives=READ)
class Benchmark:
    value: Decimal = strawberry.field(description="The figure of the peers.")
    own: Decimal | None = strawberry.field(description="The own figure, counted the same way.")
    index: Decimal | None = strawberry.field(description="own / value * 100.")
    definition: Definition = strawberry.field(description="What the figure means.")
    protection: str = strawberry.field(description="How it was protected: `RELEASED` or `UNNOISED`.")
    fit: Fit = strawberry.field(description="How well the peers fit the criteria.")
    units: list[str] = strawberry.field(
        description="How the peers count visits: `tickets`, `counts` or both."
    )
    release: Release = strawberry.field(description="The release that it comes from.")
    is_invented: bool = strawberry.field(description="True on a sandbox: every institution was made up.")

    @strawberry.field(description="The same in one sentence, with its caveat.")
    def sentence(self, language: InLanguage = Language.NL) -> str:
        return _sentence(self, language)


def _sentence(shown: Benchmark, language: Language) -> str:
    name = shown.definition.names[language].lower()
    fit = shown.fit
    if language is Language.NL:
        own = "" if shown.own is None else f" Bij u: {_dutch(shown.own)}."
        told = f"{name.capitalize()} bij {fit.included} huizen: {_dutch(shown.value)}.{own}"
        return f"{told} Van deze huizen voldoen er {fit.matching} aan al uw criteria."
    own = "" if shown.own is None else f" Yours: {shown.own:,}."
    told = f"{name.capitalize()} at {fit.included} houses: {shown.value:,}.{own}"
    return f"{told} Of these houses {fit.matching} meet all your criteria."


def _dutch(value: Decimal) -> str:
    return f"{value:,}".translate(str.maketrans(",.", ".,"))


BenchmarkResult = Annotated[
    Benchmark | Withheld | Refused,
    strawberry.union("BenchmarkResult", description="A benchmark, or why it is not given."),
]


def benchmark(found: Compared | NotCompared | Refusal, *, is_sandbox: bool) -> Benchmark | Withheld | Refused:
    """A benchmark as GraphQL shows it."""
    match found:
        case Refusal():
            return refused(found)
        case NotCompared():
            return Withheld(code=Reason(found.reason), definition=defined(found.definition))
    first, end = found.period
    return Benchmark(
        value=Decimal(found.value),
        own=None if found.own is None else Decimal(found.own),
        index=found.index,
        definition=defined(found.definition),
        protection="UNNOISED" if found.policy.startswith("unnoised") else "RELEASED",
        fit=Fit(
            included=found.fit.included,
            matching=found.fit.matching,
            asked=found.fit.asked,
            precision=found.fit.precision,
            recall=found.fit.recall,
        ),
        units=sorted(found.units),
        release=Release(
            id=strawberry.ID(found.release),
            policy=found.policy,
            first_month=first,
            end_month=end,
            position=found.position,
            published_at=found.published_at,
            tables_sha256=found.tables_sha256,
            certificate_sha256=found.certificate_sha256,
        ),
        is_invented=is_sandbox,
    )
