"""
Invented names: houses, productions, people. Plausible Dutch, plainly made up.

Every person has an address at example.org, example.com or example.net, which RFC 2606 keeps free
for examples: no such mailbox can exist.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from importlib.resources import files
from typing import Final

_WORDS: Final = tomllib.loads(files("seeds").joinpath("data/words.toml").read_text(encoding="utf-8"))
ADJECTIVES: Final[tuple[str, ...]] = tuple(_WORDS["adjectives"])
NOUNS: Final[tuple[str, ...]] = tuple(_WORDS["nouns"])  # each with its article
FIRST_NAMES: Final[tuple[str, ...]] = tuple(_WORDS["first_names"])
SURNAMES: Final[tuple[str, ...]] = tuple(_WORDS["surnames"])
MAIL: Final = ("example.org", "example.com", "example.net")

HOUSE_KINDS: Final[dict[str, tuple[str, ...]]] = {
    "theatre": ("Theater", "Schouwburg", "Stadstheater", "Theaterhuis"),
    "music_venue": ("Poppodium", "Muziekgebouw", "Concertzaal", "Muziekpodium"),
    "museum": ("Museum", "Streekmuseum", "Kunsthal", "Museumhuis"),
    "cinema": ("Filmhuis", "Cinema", "Filmtheater"),
    "festival": ("Festival", "Zomerfestival"),
    "arts_centre": ("Cultuurhuis", "Kunstencentrum", "Cultuurcentrum"),
}
GENRE_LABELS: Final[dict[str, str]] = {
    "theatre": "Toneel",
    "cabaret": "Cabaret",
    "dance": "Dans",
    "musical": "Musical",
    "opera": "Opera",
    "youth": "Jeugdtheater",
    "circus": "Circus",
    "classical": "Klassiek",
    "pop": "Pop",
    "jazz": "Jazz",
    "world_music": "Wereldmuziek",
    "film": "Film",
    "exhibition": "Tentoonstelling",
    "talk": "Lezing",
}
TITLES_PER_GENRE: Final = 320
"""How many titles a genre has: 64 a season, so that houses of one season share some (a tour)."""


def slug(text: str, *, limit: int = 64) -> str:
    """`text` in lower-case ASCII letters, digits and single hyphens, at most `limit` long."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:limit].strip("-")


def _definite(adjective: str, noun: str) -> str:
    article, word = noun.split(" ")
    return f"{article} {adjective} {word}"


def house_name(discipline: str, number: int) -> str:
    """The `number`-th name of a discipline; no two alike below 1,728."""
    kinds = HOUSE_KINDS[discipline]
    noun = NOUNS[(number * 31) % len(NOUNS)]
    adjective = ADJECTIVES[(number * 7 + number // len(NOUNS)) % len(ADJECTIVES)]
    return f"{kinds[number % len(kinds)]} {_definite(adjective, noun)}"


def titles(genre: str) -> tuple[str, ...]:
    """The titles of a genre, all different, each with its Dutch label: `Dans: De Stille Rivier`."""
    shift = list(GENRE_LABELS).index(genre)
    found = []
    for i in range(TITLES_PER_GENRE):
        noun = NOUNS[(i + 3 * shift) % len(NOUNS)]
        adjective = ADJECTIVES[(5 * i + i // len(NOUNS) + 11 * shift) % len(ADJECTIVES)]
        found.append(f"{GENRE_LABELS[genre]}: {_definite(adjective, noun)}")
    return tuple(found)


def address(identity: int) -> str:
    """The e-mail address of person `identity`: no two persons share one."""
    first = FIRST_NAMES[identity * 29 % len(FIRST_NAMES)].lower()
    last = SURNAMES[(identity * 17 + identity // len(FIRST_NAMES)) % len(SURNAMES)]
    return f"{first}.{last}.{identity}@{MAIL[identity % len(MAIL)]}"


def group_address(number: int, *, school: bool) -> str:
    """The address under which a school or another group books."""
    return f"{'school' if school else 'groep'}.{number}@example.org"


def is_group_address(identifier: str) -> bool:
    """Whether a school or another group books under this address."""
    return identifier.startswith(("school.", "groep."))
