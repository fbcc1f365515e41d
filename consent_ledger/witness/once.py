"""
A witness that goes to the ledger by itself, for cron: look once, compare, sign, bring the signature, end.

It fetches the newest checkpoint, builds the proof from the tiles that are public (C2SP tlog-tiles), and puts
both before the same `Witness` that answers requests elsewhere. So it needs no server, no open port and no
trust in what it fetches: a wrong tile gives a proof that does not fit.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from consent_ledger.checkpoint import read_note
from consent_ledger.note import ED25519, Note, NoteRefused, TreeHead, VerifierKey, base64_of
from consent_ledger.tiles import HEIGHT, WIDTH, Tile
from consent_ledger.tree import HASH_SIZE, node_hash
from consent_ledger.witness.core import StateRefused, Witness
from consent_ledger.witness.link import Link, LinkRefused


class LookRefused(Exception):
    """What the ledger shows is not signed, or signed in vain. One plain sentence, and what to do."""

    def __init__(self, code: str, sentence: str, next_step: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.next_step = next_step


@dataclass(frozen=True, slots=True)
class Looked:
    """How many entries this witness knew before, and how many it signed now."""

    old: int
    size: int


def look(link: Link, witness: Witness, log: VerifierKey, *, evidence: Path) -> Looked:
    """
    Look at the ledger once, and sign what goes on from all that was signed before.

    On return the ledger has the signature. What was signed is remembered before it leaves; when bringing it
    fails, the next run brings it again. Two checkpoints that contradict each other are kept in `evidence`.

    Raises `LookRefused` for a fork, a shrunken ledger or a foreign one, `LinkRefused` when it is not reached.
    """
    heard = link.get("/ledger/checkpoint")
    if heard.status != 200:
        raise LinkRefused(
            f"The ledger answered with HTTP status {heard.status} where its checkpoint should be."
        )
    checkpoint = heard.text
    try:
        signed = read_note(checkpoint, [str(log)])
    except NoteRefused as refused:
        raise LookRefused(
            "CHECKPOINT_REFUSED",
            f"The checkpoint at this address is not signed by the ledger: {refused.sentence}.",
            "Is it the right address? Ask the operator of the ledger for its key by another way.",
        ) from None
    old, _ = witness.known(log.name)
    if signed.size < old:
        raise LookRefused(
            "LEDGER_SHRUNK",
            f"The ledger shows {entries(signed.size)}, and had {old} before: it was put back, or hides what"
            " came after. Nothing was signed.",
            "Try again in a few minutes; if it stays so, tell the other members.",
        )
    proof = consistency(lambda tile: _tile(link, tile), old, signed.size)
    lines = "".join(f"{base64_of(one)}\n" for one in proof)
    answer = witness.add_checkpoint(f"old {old}\n{lines}\n{checkpoint}".encode())
    digest = sha256(log.name.encode()).hexdigest()
    if answer.status == 422:
        _keep(evidence, witness.checkpoint(digest).text, checkpoint)
        raise LookRefused(
            "LEDGER_FORKED",
            f"The ledger shows another past than the {entries(old)} that were signed before. Nothing was signed.",
            f"Keep the file {evidence}: it holds both checkpoints. Tell the other members.",
        )
    if answer.status != 200:
        raise LookRefused(
            "STATE_MOVED", "Another run of this witness was first; nothing was signed.", "Run it again."
        )
    _bring(link, witness.checkpoint(digest).text, log)
    return Looked(old, signed.size)


def followed(state: Path, url: str, given: VerifierKey | None) -> VerifierKey:
    """
    The key of the ledger at this address: `given` the first time, and remembered in the file of the witness.

    Raises `LookRefused` when it is not known, or another was given before; `StateRefused`.
    """
    try:
        with closing(sqlite3.connect(state, timeout=10)) as driver, driver:
            driver.execute(
                "CREATE TABLE IF NOT EXISTS followed (url TEXT PRIMARY KEY, vkey TEXT NOT NULL) STRICT"
            )
            if given is not None:
                driver.execute("INSERT OR IGNORE INTO followed VALUES (?, ?)", (url, str(given)))
            row = driver.execute("SELECT vkey FROM followed WHERE url = ?", (url,)).fetchone()
    except sqlite3.Error as error:
        raise StateRefused from error
    if row is None:
        raise LookRefused(
            "LOG_UNKNOWN",
            "This witness does not know the key of the ledger at this address yet.",
            "Give it once with --log; take it from the operator, not from the address itself.",
        )
    known = VerifierKey.read(row[0], ED25519)
    if given not in (None, known):
        raise LookRefused(
            "LOG_CHANGED",
            "This witness was given another key for this address before.",
            "Ask the operator of the ledger, by another way, whether the key was changed.",
        )
    return known


def consistency(fetch: Callable[[Tile], bytes], old: int, new: int) -> list[bytes]:
    """
    The proof that `old` entries begin `new` (RFC 9162, 2.1.4.1), from the tiles of the tree of `new`.

    Every tile that is needed is fetched once.
    """
    fetched: dict[Tile, bytes] = {}

    def complete(level: int, index: int) -> bytes:
        """The root of the complete subtree of 2**level entries at `index`."""
        height, above = divmod(level, HEIGHT)
        first = index << above  # of the hashes in the tiles of this height, that lie below
        nodes = new >> (HEIGHT * height)
        tile = Tile(height, first // WIDTH, min(WIDTH, nodes - first // WIDTH * WIDTH))
        if tile not in fetched:
            fetched[tile] = fetch(tile)
        at = first % WIDTH * HASH_SIZE
        hashes = [fetched[tile][at + n * HASH_SIZE : at + (n + 1) * HASH_SIZE] for n in range(1 << above)]
        while len(hashes) > 1:
            hashes = [node_hash(hashes[n], hashes[n + 1]) for n in range(0, len(hashes), 2)]
        return hashes[0]

    def over(start: int, stop: int) -> bytes:
        size = stop - start
        if size & (size - 1) == 0:
            return complete(size.bit_length() - 1, start // size)
        middle = start + _split(size)
        return node_hash(over(start, middle), over(middle, stop))

    def path(old: int, start: int, stop: int, *, is_whole: bool) -> Iterator[bytes]:
        size = stop - start
        if old == size:
            if not is_whole:
                yield over(start, stop)
            return
        middle = start + _split(size)
        if old <= middle - start:
            yield from path(old, start, middle, is_whole=is_whole)
            yield over(middle, stop)
        else:
            yield from path(old - (middle - start), middle, stop, is_whole=False)
            yield over(start, middle)

    return list(path(old, 0, new, is_whole=True)) if 0 < old < new else []


def entries(size: int) -> str:
    """So many entries, in words."""
    return f"{size} {'entry' if size == 1 else 'entries'}"


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def _tile(link: Link, tile: Tile) -> bytes:
    heard = link.get(f"/ledger/{tile.path}")
    if heard.status == 404 and tile.width < WIDTH:  # it may have been put away since it is full
        heard = link.get(f"/ledger/{Tile(tile.level, tile.index).path}")
    data = heard.body[: tile.width * HASH_SIZE] if heard.status == 200 else b""
    if len(data) != tile.width * HASH_SIZE:
        raise LinkRefused(f"The ledger answered with HTTP status {heard.status} where its hashes should be.")
    return data


def _bring(link: Link, note: str, log: VerifierKey) -> None:
    heard = link.post("/ledger/cosignature", note.encode())
    if heard.status == 200:
        return
    size = TreeHead.read(Note.read(note).text).size
    raise LookRefused(
        "NOT_TAKEN",
        f"The checkpoint of {entries(size)} was signed, but the ledger {log.name} did not take the signature (HTTP status"
        f" {heard.status}).",
        "The next run brings it again; if it stays so, ask the operator whether your key is in the policy.",
    )


def _keep(path: Path, before: str, now: str) -> None:
    """Both checkpoints, each signed by the ledger: together they prove it to anybody."""
    try:
        path.write_text(f"{before}\n{now}", encoding="utf-8")
    except OSError:
        raise LookRefused(
            "EVIDENCE",
            f"The ledger shows another past than before, and the proof of it cannot be written to {path}.",
            "Make room there and run this again at once, before the ledger changes.",
        ) from None
