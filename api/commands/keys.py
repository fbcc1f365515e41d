"""
`cultuurinzicht keys`: the keys with which houses sign, as the platform sees them.

A house that lost its keys, or its way in, reports it; the platform then stops the key. It can do no more:
it makes no key for a house, and a house with one that stands approves each further one itself.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from api.commands import CommandRefused
from api.settings import Settings

if TYPE_CHECKING:
    from api.commands import Commands


def add(commands: Commands) -> None:
    """Add `keys` with its own commands."""
    keys = commands.add_parser("keys", help="list the keys with which a house signs, or stop one it lost")
    below = keys.add_subparsers(title="commands", metavar="COMMAND", required=True)

    listed = below.add_parser("list", help="list the keys of a house, retired ones too")
    listed.add_argument("house", help="id of the house")
    listed.set_defaults(run=_list)

    retire = below.add_parser("retire", help="stop a key that a house reported lost; what it signed stands")
    retire.add_argument("house", help="id of the house")
    retire.add_argument("key", help="the key, such as key-0123456789abcdef")
    retire.add_argument(
        "--cause", choices=("rotated", "lost", "left"), default="lost", help="why it signs no more"
    )
    retire.set_defaults(run=_retire)


def _list(arguments: argparse.Namespace) -> int:
    from api.assembly import assembled
    from consent_ledger.vocabulary import PartyId
    from resolvers.gate import as_platform
    from resolvers.keys import keys_of

    with assembled(Settings.read()) as parts, as_platform(parts.house) as ask:
        party = PartyId(arguments.house)
        if party not in ask.snapshot.state.parties:
            raise CommandRefused("No organisation with this id is registered.")
        for one in keys_of(ask, party):
            standing = one.standing
            how = "on the operator's word" if standing.enrolled_by_operator else "approved by the house"
            state = "stands" if standing.is_live else "retired"
            print(f"{one.key}  {standing.algorithm:5}  entry {standing.seq}  {state:7}  {how}")
    return 0


def _retire(arguments: argparse.Namespace) -> int:
    from api.assembly import assembled
    from consent_ledger.vocabulary import KeyCause, PartyId
    from resolvers.keys import retire_reported_key

    with assembled(Settings.read()) as parts:
        party, cause = PartyId(arguments.house), KeyCause(arguments.cause)
        receipt = retire_reported_key(parts.house, party, arguments.key, cause)
    print(f"It signs no more, from entry {receipt.position} on; what it signed before stands.")
    return 0
