"""
A connection to one address, by HTTP: the little that ledgers and witnesses need of each other.

It stays open between questions, follows no redirect, and bounds what it reads and how long it waits.
"""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

_LIMIT = 128 * 1024


class LinkRefused(Exception):
    """The other side was not reached, or did not answer in a way that can be read. One plain sentence."""

    code = "NOT_REACHED"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer: its HTTP status, its kind, and its bytes."""

    status: int
    kind: str
    body: bytes

    @property
    def text(self) -> str:
        """The bytes as UTF-8. Raises `LinkRefused`."""
        try:
            return self.body.decode()
        except UnicodeDecodeError:
            raise LinkRefused("The answer is no text.") from None


class Link:
    """Asks the addresses below one prefix. One question at a time; `abort` ends one from another thread."""

    def __init__(self, url: str, *, seconds: float = 10) -> None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host = port = None
        if (
            not host
            or parts.scheme not in {"http", "https"}
            or parts.query
            or parts.fragment
            or parts.username
        ):
            raise LinkRefused("The address is none that begins with https:// or http://")
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._prefix = parts.path.rstrip("/")
        self._connection = kind(host, port, timeout=seconds)
        self._lock = threading.Lock()
        self._is_aborted = False

    def get(self, path: str) -> Heard:
        """The answer to GET <prefix><path>. Raises `LinkRefused`."""
        return self._asked("GET", path, None)

    def post(self, path: str, body: bytes) -> Heard:
        """The answer to POST <prefix><path>. Raises `LinkRefused`."""
        return self._asked("POST", path, body)

    def abort(self) -> None:
        """Break off a question that another thread asks."""
        self._is_aborted = True
        if (link := self._connection.sock) is not None:
            with suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection; the next question opens it again."""
        self._connection.close()

    def _asked(self, method: str, path: str, body: bytes | None) -> Heard:
        headers = {} if body is None else {"Content-Type": "text/plain; charset=utf-8"}
        with self._lock:
            self._is_aborted = False
            is_old = self._connection.sock is not None
            try:
                try:
                    return self._once(method, path, body, headers)
                except (http.client.RemoteDisconnected, ConnectionError):
                    if not is_old or self._is_aborted:
                        raise
                    # it was closed while nobody asked; both questions of ours can be asked twice
                    self._connection.close()
                    return self._once(method, path, body, headers)
            except (OSError, http.client.HTTPException, UnicodeError) as error:
                self._connection.close()
                raise LinkRefused(f"The address was not reached ({type(error).__name__}).") from None

    def _once(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Heard:
        self._connection.request(method, f"{self._prefix}{path}", body, dict(headers))
        with self._connection.getresponse() as response:
            data = response.read(_LIMIT + 1)
        if len(data) > _LIMIT:
            self._connection.close()
            raise LinkRefused("The answer is too long.")
        return Heard(response.status, response.headers.get_content_type(), data)
