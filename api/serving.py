"""Serving a house: one process, one event loop, the house's own threads."""

from __future__ import annotations

import errno
import logging
import socket

import uvicorn

from api.app import create_app
from api.assembly import assembled
from api.settings import Settings, SettingsRefused


def refuse_a_taken_port(settings: Settings) -> None:
    """Raise `SettingsRefused` with a plain sentence when the address cannot be listened on."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((settings.host, settings.port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise SettingsRefused(
                f"Port {settings.port} is taken; choose another one, such as PORT={settings.port + 1}."
            ) from None
        raise SettingsRefused(f"The address {settings.host}:{settings.port} cannot be listened on.") from None


def serve(settings: Settings) -> None:
    """Serve until a signal ends it; requests under way are finished, and what waits is recorded."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    with assembled(settings) as parts:
        config = uvicorn.Config(
            create_app(parts),
            host=settings.host,
            port=settings.port,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=10,
        )
        uvicorn.Server(config).run()
