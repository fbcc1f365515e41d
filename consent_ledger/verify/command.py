"""The command: say what holds and return 0, or one plain reason and 1."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from consent_ledger.verify.line import MAX_LINE
from consent_ledger.verify.note import MAX_NOTE, read_key
from consent_ledger.verify.policy import Policy, read_policy, seconds
from consent_ledger.verify.proof import Trust, check_proof_file
from consent_ledger.verify.receipts import MAX_RECEIPTS, check_receipts
from consent_ledger.verify.refused import Refused
from consent_ledger.verify.source import text
from consent_ledger.verify.whole import UNREADABLE, verify

TOKEN = "CULTUURINZICHT_TOKEN"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the verifier can be asked."""
    parser.add_argument(
        "path_or_url",
        help="folder, zip or export.jsonl; the address of a server; a .tlog-proof; or receipts as .json or .jsonld",
    )
    parser.add_argument("--key", help="verifier key NAME+ID+KEY, from another source than the export")
    parser.add_argument(
        "--policy",
        metavar="FILE",
        help="C2SP tlog-policy: the logs and witnesses that you believe, and how many",
    )
    parser.add_argument(
        "--max-age",
        metavar="AGE",
        help="how old the cosignatures may be that the policy needs: seconds, or 1h",
    )
    parser.add_argument(
        "--since",
        metavar="CHECKPOINT",
        action="append",
        help="a checkpoint that you kept from earlier, which this ledger must go on from; can be repeated",
    )
    parser.add_argument("--entry", metavar="FILE", help="the entry that a .tlog-proof is about")
    parser.add_argument("--token", help="bearer token for a server; other users see it in the process list")
    parser.add_argument(
        "--token-file", metavar="FILE", help=f"a file with the token; without it, {TOKEN} of the environment"
    )


def main(argv: list[str] | None = None) -> int:
    """Read the arguments, and run."""
    parser = argparse.ArgumentParser(prog="verify", description="Check an export of a consent ledger.")
    add_arguments(parser)
    return run(parser.parse_args(argv))


def run(given: argparse.Namespace) -> int:
    """Say what holds and return 0, or one plain reason and 1. Never raises."""
    try:
        said = _said(given)
    except Refused as refused:
        sys.stdout.write(f"{refused.verdict}: {refused}\n")
        return 1
    except Exception as error:  # noqa: BLE001 - whatever the bytes are, an auditor gets a reason, not a traceback
        sys.stdout.write(f"does not hold: it cannot be read ({type(error).__name__}).\n")
        return 1
    sys.stdout.write(f"{said}\n")
    return 0


def _said(given: argparse.Namespace) -> str:
    path = given.path_or_url
    policy = None if given.policy is None else _policy(given.policy)
    max_age = None if given.max_age is None else seconds(given.max_age)
    if path.endswith((".tlog-proof", ".json", ".jsonld")):
        key = None if given.key is None else read_key(given.key)
        trust = Trust(key, policy, max_age, time.time())
        if given.since:
            raise Refused("A proof of one entry says nothing of an earlier checkpoint; check an export.")
        if not path.endswith(".tlog-proof"):
            proven = check_receipts(_read(path, MAX_RECEIPTS), trust)
            return "\n".join(one.statement() for one in proven)
        if given.entry is None:
            raise Refused("A proof is of an entry: give it with --entry.")
        entry = _read(given.entry, MAX_LINE + 1)
        return check_proof_file(_read(path, 2 * MAX_NOTE), entry, trust).statement()
    since = [text(_read(one, MAX_NOTE), "checkpoint from earlier") for one in given.since or ()]
    report = verify(path, key=given.key, token=_token(given), policy=policy, max_age=max_age, since=since)
    return report.statement()


def _token(given: argparse.Namespace) -> str | None:
    token: str | None = given.token
    if token is None and given.token_file is not None:
        token = text(_read(given.token_file, MAX_NOTE), "token").strip()
    return token or os.environ.get(TOKEN) or None


def _policy(path: str) -> Policy:
    return read_policy(_read(path, MAX_NOTE))


def _read(path: str, most: int) -> bytes:
    """The bytes of a small file, and one more when it is too long. Raises `Refused`."""
    try:
        if not Path(path).is_file():
            raise Refused(f"There is no file {path}.")
        with Path(path).open("rb") as file:
            return file.read(most + 1)
    except UNREADABLE as error:
        raise Refused(f"The file {path} cannot be read ({type(error).__name__}).") from None
