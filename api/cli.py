"""The command `cultuurinzicht`: each command does its work, or says in one plain sentence why not (exit 1)."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from traceback import extract_tb

from api.commands import CommandRefused, accountability, consents, keys, ledger, vault, witness
from api.settings import Settings


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run one command; the exit code is 0 when it did what was asked.

    A command that cannot exits 1, or what its parser has as `could_not`.
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.run is None:
        parser.print_help()
        return 0
    run: Callable[[argparse.Namespace], int] = arguments.run
    try:
        return run(arguments)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # the reader of our output left, as `head` does; Python would complain again when it flushes
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001 -- the edge of the program: a sentence instead of a traceback
        _say(error)
        return int(getattr(arguments, "could_not", 1))


_LARGEST_SCALE = 100
"""Of the demo's sector: beyond, it would no longer be made in any useful time."""

_NEXT_STEP = {
    "LEDGER_HAS_A_WRITER": "Stop the server, run this again and start it; or ask for it through GraphQL.",
    "NO_LEDGER": "For a platform run: cultuurinzicht migrate --create platform. For a sandbox: cultuurinzicht demo",
    "DATABASE_NOT_MIGRATED": "Run: cultuurinzicht migrate",
    "FOLDER_MISSING": "CULTUURINZICHT_DATA_DIR says where the data are; to begin there: cultuurinzicht migrate",
}
"""What to run, for refusals of rooms that know no commands."""


def _say(error: Exception) -> None:
    """One plain sentence and the next step, for what our own exceptions say."""
    sentence = getattr(error, "sentence", None)
    if not isinstance(sentence, str):
        sentence = _unforeseen(error)
    print(sentence, file=sys.stderr)
    step = getattr(error, "next_step", None) or getattr(error, "fix", None)
    step = step or _NEXT_STEP.get(str(getattr(error, "code", "")))
    if isinstance(step, str) and step != sentence:
        print(step, file=sys.stderr)


def _unforeseen(error: Exception) -> str:
    """Kind and place, for who mends it; never the text, which may hold a value."""
    frames = extract_tb(error.__traceback__)
    place = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    return (
        f"Something went wrong that nobody foresaw ({type(error).__name__}{place}). Nothing half was stored."
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cultuurinzicht",
        description="Audiences, segments and benchmarks, of and for cultural institutions.",
    )
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    demo = commands.add_parser("demo", help="seed an invented sector and serve it")
    demo.add_argument("--host")
    demo.add_argument("--port")
    demo.add_argument(
        "--scale", type=float, default=1.0, help="size of the invented sector; 1 is 300 institutions"
    )
    demo.add_argument("--no-serve", action="store_true", help="seed and stop")
    demo.set_defaults(run=_demo)

    serve = commands.add_parser("serve", help="serve a platform that was migrated")
    serve.add_argument("--host")
    serve.add_argument("--port")
    serve.set_defaults(run=_serve)

    migrate = commands.add_parser("migrate", help="bring both databases to their newest shape")
    migrate.add_argument(
        "--create", choices=["sandbox", "platform"], help="begin a ledger where there is none"
    )
    migrate.set_defaults(run=_migrate)

    ingest = commands.add_parser("ingest", help="bring a file of tickets or visits in, all of it or nothing")
    ingest.add_argument("file")
    ingest.add_argument("--institution", required=True, help="id of the house")
    ingest.add_argument("--unit", choices=["tickets", "visits"], default="tickets")
    ingest.add_argument(
        "--mapping",
        required=True,
        help="how the file is read: pretix-nl or cultuurinzicht for tickets, visits for visits",
    )
    ingest.add_argument("--source", default="file", help="name of the source system, such as pretix")
    ingest.add_argument("--key", help="idempotency key: a run that is repeated with it stores nothing new")
    ingest.add_argument("--json", action="store_true", help="print the whole report as JSON")
    ingest.set_defaults(run=_ingest)

    release = commands.add_parser("release", help="make and seal a release of whole months")
    release.add_argument("--from", dest="start", required=True, metavar="YYYY-MM", help="first month")
    release.add_argument("--until", dest="end", required=True, metavar="YYYY-MM", help="month after the last")
    release.add_argument("--policy", default="unnoised-1", help="the policy; unnoised-1 on a sandbox alone")
    release.set_defaults(run=_release)

    consents.add(commands)
    ledger.add(commands)
    keys.add(commands)
    vault.add(commands)
    witness.add(commands)
    accountability.add(commands)

    settings = commands.add_parser("settings", help="list the settings with the values in force")
    settings.set_defaults(run=_settings)
    return parser


