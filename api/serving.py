"""Serving a house: one process, one event loop, the house's own threads."""

from __future__ import annotations

import errno
import logging
import signal
import socket
from collections.abc import Callable

import uvicorn

from api.app import create_app
from api.assembly import Assembled
from api.settings import Settings, SettingsRefused


def claim_port(settings: Settings) -> socket.socket:
    """
    The address of these settings, bound and not yet listened on: before a long start, so that a taken
    port is said at once.

    Raises `SettingsRefused` with a plain sentence when it cannot be had.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    claimed = socket.socket(family, socket.SOCK_STREAM)
    try:
        claimed.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        claimed.bind((settings.host, settings.port))
    except OSError as error:
        claimed.close()
        raise _not_ours(settings, error) from None
    return claimed


def serve(parts: Assembled, claimed: socket.socket, *, announce: Callable[[], None]) -> None:
    """
    Serve the house on the claimed address until a signal ends it; `announce` is called when requests are
    answered.

    On SIGINT and SIGTERM alike, requests under way are finished; closing the house is the caller's, and
    records what waits.
    """
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    # uvicorn sends the signal that ended it once more when it is done; unhandled, SIGTERM would end the
    # process there, before the house is closed
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with claimed:
            config = uvicorn.Config(
                create_app(parts),
                log_level="warning",
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=10,
            )
            _Server(config, announce).run(sockets=[claimed])
    except KeyboardInterrupt:
        return  # how a server is meant to end
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise _not_ours(
            parts.settings, error
        ) from None  # another process listened first, while we were starting


class _Server(uvicorn.Server):
    """uvicorn's server, which says when it answers."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._announce()


def _not_ours(settings: Settings, error: OSError) -> SettingsRefused:
    if error.errno == errno.EADDRINUSE:
        other = settings.port + 1 if settings.port < 65535 else 8000
        return SettingsRefused(
            f"Port {settings.port} is taken; choose another one, such as --port {other} (with make: PORT={other})."
        )
    return SettingsRefused(f"The address {settings.host}:{settings.port} cannot be listened on.")
