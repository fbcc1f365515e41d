"""
Couriers: each brings the newest checkpoint to one witness, and its cosignature back (C2SP tlog-witness).

The courier asks with the largest size of which it keeps a cosignature. A witness that knows another size
says so, and is asked again from there. What a witness says against this ledger counts when it shows a
checkpoint that the ledger's own key signed, and that is held to the database as it is at that moment:
another process may have written what this one had not read yet.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from consent_ledger.checkpoint import read_note
from consent_ledger.cosignatures import Cosignatures
from consent_ledger.cosigning import Cosignature, cosignatures
from consent_ledger.database import DatabaseRefused, reading
from consent_ledger.follower import LedgerError, LedgerRefused, read_head
from consent_ledger.log import Ledger, NotRecorded
from consent_ledger.lookup import entries_at
from consent_ledger.note import Note, NoteRefused, TreeHead, VerifierKey, base64_of, read_signatures
from consent_ledger.records import instant
from consent_ledger.witness.link import Heard, Link, LinkRefused

BEFORE = 300
"""Seconds that a cosignature may be dated before the last entry that it signs was recorded: clocks differ."""

AHEAD = 300
"""Seconds that the clock of a witness may be ahead of ours before its word is not taken."""

_FRESH = 1_800.0  # seconds after which a state that did not change is signed again
_SIZE = re.compile(r"(0|[1-9][0-9]{0,15})\n")

log = logging.getLogger("cultuurinzicht.witnessing")


class Witnessed(LedgerRefused):
    """A witness saw more of this ledger than the database holds, or another past."""


class WitnessFailed(Exception):
    """A witness did not sign. The text is for the log."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


PASSING = (WitnessFailed, LinkRefused, LedgerError, DatabaseRefused, SQLAlchemyError)
"""What another try may mend; `Witnessed` is one of them by its kind, and is caught before."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Where all couriers of one ledger come from and go back to."""

    engine: Engine
    ledger: Ledger
    kept: Cosignatures
    clock: Callable[[], float]

    def is_ahead(self, found: Iterable[Cosignature]) -> bool:
        """Whether one of these was signed at a time that is still to come."""
        return any(one.time > self.clock() + AHEAD for one in found)

    def is_before(self, size: int, found: Iterable[Cosignature]) -> bool:
        """
        Whether one of these was signed before the last of these entries was there.

        Nobody can have signed what was not there, and a witness could add rows for every ten minutes since
        1970. A sandbox's entries may be dated later than today, so that today is early enough there.
        """
        with reading(self.engine) as connection:
            last = instant(entries_at(connection, [size - 1])[size - 1].rt).timestamp()
        earliest = min(last, self.clock()) - BEFORE
        return any(one.time < earliest for one in found)

    def hold(self, signed: TreeHead) -> None:
        """
        Hold a state that this ledger's own key signed to the database. Raises `Witnessed`.

        It was committed before anyone could see it, so a transaction that begins now sees as much.
        """
        with reading(self.engine) as connection:
            size = read_head(connection).size
            try:
                root = self.ledger.root(connection, signed.size)
            except NotRecorded:
                raise behind(signed.size, size) from None
        if root != signed.root:
            raise Witnessed(
                "LEDGER_FORKED",
                f"This ledger signed other entries than the first {signed.size} in the database, and a"
                " witness holds that checkpoint. Restore the copy that has them.",
            )


