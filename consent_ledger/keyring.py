"""
The secrets that must not lie beside the data they protect: one file per secret, in a folder of its own.

The folder is for its user alone (0700), each file too (0600). A secret is 32 random bytes, made when it
is first asked for and never changed. Who can read this folder and the vault can name every person; who
loses it can open nothing any more. Back it up apart from the databases, or not at all.

One kind of secret is destroyed in time: that of an epoch, called by a number at its end. A backup of this
folder that still holds a destroyed epoch brings back what was sealed in it: such backups are kept no
longer than a month, or not made.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

SIZE = 32

_NAME = re.compile(r"[a-z][a-z0-9-]{0,40}")
_OF_AN_EPOCH = re.compile(r"[a-z][a-z0-9-]{0,33}-[0-9]{1,7}")


class KeyringRefused(Exception):
    """The keyring cannot be used as it is. `code` for programs, the text is one sentence for people."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class Keyring:
    """The secrets of one installation. Safe between threads and between processes."""

    __slots__ = ("_folder", "_lock", "_secrets")

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._secrets: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Keyring in {self._folder}>"

    def __reduce_ex__(self, protocol: object) -> str:
        raise TypeError("a keyring is not pickled")

    @classmethod
    def open(cls, folder: Path | str) -> Self:
        """
        Open the keyring in `folder`, which is made when it is missing.

        Raises `KeyringRefused` when the folder cannot be used, or when others may enter it.
        """
        path = Path(folder)
        try:
            path.mkdir(mode=0o700, exist_ok=True)
            mode = path.stat().st_mode
        except FileNotFoundError as error:
            raise KeyringRefused("FOLDER_MISSING", f"The folder {path.parent} does not exist.") from error
        except OSError as error:
            raise KeyringRefused("FOLDER_NOT_WRITABLE", f"The key folder {path} cannot be used.") from error
        if stat.S_IMODE(mode) & 0o077:
            raise KeyringRefused(
                "KEYS_EXPOSED", f"The key folder {path} is open to others; run: chmod 700 {path}"
            )
        return cls(path)

    def secret(self, name: str) -> bytes:
        """
        The 32 bytes called `name`; made, and durable on return, when they did not exist.

        Two processes that ask at once get the same bytes. Raises `KeyringRefused` when the file is
        unreadable, exposed or damaged: a damaged secret is never replaced.
        """
        _check_name(name)
        with self._lock:
            if name not in self._secrets:
                self._secrets[name] = self._load(name) or self._make(name)
            return self._secrets[name]

    def existing(self, name: str) -> bytes:
        """Like `secret`, but never makes one. Raises `KeyringRefused` when it is not there."""
        _check_name(name)
        with self._lock:
            if name not in self._secrets:
                found = self._load(name)
                if found is None:
                    raise KeyringRefused("KEY_MISSING", f"The key {name} is missing; put back its backup.")
                self._secrets[name] = found
            return self._secrets[name]

    def forget(self, name: str) -> None:
        """Hold this secret in memory no longer; its file stays."""
        with self._lock:
            self._secrets.pop(name, None)

    def destroy(self, name: str) -> bool:
        """
        Overwrite the secret of an epoch and take its file away; durable on return. False when it was gone.

        Repeatable: a crash after the overwriting leaves a file that opens nothing, and the next call
        takes it away. What this cannot promise: a disk that copies on write (btrfs, ZFS, a snapshot, the
        wear levelling of flash) may keep the old block. There, an encrypted volume has to hold the folder.
        """
        if not _OF_AN_EPOCH.fullmatch(name):
            raise KeyringRefused("KEY_NAME", "Only the key of an epoch, called by its number, is destroyed.")
        path = self._folder / f"{name}.key"
        with self._lock:
            self._secrets.pop(name, None)
            try:
                with path.open("r+b") as file:
                    file.write(bytes(SIZE))
                    file.flush()
                    os.fsync(file.fileno())
                path.unlink()
                self._sync_folder()
            except FileNotFoundError:
                return False
            except OSError as error:
                raise KeyringRefused("KEY_NOT_DESTROYED", f"The key {name} cannot be destroyed.") from error
        return True

    def _load(self, name: str) -> bytes | None:
        path = self._folder / f"{name}.key"
        try:
            with path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                value = file.read(SIZE + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise KeyringRefused("KEY_UNREADABLE", f"The key {name} cannot be read.") from error
        if stat.S_IMODE(mode) & 0o077:
            raise KeyringRefused("KEYS_EXPOSED", f"The key {name} is open to others; run: chmod 600 {path}")
        if len(value) != SIZE:
            raise KeyringRefused("KEY_DAMAGED", f"The key {name} is damaged; put back its backup.")
        return value

    def _make(self, name: str) -> bytes:
        """
        Write the secret whole under another name, then give it its own.

        A crash before `link` leaves a stray file that no data was ever sealed with; a crash after it
        leaves the secret in place. `link`, unlike `rename`, refuses to replace the secret that another
        process made a moment ago and may have used already.
        """
        final = self._folder / f"{name}.key"
        draft = self._folder / f".{name}-{secrets.token_hex(8)}"
        try:
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(secrets.token_bytes(SIZE))
                    file.flush()
                    os.fsync(file.fileno())
                with suppress(FileExistsError):
                    os.link(draft, final)
            finally:
                draft.unlink()
            self._sync_folder()
        except OSError as error:
            raise KeyringRefused(
                "FOLDER_NOT_WRITABLE", f"The key folder {self._folder} cannot be used."
            ) from error
        value = self._load(name)
        if value is None:
            raise KeyringRefused("KEY_UNREADABLE", f"The key {name} cannot be read.")
        return value

    def _sync_folder(self) -> None:
        handle = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise KeyringRefused("KEY_NAME", "A key is called by small letters, digits and dashes.")
