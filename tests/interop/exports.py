"""
One export of a real ledger, with all that its public addresses give, as files.

    checkpoint  key  export.jsonl  tile/…     as `export.write` leaves them
    proof/<seq>                               what /ledger/proof/<seq> answers (C2SP tlog-proof)
    earlier/<size>                            the checkpoint that was signed at that size
    consistency/<size>                        the proof from that size to the checkpoint, a hash a line
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from pathlib import Path

from consent_ledger import export
from consent_ledger.database import reading
from consent_ledger.entry import Draft
from tests.consent_ledger.ledgers import closed, granted, issued, purpose, registered, sqlite_place

SIZES = (1, 2, 255, 256, 257, 700)
"""No proof at all, the smallest one, and the tiles' edges on both sides."""


def make(folder: Path, size: int) -> Path:
    """An export of `size` entries in `folder`, made by the ledger through its public doors."""
    place_folder = folder.with_name(f"{folder.name}-ledger")
    place_folder.mkdir(parents=True)
    with sqlite_place(place_folder) as place:
        ledger = place.create()
        ledger.append_all([(draft, None) for draft in _drafts(size - 1)])
        export.write(ledger, place.engine, folder)
        for name in ("proof", "earlier", "consistency"):
            (folder / name).mkdir()
        with reading(place.engine) as connection:
            for seq in range(size):
                (folder / "proof" / str(seq)).write_text(ledger.proof(connection, seq))
            for old in range(1, size):
                (folder / "earlier" / str(old)).write_text(ledger.checkpoint_at(connection, old))
                path = ledger.consistency(connection, old)
                (folder / "consistency" / str(old)).write_text(written_hashes(path))
    return folder


def _drafts(count: int) -> list[Draft]:
    """Entries of several kinds and lengths."""
    made = [purpose()][:count]
    for number in range(count - len(made)):
        house = f"huis-{number // 4:03d}"
        match number % 4:
            case 0:
                made.append(registered(house, f"komt-{number}"))
            case 1:
                made.append(granted(house, f"ja-{number}"))
            case 2:
                made.append(issued(f"naar-{number}-{'ver' * (number % 20)}", number))
            case _:
                made.append(closed(house))
    return made


@dataclass(frozen=True, slots=True)
class Proof:
    """A C2SP tlog-proof, in its parts."""

    index: int
    hashes: list[bytes]
    note: str

    @classmethod
    def read(cls, path: Path) -> Proof:
        first, index, *hashes = path.read_text().partition("\n\n")[0].split("\n")
        if first != "c2sp.org/tlog-proof@v1" or not index.startswith("index "):
            raise ValueError("no tlog-proof")
        note = path.read_text().partition("\n\n")[2]
        return cls(int(index.removeprefix("index ")), [read_hash(one) for one in hashes], note)

    def __str__(self) -> str:
        return f"c2sp.org/tlog-proof@v1\nindex {self.index}\n{written_hashes(self.hashes)}\n{self.note}"


def leaves(folder: Path) -> list[bytes]:
    """The lines without their newlines: the bytes of the leaves."""
    return (folder / "export.jsonl").read_bytes().removesuffix(b"\n").split(b"\n")


def proofs(folder: Path) -> list[Proof]:
    """All proofs, in order of the entries."""
    return [Proof.read(folder / "proof" / str(seq)) for seq in range(len(list((folder / "proof").iterdir())))]


def earlier(folder: Path) -> dict[int, str]:
    """Earlier checkpoints, by size."""
    return {int(path.name): path.read_text() for path in (folder / "earlier").iterdir()}


def written_hashes(hashes: list[bytes] | tuple[bytes, ...]) -> str:
    """A hash a line, in base64."""
    return "".join(f"{base64.b64encode(one).decode()}\n" for one in hashes)


def read_hash(text: str) -> bytes:
    """One hash of a line."""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("no base64") from None
