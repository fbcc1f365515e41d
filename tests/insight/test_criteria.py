"""Criteria: what may be named, and which field groups naming it reads."""

from __future__ import annotations

import pytest

from consent_ledger.vocabulary import FieldGroup, ProductionRef
from insight.criteria import EVERYBODY, Criteria, CriteriaRefused

BASE, PLACE, SEGMENT = FieldGroup.BASE, FieldGroup.PLACE, FieldGroup.SEGMENT


def test_a_criterion_reads_the_group_it_filters_by() -> None:
    assert EVERYBODY.groups == {BASE}
    assert Criteria(first_time=True).groups == {BASE}
    assert Criteria(productions=frozenset({ProductionRef("hamlet")})).groups == {BASE}
    assert Criteria(pc4=frozenset({"9711"})).groups == {BASE, PLACE}
    assert Criteria(provinces=frozenset({"Drenthe"})).groups == {BASE, PLACE}
    assert Criteria(segments=frozenset({"B4"})).groups == {BASE, SEGMENT}
    assert Criteria(pc4=frozenset(), segments=frozenset()).groups == {BASE, PLACE, SEGMENT}


def test_only_criteria_that_narrow_nothing_are_open() -> None:
    assert Criteria().are_open
    assert not Criteria(first_time=False).are_open
    assert not Criteria(pc4=frozenset()).are_open


@pytest.mark.parametrize("pc4", ["971", "97111", "9711AB", "٩٧١١", "", "97 1"])
def test_a_postcode_area_that_cannot_be_is_refused_without_repeating_it(pc4: str) -> None:
    with pytest.raises(CriteriaRefused) as refused:
        Criteria(pc4=frozenset({pc4}))
    assert refused.value.code == "UNKNOWN_PC4"
    assert not pc4 or pc4 not in refused.value.sentence


def test_a_province_or_segment_that_does_not_exist_is_refused() -> None:
    with pytest.raises(CriteriaRefused) as province:
        Criteria(provinces=frozenset({"Holland"}))
    assert province.value.code == "UNKNOWN_PROVINCE"
    assert "Friesland" in province.value.sentence
    with pytest.raises(CriteriaRefused) as segment:
        Criteria(segments=frozenset({"B12"}))
    assert segment.value.code == "UNKNOWN_SEGMENT"


def test_the_same_criteria_are_equal_and_can_be_a_key() -> None:
    assert {Criteria(pc4=frozenset({"9711", "9712"})): 1}[Criteria(pc4=frozenset({"9712", "9711"}))] == 1
