"""
The invented institutions: some three hundred houses of skewed sizes over the real map.

Sizes are lognormal by discipline and small on purpose: a house of the sandbox sells tens to
hundreds of tickets a season, so that a whole sector fits on a laptop. A handful of houses is
named by hand, because agreements and examples speak of them; they stand in every sector, however
small. `vrijenoot` is the recorded house: its tickets come from a real ticketing system through
the ordinary file road and never from these dice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import NormalDist
from typing import Final, Literal

from consent_ledger.vocabulary import PartyId
from seeds import seasons
from seeds.dice import Dice
from seeds.names import house_name, slug
from seeds.places import netherlands

Unit = Literal["tickets", "counts"]

RECORDED_HOUSE: Final = PartyId("vrijenoot")
TOUR_HOUSE: Final = PartyId("theater-de-gouden-ladder")
"""The second theatre of the tour that the recorded house receives."""
PASS_MUSEUM: Final = PartyId("museum-het-verdwaalde-anker")
PASS_CINEMA: Final = PartyId("filmhuis-de-dubbele-spoel")
RESEARCH_HOUSE: Final = PartyId("poppodium-de-roestige-snaar")

FULL_SIZE: Final = 300
_WEEKS: Final = 9
SMALLEST: Final = 24
"""A sector has at least this many houses: enough for two peer groups and all named parties."""


@dataclass(frozen=True, slots=True)
class Institution:
    """One house of the sandbox, as it stands in the register."""

    id: PartyId
    name: str
    discipline: str
    municipality: str
    province: str
    region: str  # landsdeel: noord oost west zuid
    band: int  # floor(log2(yearly visits)) as the house declares it
    organisation: str  # the controlling organisation; houses that share one count once
    unit: Unit
    public_figures: bool  # its yearly visits stand in a public annual report
    public_authority: bool  # cannot take legitimate interest for its tasks (GDPR 6(1), last sentence)
    in_pool: bool
    yearly: int  # visits the dice aim at in a year
    first_season: int  # index of the first season on the platform
    registered_at: datetime
    centre: int  # index of its postcode area
    invented: bool = True
    sandbox: bool = True

    @property
    def recorded(self) -> bool:
        return self.id == RECORDED_HOUSE


@dataclass(frozen=True, slots=True)
class _Discipline:
    name: str
    share: int  # of the houses, in thousandths
    median: int  # yearly visits; see below where some count and some sell
    spread: float  # sigma of the logarithm
    counted: int  # thousandths that count visits instead of selling tickets
    reach: int  # metres


DISCIPLINES: Final = (
    _Discipline("theatre", 260, 105, 0.85, 0, 13_000),
    _Discipline("music_venue", 150, 88, 0.85, 0, 12_000),
    _Discipline("museum", 230, 0, 1.05, 850, 28_000),
    _Discipline("cinema", 120, 76, 0.75, 0, 7_000),
    _Discipline("festival", 110, 68, 0.85, 0, 26_000),
    _Discipline("arts_centre", 130, 0, 0.8, 120, 6_000),
)
REACH: Final = {kind.name: kind.reach for kind in DISCIPLINES}
_COUNTING: Final = 4200  # median of a house that counts: it need not fit on a laptop ticket by ticket
_SMALL_SELLER: Final = 52  # median of a museum or arts centre that sells tickets instead
_LARGEST: Final = 1400  # no house is a third of its peers by itself


@dataclass(frozen=True, slots=True)
class _Named:
    id: PartyId
    name: str
    discipline: str
    town: str
    yearly: int
    unit: Unit
    first_season: int


_NAMED: Final = (
    _Named(RECORDED_HOUSE, "Theater De Vrije Noot", "theatre", "Groningen", 656, "tickets", 4),
    _Named(TOUR_HOUSE, "Theater De Gouden Ladder", "theatre", "Assen", 420, "tickets", 0),
    _Named(PASS_MUSEUM, "Museum Het Verdwaalde Anker", "museum", "Groningen", 11_000, "counts", 0),
    _Named(PASS_CINEMA, "Filmhuis De Dubbele Spoel", "cinema", "Groningen", 360, "tickets", 0),
    _Named(RESEARCH_HOUSE, "Poppodium De Roestige Snaar", "music_venue", "Leeuwarden", 480, "tickets", 0),
    _Named(
        PartyId("schouwburg-het-groene-venster"),
        "Schouwburg Het Groene Venster",
        "theatre",
        "Emmen",
        610,
        "tickets",
        3,
    ),
    _Named(
        PartyId("theater-de-late-trein"), "Theater De Late Trein", "theatre", "Leeuwarden", 560, "tickets", 3
    ),
    _Named(
        PartyId("stadstheater-de-bonte-kraan"),
        "Stadstheater De Bonte Kraan",
        "theatre",
        "Zwolle",
        700,
        "tickets",
        3,
    ),
    _Named(
        PartyId("theater-de-zachte-klok"),
        "Theater De Zachte Klok",
        "theatre",
        "Heerenveen",
        530,
        "tickets",
        3,
    ),
    _Named(
        PartyId("schouwburg-de-ronde-trap"),
        "Schouwburg De Ronde Trap",
        "theatre",
        "Hoogeveen",
        590,
        "tickets",
        3,
    ),
)
_ORGANISATIONS: Final = (
    "stichting-noorderpodia-verzonnen",
    "stichting-rivierenhuizen-verzonnen",
    "stichting-zuiderzalen-verzonnen",
    "stichting-kustcultuur-verzonnen",
    "stichting-filmring-verzonnen",
    "gemeentelijk-museumbedrijf-verzonnen",
)


def institutions(scale: float, seed: int) -> list[Institution]:
    """
    The houses, in the order in which they register.

    `scale` 1.0 gives 300; never fewer than 24. The sizes do not shrink with the scale: a small
    sector has fewer houses, not smaller ones.
    """
    count = max(SMALLEST, round(FULL_SIZE * scale))
    dice = Dice(seed, "institutions")
    rest = count - len(_NAMED)
    houses = [(n.id, n.name, n.discipline, n.town, n.yearly, n.unit, n.first_season) for n in _NAMED]
    houses += _drawn(dice, rest, taken={named.id for named in _NAMED})

    towns = {town.name: town for town in netherlands().municipalities}
    off = dice.weighted((130, 740, 130), count) - 1
    shares = dice.happens(110, count)
    holder = dice.below(len(_ORGANISATIONS), count)
    public = dice.happens(300, count)
    authority = dice.happens(250, count)
    pool = dice.happens(975, count)
    late = dice.weighted((860, 60, 50, 30), count)
    days = sorted(int(week) for week in dice.below(_WEEKS, count))
    found = []
    for i, (ident, name, discipline, town, yearly, unit, season) in enumerate(houses):
        named = i < len(_NAMED)
        place = towns[town]
        first = season if named else int(late[i])
        found.append(
            Institution(
                id=PartyId(ident),
                name=name,
                discipline=discipline,
                municipality=place.name,
                province=place.province,
                region=place.region,
                band=max(1, yearly.bit_length() - 1 + (0 if named else int(off[i]))),
                organisation=_ORGANISATIONS[int(holder[i])] if shares[i] and not named else ident,
                unit=unit,
                public_figures=bool(public[i]) and not named,
                public_authority=bool(authority[i]) and discipline in {"museum", "arts_centre"} and not named,
                in_pool=bool(pool[i]) or named,
                yearly=yearly,
                first_season=first,
                registered_at=_registered(first, days[i], named=named, order=i),
                centre=place.centre,
            )
        )
    return sorted(found, key=lambda house: (house.registered_at, house.id))


def _drawn(
    dice: Dice, count: int, *, taken: set[PartyId]
) -> list[tuple[PartyId, str, str, str, int, Unit, int]]:
    """`count` houses with stratified lognormal sizes, so that the skew does not hang on one throw."""
    country = netherlands()
    towns = dice.weighted([town.people for town in country.municipalities], count)
    counted = dice.below(1000, count)
    used = set(taken)
    drawn: list[tuple[PartyId, str, str, str, int, Unit, int]] = []
    for kind, number in zip(DISCIPLINES, _apportion(count), strict=True):
        ranks = dice.shuffled(number)
        offset = int(dice.below(200, 1)[0])
        sold = [False] * number
        for k in range(number):
            sold[k] = bool(counted[len(drawn) + k] >= kind.counted)
        for k in range(number):
            median = kind.median
            if kind.counted:
                median = _SMALL_SELLER if sold[k] else _COUNTING
            z = NormalDist().inv_cdf((int(ranks[k]) + 0.5) / number)
            yearly = max(20, round(median * math.exp(kind.spread * z)))
            while slug(name := house_name(kind.name, offset), limit=40) in used:
                offset += 1
            offset += 1
            ident = PartyId(slug(name, limit=40))
            used.add(ident)
            town = country.municipalities[int(towns[len(drawn)])].name
            unit: Unit = "tickets" if sold[k] else "counts"
            drawn.append(
                (ident, name, kind.name, town, min(yearly, _LARGEST) if sold[k] else yearly, unit, 0)
            )
    return drawn


def _apportion(count: int) -> list[int]:
    """`count` houses over the disciplines by largest remainder."""
    exact = [count * kind.share for kind in DISCIPLINES]
    whole = [share // 1000 for share in exact]
    by_rest = sorted(range(len(exact)), key=lambda i: (-(exact[i] % 1000), i))
    for i in by_rest[: count - sum(whole)]:
        whole[i] += 1
    return whole


def _registered(first: int, week: int, *, named: bool, order: int) -> datetime:
    """
    In the spring before the first season, on the Tuesday on which the platform takes in new members;
    the named houses on the one of March.
    """
    # the recorded house sold its first ticket on 6 May 2026: its March is early enough
    month, day = (3, 2) if named else (4, 4)
    spring = datetime(seasons.FIRST_YEAR + first, month, day, 9, 0, tzinfo=seasons.OPENING.tzinfo)
    tuesday = spring + timedelta(days=(1 - spring.weekday()) % 7, weeks=0 if named else week)
    return tuesday + timedelta(seconds=order)
