"""
What visitors decided: objections, and consents given and taken back.

A few hundred persons, each at a house where they booked, after the import that told of them.
Objections concern what rests on legitimate interest or a public task; grants and withdrawals
what rests on consent. Nobody of the recorded house is among them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from consent_ledger.vocabulary import ConsentAct, PartyId, Purpose
from seeds import seasons
from seeds.batch import Batch
from seeds.dice import Dice
from seeds.institutions import Institution
from seeds.names import is_group_address

FULL_SIZE: Final = 320
SMALLEST: Final = 40
_SCRIPTS: Final = (  # purpose, act, weight, thousandths that take it back later
    (Purpose.SECTOR_BENCHMARK, ConsentAct.OBJECTED, 22, 60),
    (Purpose.OWN_INSIGHT, ConsentAct.OBJECTED, 14, 60),
    (Purpose.SEGMENTATION, ConsentAct.OBJECTED, 14, 60),
    (Purpose.OWN_MARKETING, ConsentAct.GRANTED, 26, 400),
    (Purpose.PARTNER_MARKETING, ConsentAct.GRANTED, 12, 400),
    (Purpose.RESEARCH, ConsentAct.GRANTED, 12, 350),
)
_STRIDE: Final = 37  # coprime with the hundred slots: the scripts alternate evenly
_BACK: Final = {ConsentAct.OBJECTED: ConsentAct.LIFTED, ConsentAct.GRANTED: ConsentAct.WITHDRAWN}


@dataclass(frozen=True, slots=True)
class SeedConsent:
    """One act of one person at one house about one purpose."""

    institution: PartyId
    identifier: str = field(repr=False)  # an e-mail address: never in a message or a log
    purpose: Purpose
    act: ConsentAct
    at: datetime
    idem: str


def consents(
    houses: list[Institution],
    sold: list[Batch],
    told: dict[tuple[int, int], datetime],
    scale: float,
    seed: int,
) -> list[SeedConsent]:
    """
    The acts in time order; `told` says when each house and season was imported.

    Every purpose and both directions occur in the smallest sector too.
    """
    dice = Dice(seed, "consents")
    count = max(SMALLEST, round(FULL_SIZE * scale))
    rows = np.array([len(season.frame) for season in sold], dtype=np.int64)
    chosen = dice.weighted(rows, count * 2)  # more than needed: counter sales name nobody
    places = dice.below(rows[chosen], len(chosen))
    slots = [(purpose, act, back) for purpose, act, weight, back in _SCRIPTS for _ in range(weight)]
    back = dice.below(1000, len(chosen))
    hours = dice.below(2**20, len(chosen))
    later = dice.below(2**20, len(chosen))
    acts: list[SeedConsent] = []
    seen: set[tuple[PartyId, str, Purpose]] = set()
    persons = 0
    for k in range(len(chosen)):
        season = sold[int(chosen[k])]
        identifier = season.frame["identifier"].iloc[int(places[k])]
        if not isinstance(identifier, str) or is_group_address(identifier):
            continue
        purpose, act, returns = slots[persons * _STRIDE % len(slots)]
        house = houses[season.house]
        if (house.id, identifier, purpose) in seen:
            continue
        seen.add((house.id, identifier, purpose))
        persons += 1
        at = _between(told[season.house, season.season], int(hours[k]))
        acts.append(SeedConsent(house.id, identifier, purpose, act, at, f"consent:{persons}"))
        if int(back[k]) < returns:
            again = _between(at, int(later[k]))
            acts.append(
                SeedConsent(house.id, identifier, purpose, _BACK[act], again, f"consent:{persons}:back")
            )
        if persons == count:
            break
    return sorted(acts, key=lambda one: (one.at, one.idem))


def _between(start: datetime, throw: int) -> datetime:
    """Some minute after `start` and before the last act, by a throw below 2**20."""
    end = seasons.LAST_ACT - timedelta(hours=1)
    minutes = int((end - start).total_seconds()) // 60
    return (start + timedelta(minutes=1 + minutes * throw // 2**20)).astimezone(UTC)