def _settings_of(arguments: argparse.Namespace) -> Settings:
    """The settings of the environment, with host and port of the command line."""
    given = dict(os.environ)
    for name in ("host", "port"):
        if value := getattr(arguments, name, None):
            given[f"CULTUURINZICHT_{name.upper()}"] = value
    return Settings.read(given)


def _demo(arguments: argparse.Namespace) -> int:
    from api import demo, serving
    from api.assembly import prepare

    settings = _settings_of(arguments)
    if not (math.isfinite(arguments.scale) and 0 < arguments.scale <= _LARGEST_SCALE):
        raise CommandRefused(f"The scale is a number above 0, and at most {_LARGEST_SCALE}.")
    if arguments.no_serve:
        prepare(settings)
        with demo.opened(settings, scale=arguments.scale, progress=_progress):
            return 0
    with serving.claim_port(settings) as claimed:
        prepare(settings)
        with demo.opened(settings, scale=arguments.scale, progress=_progress) as (parts, access):
            serving.serve(parts, claimed, announce=lambda: _progress(demo.welcome(access, settings)))
    return 0


def _serve(arguments: argparse.Namespace) -> int:
    from api import serving
    from api.assembly import assembled

    settings = _settings_of(arguments)
    with serving.claim_port(settings) as claimed, assembled(settings) as parts:
        serving.serve(parts, claimed, announce=lambda: _progress(f"Serving on {settings.base_url}"))
    return 0


def _migrate(arguments: argparse.Namespace) -> int:
    from api.assembly import assembled, prepare
    from resolvers.rules import publish_rulebook

    settings = Settings.read()
    prepare(settings)
    if arguments.create:
        with assembled(settings, create=arguments.create) as parts:
            publish_rulebook(parts.house)
            print(
                f"The ledger {parts.house.ledger.origin} stands; its key is {parts.house.ledger.verifier_key}"
            )
    print("Both databases have their newest shape.")
    return 0


def _ingest(arguments: argparse.Namespace) -> int:
    from api.ingest import ingest

    return ingest(
        Settings.read(),
        Path(arguments.file),
        institution=arguments.institution,
        unit=arguments.unit,
        mapping=arguments.mapping,
        source=arguments.source,
        key=arguments.key,
        as_json=arguments.json,
    )


def _release(arguments: argparse.Namespace) -> int:
    from api.assembly import assembled
    from insight.blocks import NoLawfulBlock
    from insight.months import MonthRefused, month
    from resolvers.releases import make_release

    try:
        start, end = month(arguments.start), month(arguments.end)
    except MonthRefused:
        raise CommandRefused("A month is written as YYYY-MM, such as 2026-09.") from None
    if end <= start:
        raise CommandRefused("The month after the last lies before the first, or is the same.")
    with assembled(Settings.read()) as parts:
        made = make_release(parts.house, start=start, end=end, policy=arguments.policy)
    if isinstance(made, NoLawfulBlock):
        print("No release: too few houses joined for a single lawful block.", file=sys.stderr)
        return 1
    print(
        f"Sealed {made.release} at position {made.position}: {made.blocks} blocks of {made.houses} houses, "
        f"{made.cells} cells."
    )
    return 0


def _settings(_: argparse.Namespace) -> int:
    for setting, value in Settings.read().shown():
        print(f"{setting.variable}={value}")
        print(f"    {setting.meaning}; default: {setting.default}; when wrong: {setting.when_wrong}")
    return 0


def _progress(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
