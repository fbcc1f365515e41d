"""
Somebody who has every file and every key that is left, and tries every identifier there is.

Identifiers: each e-mail address of the recorded season, and Dutch postcodes with house numbers. Tried in
the plain, under common digests, as the vault looks persons up at each house in each epoch whose key is
left, and as the stop register keeps them.
"""

from __future__ import annotations

import csv
import hashlib
import itertools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from consent_ledger.keyring import Keyring
from consent_ledger.vault import sealing

SEASON = Path("seeds/data/pretix_vrijenoot/orderlist_positions.csv")
_SEALED, _DIGEST = re.compile(rb"(?=([0-9a-f]{96}))"), re.compile(rb"(?=([0-9a-f]{64}))")
_LETTERS = "ABCDEFGHJKLMNPRSTVWXZ"


def addresses() -> list[str]:
    """Every e-mail address in the recorded season."""
    with SEASON.open(encoding="utf-8") as file:
        return sorted({row["E-mail"].strip().lower() for row in csv.DictReader(file)} - {""})


def homes(postcodes: Iterable[int], numbers: Iterable[int]) -> Iterator[str]:
    """Dutch postcodes with house numbers."""
    pairs = ["".join(pair) for pair in itertools.product(_LETTERS, repeat=2)]
    return (
        f"{digits}{letters}-{number}"
        for digits, letters, number in itertools.product(postcodes, pairs, numbers)
    )


class Finder:
    """What can be found out with the keys in `keys` about the persons of these houses."""

    def __init__(self, keys: Path, houses: Iterable[str]) -> None:
        keyring = Keyring.open(keys)
        vault = keyring.existing("vault")
        self._lookups = {house: sealing.lookup_key(vault, house) for house in houses}
        self._ciphers = [
            sealing.lookup_cipher(keyring.existing(file.stem))
            for file in sorted(keys.glob("vault-epoch-*.key"))
        ]
        self._stop = sealing.stop_key(keyring.existing("stop"))

    def found(self, files: Iterable[Path], identifiers: Iterable[str]) -> dict[str, set[str]]:
        """Who is found in these files, by which way."""
        found: dict[str, set[str]] = {"plain": set(), "digest": set(), "vault": set(), "stopped": set()}
        sealed, digests, plain = set[bytes](), set[bytes](), b""
        for file in files:
            try:
                content = file.read_bytes()
            except FileNotFoundError:  # a running database takes files of its own away
                continue
            sealed.update(_SEALED.findall(content))
            digests.update(_DIGEST.findall(content))
            plain += content.lower()
        for identifier in identifiers:
            if "@" in identifier and identifier.encode() in plain:
                found["plain"].add(identifier)
            text = identifier.encode()
            if any(
                digest(text).hexdigest().encode() in digests for digest in (hashlib.sha256, hashlib.sha3_256)
            ):
                found["digest"].add(identifier)
            if sealing.stop(self._stop, identifier).encode() in digests:
                found["stopped"].add(identifier)
            if any(one.encode() in sealed for one in self._sealed(identifier)):
                found["vault"].add(identifier)
        return found

    def _sealed(self, identifier: str) -> Iterator[str]:
        for house, key in self._lookups.items():
            lookup = bytes.fromhex(sealing.lookup(key, identifier))
            for cipher in self._ciphers:
                yield cipher.encrypt(lookup, [house.encode()]).hex()
