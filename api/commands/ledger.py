"""`cultuurinzicht ledger`: export it, verify an export, decide again, hold receipts against it, compare."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from api.commands import CommandRefused
from api.settings import Settings

if TYPE_CHECKING:
    from api.commands import Commands
    from consent_ledger.replay import Told


def add(commands: Commands) -> None:
    """Add `ledger` with its own commands."""
    ledger = commands.add_parser("ledger", help="export, verify, replay, reconcile or compare the ledger")
    below = ledger.add_subparsers(title="commands", metavar="COMMAND", required=True)

    export = below.add_parser("export", help="write the whole ledger into a folder")
    export.add_argument("folder")
    export.set_defaults(run=_export)

    # the arguments of consent_ledger.verify, told here again: importing it would slow every other command
    verify = below.add_parser("verify", help="verify an export offline, or a server, a proof or receipts")
    verify.add_argument(
        "path_or_url",
        help="folder, zip or export.jsonl; the address of a server; a .tlog-proof; or receipts as .json or .jsonld",
    )
    verify.add_argument("--key", help="verifier key NAME+ID+KEY, from another source than the export")
    verify.add_argument(
        "--policy", help="C2SP tlog-policy: the logs and witnesses that you believe, and how many"
    )
    verify.add_argument(
        "--max-age", help="how old the cosignatures may be that the policy needs: seconds, or 1h"
    )
    verify.add_argument(
        "--since",
        action="append",
        help="a checkpoint that you kept from earlier, which this ledger must go on from; can be repeated",
    )
    verify.add_argument("--entry", help="the entry that a .tlog-proof is about")
    verify.add_argument("--token", help="bearer token for a server; other users see it in the process list")
    verify.add_argument(
        "--token-file", help="a file with the token; without it, CULTUURINZICHT_TOKEN of the environment"
    )
    verify.set_defaults(run=_verify)

    verifier = below.add_parser("verifier", help="write the verifier as one file that Python runs anywhere")
    verifier.add_argument("file", help="where it comes, such as verify.pyz")
    verifier.set_defaults(run=_verifier)

    replay = below.add_parser(
        "replay", help="decide again, from an export alone, every decision that it tells of"
    )
    replay.add_argument("export", help="folder, zip or export.jsonl; it is verified first")
    replay.add_argument("--key", help="verifier key NAME+ID+KEY, from another source than the export")
    replay.add_argument("--position", type=int, help="only the decision that this entry tells of")
    replay.add_argument("--json", action="store_true", help="print what was found as JSON")
    replay.set_defaults(run=_replay)

    reconcile = below.add_parser("reconcile", help="hold receipts of disclosures against an export")
    reconcile.add_argument(
        "receipts", help="a file of receipts or answers as JSON, or a folder of such files"
    )
    reconcile.add_argument("export", help="folder, zip or export.jsonl; it is verified first")
    reconcile.add_argument("--key", required=True, help="verifier key NAME+ID+KEY, from where you trust it")
    reconcile.set_defaults(run=_reconcile)

    fsck = below.add_parser(
        "fsck",
        help="compare the ledger in the database with itself, with what was signed, and with an export",
    )
    fsck.add_argument(
        "folder", nargs="?", help="an export of this ledger, when it is to be compared byte for byte"
    )
    fsck.add_argument("--key", help="verifier key NAME+ID+KEY, instead of the key of this installation")
    fsck.set_defaults(run=_fsck, could_not=2)

    rebuild = below.add_parser(
        "rebuild", help="rebuild where each person stands, from the entries and what the vault keeps of them"
    )
    rebuild.set_defaults(run=_rebuild)


def _rebuild(_: argparse.Namespace) -> int:
    from api.assembly import assembled
    from resolvers.standings import rebuild_standing

    with assembled(Settings.read()) as parts:
        rows = rebuild_standing(parts.house)
    print(f"The standing of all persons is rebuilt from the ledger and the vault: {rows} acts.")
    return 0


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

    return verify.run(arguments)


def _verifier(arguments: argparse.Namespace) -> int:
    from consent_ledger.verify import carry

    try:
        with Path(arguments.file).open("wb") as file:
            carry.write(file)
    except OSError:
        raise CommandRefused(
            f"The file {arguments.file} cannot be written; choose another place for it."
        ) from None
    print(
        f"The verifier stands in {arguments.file}; it needs Python and `cryptography`, and nothing of ours."
    )
    print(f"Run it with: python {arguments.file} EXPORT --key NAME+ID+KEY")
    return 0


def _replay(arguments: argparse.Namespace) -> int:
    import json

    from consent_ledger.replay import replay
    from consent_ledger.verify import Refused, checked

    try:
        with checked(arguments.export, key=arguments.key) as (report, lines):
            told = list(replay(lines))
    except Refused as refused:
        said = {"holds": False, "verdict": refused.verdict, "reason": str(refused)}
        print(json.dumps(said) if arguments.json else f"{refused.verdict}: {refused}")
        return 1
    if arguments.position is not None:
        told = [one for one in told if one.position == arguments.position]
        if not told:
            raise CommandRefused(f"Entry {arguments.position} of this export tells of no decision.")
    failing = [one for one in told if not one.holds]
    if arguments.json:
        decisions = [asdict(one) | {"holds": one.holds} for one in told]
        whole = {"origin": report.origin, "size": report.size, "root": report.root}
        whole |= {"key_was_given": report.key_was_given}
        print(json.dumps(whole | {"holds": not failing, "decisions": decisions}, indent=2))
        return 1 if failing else 0
    if not report.key_was_given:
        print("The export was checked with its own key alone; --key says whose ledger it is.")
    for one in told:
        for line in _told(one):
            print(line)
    print(
        f"{_counted(len(told))} in a ledger of {report.size} entries; {len(told) - len(failing)} come out again."
    )
    return 1 if failing else 0


def _told(one: Told) -> Iterator[str]:
    """What does not fit of one decision, and what the ledger alone cannot tell of it."""
    kind = "disclosure" if one.is_disclosure else "refusal"
    for finding in one.findings:
        yield f"Entry {one.position} ({kind}): {finding}."
    if one.untold:
        yield f"Entry {one.position} ({kind}): not to be told from the ledger alone: {', '.join(one.untold)}."


def _counted(decisions: int) -> str:
    return "1 decision" if decisions == 1 else f"{decisions} decisions"


def _reconcile(arguments: argparse.Namespace) -> int:
    from consent_ledger.reconcile import kept, reconcile
    from consent_ledger.verify import Refused, checked

    held = kept(Path(arguments.receipts))
    try:
        with checked(arguments.export, key=arguments.key) as (report, lines):
            found = reconcile(held.receipts, lines, arguments.key)
    except Refused as refused:
        print(f"{refused.verdict}: {refused}")
        return 1
    for sentence in found.missing:
        print(sentence)
    if found.unreceipted:
        listed = ", ".join(map(str, found.unreceipted))
        print(
            f"The export tells of disclosures to you of which no receipt was given here: {listed}."
            " An answer or its receipt may have been lost; ask what they were when you do not know them."
        )
    if held.without:
        named = ", ".join(dict.fromkeys(held.without))
        print(f"answers without receipt: {len(held.without)} ({named}); a house's own data need none.")
    if found.missing:
        return 1
    print(
        f"{found.receipts} {'receipt agrees' if found.receipts == 1 else 'receipts agree'} with the ledger"
        f" {report.origin} of {report.size} entries."
    )
    return 0


def _fsck(arguments: argparse.Namespace) -> int:
    from consent_ledger.database import Login, open_engine
    from consent_ledger.fsck import Inspection

    settings = Settings.read()
    key = arguments.key or _own_key(settings)
    engine = open_engine(settings.database_url, Login.APP)
    try:
        inspection = Inspection(
            engine,
            verifier_key=key,
            store=settings.checkpoint_store,
            folder=Path(arguments.folder) if arguments.folder else None,
        )
        found = 0
        for finding in inspection.findings():
            found += 1
            print(finding.sentence)
    finally:
        engine.dispose()
    if found:
        print(f"{found} {'finding' if found == 1 else 'findings'} in a ledger of {inspection.size} entries.")
        return 1
    print(f"The ledger is whole: {inspection.size} entries, root {inspection.root.hex()}.")
    return 0


def _own_key(settings: Settings) -> str:
    """The verifier key of this installation; looking never makes a key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from consent_ledger.checkpoint import Signer
    from consent_ledger.keyring import Keyring

    if not (settings.keys_dir / "ledger.key").exists():
        raise CommandRefused(
            "The ledger's key is not in the folder of keys; give its verifier key with --key."
        )
    secret = Keyring.open(settings.keys_dir).secret("ledger")
    return Signer(settings.origin, Ed25519PrivateKey.from_private_bytes(secret)).verifier_key
