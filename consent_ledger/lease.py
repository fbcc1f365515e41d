"""
One writing process for each SQLite ledger.

SQLite lets processes take turns at its one write lock, but it does not line them up: one of them can
starve for seconds. So the first that writes holds a lock on the file `<database>.writer` until it is
done, and any other is refused with a sentence. The kernel lets the lock go when the process ends, however
it ends. Who only reads needs nothing of this; PostgreSQL lines its writers up by itself.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from pathlib import Path

from sqlalchemy import Engine

from consent_ledger.follower import LedgerError


class LedgerHasAWriter(LedgerError):
    """Another process writes this ledger. Nothing was written; ask again when it is gone."""

    def __init__(self, process: str) -> None:
        super().__init__(
            "LEDGER_HAS_A_WRITER",
            f"{process} writes this ledger already, and there can be only one on SQLite;"
            " do it through the running server, or stop that first.",
        )


class Lease:
    """The right of this process to write one ledger. Held by any number of ledgers in it at once."""

    def __init__(self, engine: Engine) -> None:
        database = engine.url.database if engine.dialect.name == "sqlite" else None
        # one file, however its database was named
        self._path = None if database is None else f"{os.path.realpath(database)}.writer"
        self._is_held = False
        self._lock = threading.Lock()

    def take(self) -> None:
        """
        Hold it from now on; nothing happens when it is held already.

        Raises `LedgerHasAWriter`, and `LedgerError` when the file cannot be made or locked.
        """
        if self._is_held or self._path is None:
            return
        with self._lock:
            if not self._is_held:
                _held.take(self._path)
                self._is_held = True

    def give_back(self) -> None:
        """Let it go; the last in this process frees it for another. Repeatable."""
        with self._lock:
            if self._is_held and self._path is not None:
                self._is_held = False
                _held.give_back(self._path)


class _Held:
    """What this process holds: by path, the open file and how many hold it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: dict[str, tuple[int, int]] = {}

    def take(self, path: str) -> None:
        with self._lock:
            handle, count = self._files.get(path, (-1, 0))
            self._files[path] = (handle if count else _locked(path), count + 1)

    def give_back(self, path: str) -> None:
        with self._lock:
            handle, count = self._files.pop(path, (-1, 0))
            if count > 1:
                self._files[path] = (handle, count - 1)
            elif count:
                os.close(handle)

    def forget(self) -> None:
        """In a child after a fork: the lock is the parent's. Closing lets go of nothing there."""
        self._lock = threading.Lock()
        for handle, _ in self._files.values():
            os.close(handle)
        self._files.clear()


def _locked(path: str) -> int:
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _unusable(path) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    except BlockingIOError:
        holder = os.pread(handle, 32, 0)
        os.close(handle)
        raise LedgerHasAWriter(_named(holder)) from None
    except OSError as error:
        os.close(handle)
        raise _unusable(path) from error
    # The file stays when the lock goes: to remove it would let two hold a lock on two files of one name.
    return handle


def _named(holder: bytes) -> str:
    """Who holds it, if that was written already."""
    with contextlib.suppress(ValueError):
        return f"Process {int(holder)}"
    return "Another process"


def _unusable(path: str) -> LedgerError:
    return LedgerError(
        "LEASE_UNUSABLE",
        f"{Path(path).name} beside the database cannot be written or locked; see to its rights.",
    )


_held = _Held()
os.register_at_fork(after_in_child=_held.forget)
