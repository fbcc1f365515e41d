"""`cultuurinzicht ledger`: export it, verify an export, compare the database with itself."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from api.commands import CommandRefused
from api.settings import Settings

if TYPE_CHECKING:
    from api.commands import Commands


def add(commands: Commands) -> None:
    """Add `ledger` with its own commands."""
    ledger = commands.add_parser("ledger", help="export, verify or compare the ledger")
    below = ledger.add_subparsers(title="commands", metavar="COMMAND", required=True)

    export = below.add_parser("export", help="write the whole ledger into a folder")
    export.add_argument("folder")
    export.set_defaults(run=_export)

    verify = below.add_parser("verify", help="verify an export offline, or a server")
    verify.add_argument("path_or_url", help="folder, zip, export.jsonl, or the address of a server")
    verify.add_argument("--key", help="verifier key NAME+ID+KEY, from another source than the export")
    verify.add_argument("--token", help="bearer token with ledger:export, for the address of a server")
    verify.set_defaults(run=_verify)


def _export(arguments: argparse.Namespace) -> int:
    from api.assembly import assembled
    from consent_ledger.export import write
    from resolvers import ledger as ledger_door
    from resolvers.gate import as_platform

    folder = Path(arguments.folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)  # before the export is recorded: here nothing leaves yet
        with assembled(Settings.read()) as parts:
            with as_platform(parts.house) as ask:
                ledger_door.export(ask, 0, None)
            write(parts.house.ledger, parts.house.engine, folder)
    except OSError:
        raise CommandRefused(f"The folder {folder} cannot be made or written; choose another one.") from None
    print(
        f"The ledger stands in {arguments.folder}; check it with: cultuurinzicht ledger verify {arguments.folder}"
    )
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    from consent_ledger import verify

    given = [f"--{name}={value}" for name in ("key", "token") if (value := getattr(arguments, name))]
    return verify.main([*given, "--", arguments.path_or_url])
