"""
The ledger's side of witnesses: what it asks of them, what it takes from them, and when it stops for them.

Each witness of the policy that has an address is given the newest checkpoint, by a thread of its own; no
answer to anybody waits for it. A witness that is down is tried again, ever more rarely, and is told of in
one line of the log. Others send what they signed, and it is taken when it fits.

A witness that shows more of this ledger than the database holds, or another past, signed by the ledger's own
key, stops the writing: the database was put back to an earlier moment, and going on from there would be a
second past. One that only says so is a witness that does not sign: it is named in the log and tried again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from consent_ledger.checkpoint import ledger_signatures
from consent_ledger.cosignatures import Cosignatures
from consent_ledger.cosigning import Policy, cosignatures
from consent_ledger.couriers import PASSING, Courier, Desk, Witnessed, WitnessFailed
from consent_ledger.database import reading
from consent_ledger.follower import LedgerError
from consent_ledger.log import Ledger
from consent_ledger.note import ED25519, Note, NoteRefused, TreeHead, VerifierKey

__all__ = ["CosignatureRefused", "Taken", "Witnessed", "Witnessing"]

_RARELY = 600.0  # seconds between tries of a witness that stays away
_AT_START = 15.0  # seconds that a start waits for all witnesses together

log = logging.getLogger("cultuurinzicht.witnessing")


class CosignatureRefused(LedgerError):
    """What was sent is no cosignature that this ledger takes."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A note that was taken: of which size, and how many of its cosignatures were new."""

    size: int
    new: int


class Witnessing:
    """The witnesses of one ledger in this process. `greet` before serving, `start` and `stop` around it."""

    def __init__(
        self,
        engine: Engine,
        ledger: Ledger,
        policy: Policy,
        *,
        interval: float = 5.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Raises `LinkRefused` when the address of a witness is none."""
        self._engine = engine
        self._ledger = ledger
        self._policy = policy
        self._interval = interval
        self._kept = Cosignatures(engine, policy)
        self._key = VerifierKey.read(ledger.verifier_key, ED25519)
        self._desk = Desk(engine, ledger, self._kept, clock)
        self._couriers = [
            Courier(self._desk, one.key, one.url) for one in policy.witnesses.values() if one.url is not None
        ]
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []

    def greet(self) -> None:
        """
        Ask each witness that has an address once, all at a time; for a start, before anything is written.

        Who is not reached is named in the log. Raises `Witnessed`.
        """
        refused: list[Witnessed] = []

        def ask(courier: Courier) -> None:
            try:
                courier.deliver()
            except Witnessed as one:
                refused.append(one)
            except PASSING as error:
                courier.failed(error)

        threads = [threading.Thread(target=ask, args=(one,), daemon=True) for one in self._couriers]
        for thread in threads:
            thread.start()
        until = time.monotonic() + _AT_START
        for courier, thread in zip(self._couriers, threads, strict=True):
            thread.join(max(until - time.monotonic(), 0))
            if thread.is_alive():
                courier.abort()
                thread.join(1)
        if refused:
            self._ledger.stop(refused[0])
            raise refused[0]

    def start(self) -> None:
        """Begin to give the newest checkpoint to the witnesses."""
        self._stopped.clear()
        for courier in self._couriers:
            thread = threading.Thread(
                target=self._run, args=(courier,), name=f"witness {courier.name}", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """End that; what is under way is broken off."""
        self._stopped.set()
        for courier in self._couriers:
            courier.abort()
        for thread in self._threads:
            thread.join(5)
        self._threads.clear()
        for courier in self._couriers:
            courier.close()

    def take(self, text: str) -> Taken:
        """
        Take cosignatures from whoever brings them: a note with the ledger's signature and theirs; durable on
        return, repeatable.

        Raises `CosignatureRefused` for what does not fit, and `Witnessed` when this ledger's own key signed
        a state that the database does not hold.
        """
        try:
            note = Note.read(text)
            head = TreeHead.read(note.text)
        except NoteRefused as refused:
            raise CosignatureRefused("COSIGNATURE_MALFORMED", _sentence(refused)) from None
        if head.origin != self._ledger.origin:
            raise CosignatureRefused("CHECKPOINT_UNKNOWN", "The checkpoint is that of another ledger.")
        try:
            signed = ledger_signatures(note, [self._key])
            found = cosignatures(note, self._policy.witness_keys)
        except NoteRefused as refused:
            raise CosignatureRefused("COSIGNATURE_REFUSED", _sentence(refused)) from None
        if not signed:
            raise CosignatureRefused("COSIGNATURE_REFUSED", "This ledger did not sign the checkpoint.")
        if not found:
            raise CosignatureRefused("COSIGNATURE_REFUSED", "No witness of this ledger's policy signed it.")
        if self._desk.is_ahead(found):
            raise CosignatureRefused("COSIGNATURE_REFUSED", "The clock of the witness is ahead by minutes.")
        try:
            self._desk.hold(head)
        except Witnessed as refused:
            self._ledger.stop(refused)
            raise
        if self._desk.is_before(head.size, found):
            raise CosignatureRefused(
                "COSIGNATURE_REFUSED", "It is dated minutes before the last entry that it signs was there."
            )
        return Taken(head.size, self._kept.keep(head, found))

    def cosigned(self) -> str | None:
        """The newest checkpoint that the policy's quorum signed, with all its cosignatures; None without one."""
        enough = self._kept.enough(self._ledger.origin)
        with reading(self._engine) as connection:
            if self._policy.is_met(()):  # no witness is asked for
                return self.with_cosignatures(connection, self._ledger.checkpoint(connection))
            if enough is None:
                return None
            return self.with_cosignatures(connection, self._ledger.checkpoint_at(connection, enough.size))

    def with_cosignatures(self, connection: Connection, checkpoint: str) -> str:
        """The checkpoint with the cosignatures that are kept of exactly its state."""
        note = Note.read(checkpoint)
        return str(note.with_signatures(self._kept.of(connection, TreeHead.read(note.text))))

    def _run(self, courier: Courier) -> None:
        wait = self._interval
        while not self._stopped.wait(wait):
            try:
                courier.deliver_news()
            except Witnessed as refused:
                self._ledger.stop(refused)
                log.error("witness.refused code=%s: %s", refused.code, refused.sentence)  # noqa: TRY400
                return
            except PASSING as error:
                if not self._stopped.is_set():
                    courier.failed(error)
                wait = min(max(wait, 1) * 2, _RARELY)
            except Exception as error:  # noqa: BLE001 -- the thread must live on
                courier.failed(WitnessFailed(f"something nobody foresaw: {type(error).__name__}"))
                wait = _RARELY
            else:
                wait = self._interval


def _sentence(refused: NoteRefused) -> str:
    return f"{refused.sentence[0].upper()}{refused.sentence[1:]}."
