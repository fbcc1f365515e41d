"""`cultuurinzicht witness`: keep a ledger from having two pasts, as a server or from cron."""

from __future__ import annotations

import argparse
import logging
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from api.commands import CommandRefused

if TYPE_CHECKING:
    from api.commands import Commands
    from consent_ledger.note import VerifierKey


def add(commands: Commands) -> None:
    """Add `witness` with its own commands."""
    witness = commands.add_parser("witness", help="be a witness of a ledger")
    below = witness.add_subparsers(title="commands", metavar="COMMAND", required=True)

    key = below.add_parser("key", help="print the public key of a witness; make one where there is none")
    key.add_argument("--key", required=True, help="file of the private key, for its user alone")
    key.add_argument("--name", help="name to sign under, such as witness.museum.example; for a new key")
    key.set_defaults(run=_key)

    serve = below.add_parser("serve", help="answer ledgers that ask for a signature (C2SP tlog-witness)")
    serve.add_argument("--key", required=True, help="file of the private key")
    serve.add_argument("--state", required=True, help="file in which the witness remembers what it signed")
    serve.add_argument("--log", action="append", default=[], help="key of a ledger, NAME+ID+KEY; repeatable")
    serve.add_argument("--policy", help="file whose `log` lines name the ledgers (C2SP tlog-policy)")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on")
    serve.add_argument("--port", type=int, default=8090, help="port to listen on; 0 is any that is free")
    serve.add_argument("--prefix", default="", help="path below which it answers")
    serve.set_defaults(run=_serve)

    once = below.add_parser("once", help="look at a ledger once and sign what goes on; for cron")
    once.add_argument("url", help="address of the platform, such as https://pool.example.nl")
    once.add_argument("--key", required=True, help="file of the private key")
    once.add_argument("--state", required=True, help="file in which the witness remembers what it signed")
    once.add_argument("--log", help="key of the ledger, NAME+ID+KEY; needed the first time")
    once.set_defaults(run=_once)


def _key(arguments: argparse.Namespace) -> int:
    from consent_ledger.cosigning import Cosigner

    path = Path(arguments.key)
    if path.exists():
        cosigner = Cosigner.open(path)
        if arguments.name not in (None, cosigner.verifier_key.name):
            raise CommandRefused("The key in that file signs under another name; a new name takes a new key.")
    elif arguments.name is None:
        raise CommandRefused("There is no key there yet; say with --name under which name to make one.")
    else:
        cosigner = Cosigner.create(path, arguments.name)
    print(cosigner.verifier_key)
    return 0


def _serve(arguments: argparse.Namespace) -> int:
    from consent_ledger.cosigning import Cosigner, Policy
    from consent_ledger.witness.core import Witness
    from consent_ledger.witness.server import WitnessServer

    cosigner = Cosigner.open(Path(arguments.key))
    logs = [_log(text) for text in arguments.log]
    if arguments.policy:
        try:
            logs += [one.key for one in Policy.read(Path(arguments.policy).read_bytes()).logs]
        except OSError:
            raise CommandRefused("The policy cannot be read.") from None
    if not logs:
        raise CommandRefused("A witness knows at least one ledger; give its key with --log or --policy.")
    if not 0 <= arguments.port <= 65535:
        raise CommandRefused("A port is a number from 1 to 65535.")
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    witness = Witness(_state(arguments.state), cosigner, logs)
    try:
        server = WitnessServer((arguments.host, arguments.port), witness, prefix=arguments.prefix)
    except (OSError, OverflowError, UnicodeError):
        witness.close()
        raise CommandRefused(
            f"The address {arguments.host}:{arguments.port} cannot be listened on; choose another --port."
        ) from None
    # the service manager's way to end it; as Ctrl-C
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with server:
            host = f"[{arguments.host}]" if ":" in arguments.host else arguments.host
            address = f"http://{host}:{server.server_address[1]}{server.prefix}"
            print(f"{cosigner.verifier_key}\nWitness at {address}", flush=True)
            server.serve_forever()
    except KeyboardInterrupt:
        return 0  # how a server is meant to end
    finally:
        witness.close()
    return 0


def _once(arguments: argparse.Namespace) -> int:
    from contextlib import closing

    from consent_ledger.cosigning import Cosigner
    from consent_ledger.witness.core import Witness
    from consent_ledger.witness.link import Link
    from consent_ledger.witness.once import entries, followed, look

    cosigner = Cosigner.open(Path(arguments.key))
    url, state = arguments.url.rstrip("/"), _state(arguments.state)
    with closing(Link(url, seconds=30)) as link:
        log = followed(state, url, None if arguments.log is None else _log(arguments.log))
        with closing(Witness(state, cosigner, [log])) as witness:
            seen = look(link, witness, log, evidence=state.with_name(f"{state.name}.contradiction"))
    if seen.size == seen.old:
        print(f"Nothing new: {entries(seen.size)}, signed again.")
    else:
        print(f"{entries(seen.size)} signed; there {'was' if seen.old == 1 else 'were'} {seen.old} before.")
    return 0


def _state(text: str) -> Path:
    """The file of a witness, made for its user alone."""
    path = Path(text)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError:
        raise CommandRefused(f"The file {path} cannot be written; choose another one with --state.") from None
    return path


def _log(text: str) -> VerifierKey:
    from consent_ledger.note import ED25519, NoteRefused, VerifierKey

    try:
        return VerifierKey.read(text, ED25519)
    except NoteRefused:
        raise CommandRefused(
            "The key of a ledger is written NAME+ID+KEY, as /ledger/key shows it; compare it with the operator's."
        ) from None
