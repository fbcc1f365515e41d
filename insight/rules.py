"""
Segment rules as versioned data: read, checked against their checksum, and evaluated over columns.

A rule file names segments in order; the first rule that holds wins, and the last rule holds always,
so that every subject has exactly one segment. Numbers are whole, shares are compared as whole
percentages without rounding, and so the same input gives the same label everywhere.

Evolution: a published file never changes. A change of rule is a new version in a new file.
"""

from __future__ import annotations

import hashlib
import json
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray


class RulesRefused(Exception):
    """The rule file is not what it says it is, or says what no rule can."""

    code = "SEGMENT_RULES_REFUSED"


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a whole per subject, compared without division; the share of nothing is 0."""

    part: NDArray[np.integer[Any]]
    whole: NDArray[np.integer[Any]]


Feature = NDArray[Any] | Share


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment of a model: its id, its names and its rule."""

    id: str
    nl: str
    en: str
    when: Mapping[str, Any] | str  # `unidentified`, `otherwise`, or conditions


@dataclass(frozen=True, slots=True)
class Model:
    """A version of a segment model, as published."""

    model: str
    version: str
    sha256: str
    parameters: Mapping[str, Any]
    features: Mapping[str, str]
    behaviour: tuple[Segment, ...]
    context: tuple[Segment, ...]


_COMPARE: Final[Mapping[str, Callable[[Any, int], Any]]] = MappingProxyType(
    {
        "at_least": operator.ge,
        "above": operator.gt,
        "at_most": operator.le,
        "below": operator.lt,
        "equals": operator.eq,
    }
)


def checksum(rules: Mapping[str, Any]) -> str:
    """SHA-256 over the rule file without its own checksum, in RFC 8785 form (it holds no floats)."""
    plain = {name: value for name, value in rules.items() if name != "sha256"}
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def read(text: str) -> Model:
    """The model in a rule file. Raises `RulesRefused` for another checksum or an order that is not total."""
    rules = json.loads(text)
    if checksum(rules) != rules["sha256"]:
        raise RulesRefused("the checksum of the segment rules is not that of their content")
    behaviour, context = (tuple(Segment(**segment) for segment in rules[kind]) for kind in _KINDS)
    for segments in (behaviour, context):
        if [segment.when for segment in segments].index("otherwise") != len(segments) - 1:
            raise RulesRefused("the last rule, and only that, must hold for everything else")
    return Model(
        model=rules["model"],
        version=rules["version"],
        sha256=rules["sha256"],
        parameters=MappingProxyType(rules["parameters"]),
        features=MappingProxyType(rules["features"]),
        behaviour=behaviour,
        context=context,
    )


_KINDS: Final = ("behaviour", "context")


@cache
def ci_seg() -> Model:
    """`ci-seg 1.0.0`, as shipped."""
    return read(files("insight").joinpath("data/ci-seg-1.0.0.json").read_text(encoding="utf-8"))


def first_that_holds(
    segments: Sequence[Segment], features: Mapping[str, Feature], subjects: int
) -> NDArray[np.int8]:
    """For each subject the position in `segments` of the first rule that holds."""
    label = np.full(subjects, -1, np.int8)
    for number, segment in enumerate(segments):
        if segment.when == "unidentified":
            continue  # no subject of a column is: those who are have no features
        holds = np.True_ if segment.when == "otherwise" else _holds(segment.when, features)
        label[(label < 0) & holds] = number
    return label


def _holds(when: Mapping[str, Any] | str, features: Mapping[str, Feature]) -> NDArray[np.bool_]:
    if isinstance(when, str):
        raise RulesRefused("a condition has a feature and a bound")
    if "all" in when:
        every: NDArray[np.bool_] = np.logical_and.reduce([_holds(part, features) for part in when["all"]])
        return every
    if "any" in when:
        some: NDArray[np.bool_] = np.logical_or.reduce([_holds(part, features) for part in when["any"]])
        return some
    feature = features[when["feature"]]
    if isinstance(feature, Share):
        # part/whole >= percent/100 without a division, and so without a rounding
        reached = 100 * feature.part >= when["at_least_percent"] * feature.whole
        return np.asarray(reached & (feature.whole > 0), np.bool_)
    (bound,) = when.keys() - {"feature"}
    return np.asarray(_COMPARE[bound](feature, when[bound]), np.bool_)