class Courier:
    """Goes between one ledger and one witness. `deliver` by one thread at a time."""

    def __init__(self, desk: Desk, witness: VerifierKey, url: str) -> None:
        """Raises `LinkRefused` when the address is none."""
        self.name = witness.name
        self._desk = desk
        self._witness = witness
        self._link = Link(url)
        self._is_failing = False
        self._delivered: float | None = None

    def deliver_news(self) -> None:
        """Deliver when the ledger has grown, or when the last cosignature grows old."""
        with reading(self._desk.engine) as connection:
            is_new = read_head(connection).size > self._desk.kept.last_size(connection, self._witness)
        if is_new or self._delivered is None or time.monotonic() - self._delivered >= _FRESH:
            self.deliver()

    def deliver(self) -> None:
        """
        Have the newest checkpoint signed, and keep the cosignature.

        Raises `Witnessed` when the witness proves that it saw more, with a checkpoint that this ledger's own
        key signed, and what is in `PASSING` when it does not sign. A number alone proves nothing: anybody
        can say one, and one witness could stop the platform.
        """
        ledger, told = self._desk.ledger, None
        for _ in range(4):
            with reading(self._desk.engine) as connection:
                size = read_head(connection).size
                old = self._desk.kept.last_size(connection, self._witness) if told is None else told
                is_behind = old > size
                if not is_behind:
                    proof = ledger.consistency(connection, old)
                    checkpoint = ledger.checkpoint(connection)
            if is_behind and told is None:  # this ledger's own signature was checked when it was kept
                raise behind(old, size)
            if is_behind:  # the witness said so before this transaction began
                if (shown := self._shown()) is not None:
                    self._desk.hold(shown)
                raise WitnessFailed(
                    f"it says that it knows {old} entries, but the database has {size}, and it shows no larger"
                    " checkpoint that this ledger signed; was a newer copy put back? If it errs, take it out"
                    " of the policy"
                )
            hashes = "".join(f"{base64_of(one)}\n" for one in proof)
            heard = self._link.post("/add-checkpoint", f"old {old}\n{hashes}\n{checkpoint}".encode())
            told = _told(heard)
            if heard.status == 200:
                self._take(checkpoint, heard)
                return
            if heard.status == 422 and (signed := self._shown()) is not None:
                self._desk.hold(signed)
            if told is None or told == old:
                raise WitnessFailed(f"it answered with HTTP status {heard.status}")
        raise WitnessFailed("it tells another size each time")

    def failed(self, error: BaseException) -> None:
        """Say once that this witness does not sign, until it signs again."""
        if not self._is_failing:
            self._is_failing = True
            said = getattr(error, "sentence", type(error).__name__)
            log.warning("witness.failing witness=%s: %s", self.name, said)

    def abort(self) -> None:
        """Break off what another thread waits for."""
        self._link.abort()

    def close(self) -> None:
        """Close the connection."""
        self._link.close()

    def _take(self, checkpoint: str, heard: Heard) -> None:
        try:
            note = Note.read(checkpoint).with_signatures(read_signatures(heard.text))
            found = cosignatures(note, [self._witness])
        except NoteRefused as refused:
            raise WitnessFailed(f"its answer is no cosignature: {refused.sentence}") from None
        if not found:
            raise WitnessFailed("its answer is not signed with the key in the policy")
        if self._desk.is_ahead(found):
            raise WitnessFailed("its clock is ahead by minutes")
        self._desk.kept.keep(TreeHead.read(note.text), found)
        self._delivered = time.monotonic()
        if self._is_failing:
            self._is_failing = False
            log.warning("witness.signs_again witness=%s", self.name)

    def _shown(self) -> TreeHead | None:
        """What the witness shows as its last checkpoint, when this ledger's own key signed it."""
        ledger = self._desk.ledger
        try:
            heard = self._link.get(f"/{sha256(ledger.origin.encode()).hexdigest()}/checkpoint")
            signed = read_note(heard.text, [ledger.verifier_key]) if heard.status == 200 else None
        except (LinkRefused, NoteRefused):
            return None
        return None if signed is None else TreeHead(signed.origin, signed.size, signed.root)


def behind(known: int, size: int) -> Witnessed:
    """What is said when a witness has this ledger's signature under more entries than there are."""
    return Witnessed(
        "LEDGER_BEHIND",
        f"A witness knows {known} entries, but the database has {size}: the database was put back to an"
        " earlier moment. Restore the newest copy.",
    )


def _told(heard: Heard) -> int | None:
    """The size that the witness says it knows."""
    if heard.status != 409 or heard.kind != "text/x.tlog.size" or len(heard.body) > 17:
        return None
    found = _SIZE.fullmatch(heard.text)
    return None if found is None else int(found[1])
