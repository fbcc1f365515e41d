"""Definitions: complete, in both languages, and fixed once published."""

from __future__ import annotations

from dataclasses import replace

import pytest

from consent_ledger.entry import EntryType
from consent_ledger.vocabulary import FieldGroup
from insight.definitions import (
    AUDIENCE_FIGURES,
    DEFINITIONS,
    UnknownFigure,
    definition_of,
    groups_of,
    published,
)
from tests.consent_ledger.world import World

FIXED = {
    "average_ticket_price": "56c173d4d27b68e11c9ac657e0842b2e2ba09f69e04392d4467cbddfbc412a03",
    "benchmark_price_per_visit": "1471c38e264ea3d323f71f8cfa5dc5f16bc474b114cedd6cd332b1f1d0c86d97",
    "benchmark_revenue": "0e3fcf011e7df326167527b031b53874f6f6a686b496eec55afac18da855b452",
    "benchmark_visits": "0a2c5e74c1e0b1225d66d3a0bbf24a481761e12cf3804876356127da5a1a762e",
    "bookers": "02aed7022c4e417eefb3ba8573bf1a330af682f7eaa47ab012a610137a22a1cc",
    "contexts": "9088fb35654c295c3575c55ed015619a77f1386c6b856e34cc1104094b09cc4e",
    "counted_visits": "26c2e7919f2c2455797ac991705484d60f65d66d9fc9821ccb237269b09a1ff7",
    "first_timers": "391e4f295da1da4519f206759a8c2de70bdca52ef6fec03233beb094d95f4723",
    "segments": "a45dcf51381e2c74136257f5ab6462199787d3f956822656a1d9c98194051916",
    "spend": "b31a9e871631c3bfdfdcaf5d9e17c8733e47c11e5416fc72e1072a2ffccba3de",
    "tickets": "2fac144c2ca29770e258e46432a1b2124fad97b6306cfe2d7208f6e937281dee",
    "unidentified_tickets": "5913758bc69a085032cbd4800c550f319ba0d8f515b4aee70ff6cc6c5e566248",
    "visits": "0584b321a51cb6394c904e4075b44a32ce5e6dfad7b0552e219c71265cf4a6f6",
}


def test_every_figure_says_what_it_means_in_both_languages() -> None:
    for name, definition in DEFINITIONS.items():
        texts = (definition.name_nl, definition.name_en, definition.text_nl, definition.text_en)
        assert definition.id == name
        assert all(texts)
        assert definition.text_nl != definition.text_en
        assert definition.formula


def test_the_checksum_covers_every_word() -> None:
    bookers = definition_of("bookers")
    assert len(bookers.sha256) == 64
    assert replace(bookers, text_en=f"{bookers.text_en} ").sha256 != bookers.sha256
    assert replace(bookers, minimum_history_months=1).sha256 != bookers.sha256
    assert len({definition.sha256 for definition in published()}) == len(DEFINITIONS)


@pytest.mark.parametrize(("name", "sha256"), sorted(FIXED.items()))
def test_a_published_version_is_never_changed(name: str, sha256: str) -> None:
    assert definition_of(name).sha256 == sha256


def test_the_fixed_checksums_are_those_of_every_definition() -> None:
    assert FIXED.keys() == DEFINITIONS.keys()


def test_the_ledger_takes_every_definition() -> None:
    world = World()
    for definition in published():
        body = {"definition": definition.id, "version": definition.version, "sha256": definition.sha256}
        world.say(EntryType.DEFINITION_PUBLISHED, body)
    assert world.state.definitions["bookers", "1.0.0"] == definition_of("bookers").sha256


def test_a_figure_knows_the_field_group_it_reads() -> None:
    assert groups_of({"bookers", "spend"}) == {FieldGroup.BASE, FieldGroup.SPEND}
    assert groups_of({"segments", "contexts"}) == {FieldGroup.SEGMENT, FieldGroup.PLACE}


def test_a_figure_without_a_definition_is_refused_and_the_known_ones_are_named() -> None:
    with pytest.raises(UnknownFigure, match="first_timers"):
        definition_of("occupancy")


def test_persons_are_not_additive_and_tickets_are() -> None:
    assert not definition_of("bookers").is_additive
    assert not definition_of("average_ticket_price").is_additive
    assert definition_of("tickets").is_additive
    assert "benchmark_visits" not in AUDIENCE_FIGURES
