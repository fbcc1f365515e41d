"""
A witness that answers: the two addresses of C2SP tlog-witness, over HTTP/1.1 with connections that stay open.

    POST <prefix>/add-checkpoint
    GET  <prefix>/<SHA-256 of the origin, hexadecimal>/checkpoint

Put a web server with TLS in front of it, or serve it in a closed network: what is said here is not secret,
and is signed, but who changes it on the way can keep the ledger from being cosigned. Bodies, lines, times
and the number of connections are bounded; nobody who asks makes it print more than one line.
"""

from __future__ import annotations

import logging
import re
import socket
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from consent_ledger.cosigning import CosignerRefused
from consent_ledger.witness.core import Answer, StateRefused, Witness

MAX_BODY = 96 * 1024
"""A checkpoint of 64 KiB, 63 hashes, and what stands between them."""

_CONNECTIONS = 64
_SECONDS = 15
_LENGTH = re.compile(r"[0-9]{1,9}")
_CHECKPOINT = re.compile(r"/([0-9a-f]{64})/checkpoint")

log = logging.getLogger("cultuurinzicht.witness")


class WitnessServer(ThreadingHTTPServer):
    """Serves one witness on one address. `serve_forever` until `shutdown`, as every server of this kind."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], witness: Witness, *, prefix: str = "") -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.witness = witness
        self.prefix = f"/{prefix.strip('/')}" if prefix.strip("/") else ""
        self._free = threading.BoundedSemaphore(_CONNECTIONS)
        self._links: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take the connection, or drop it when too many are open: who asks tries again."""
        if not self._free.acquire(timeout=_SECONDS):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        self._links.add(request)
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._links.discard(request)
            self._free.release()

    def server_close(self) -> None:
        """Close the address and every connection: who waits on one is not left waiting."""
        super().server_close()
        for link in list(self._links):
            with suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 -- the library's signature
        """A connection that broke off is nobody's fault, and no traceback."""
        log.info("witness.connection_lost")


class _Handler(BaseHTTPRequestHandler):
    server: WitnessServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "cultuurinzicht-witness", ""
    timeout = _SECONDS
    error_message_format = "%(explain)s\n"
    error_content_type = "text/plain; charset=utf-8"

    def do_POST(self) -> None:
        """The request to sign a checkpoint."""
        length = self.headers.get("Content-Length", "")
        if _LENGTH.fullmatch(length) is None or "Transfer-Encoding" in self.headers:
            self._last(Answer(411, "the length of the request must be told\n"))
        elif int(length) > MAX_BODY:
            self._last(Answer(413, "the request is too long\n"))
        else:
            body = self.rfile.read(int(length))
            if len(body) < int(length):  # broken off on the way
                self.close_connection = True
            elif self._path() == "/add-checkpoint":
                self._say(self._asked(body))
            else:
                self._say(Answer(404, "there is nothing at this address\n"))

    def do_GET(self) -> None:
        """The last checkpoint that was signed of a ledger."""
        found = _CHECKPOINT.fullmatch(self._path() or "")
        if found is None:
            self._say(Answer(404, "there is nothing at this address\n"))
        else:
            self._say(self._asked(found[1]))

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """The library's own refusals, without its text: that would repeat what came in."""
        super().send_error(code)

    def _asked(self, what: bytes | str) -> Answer:
        witness = self.server.witness
        try:
            return witness.checkpoint(what) if isinstance(what, str) else witness.add_checkpoint(what)
        except (StateRefused, CosignerRefused) as refused:
            log.error("witness.refused code=%s: %s", refused.code, refused.sentence)  # noqa: TRY400
        except Exception as error:  # noqa: BLE001 -- the edge of the program; the text may hold what came in
            log.error("witness.defect kind=%s", type(error).__name__)  # noqa: TRY400 -- no traceback
        return Answer(500, "the witness cannot answer at this moment; nothing was signed\n")

    def _path(self) -> str | None:
        path = self.path.partition("?")[0]
        return path.removeprefix(self.server.prefix) if path.startswith(self.server.prefix) else None

    def _last(self, answer: Answer) -> None:
        """Answer, and close: what follows on this connection was not read."""
        self.close_connection = True
        self._say(answer)

    def _say(self, answer: Answer) -> None:
        body = answer.text.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        log.info("witness.answered status=%d", answer.status)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the library's name
        """Nothing: who asked, and with what words, is nobody's business."""
