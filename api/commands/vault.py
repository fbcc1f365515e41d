"""
`cultuurinzicht vault`: the two clocks of forgetting, for cron.

`rotate` once a month, on its first day; `expire` once a day. Both can be repeated at any time.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from api.settings import Settings

if TYPE_CHECKING:
    from api.commands import Commands
    from consent_ledger.entry import EntryType
    from consent_ledger.log import Ledger
    from consent_ledger.vault import Vault


def add(commands: Commands) -> None:
    """Add `vault` with its own commands."""
    vault = commands.add_parser(
        "vault", help="forget what is due: change the vault's key, let evidence expire"
    )
    below = vault.add_subparsers(title="commands", metavar="COMMAND", required=True)

    rotate = below.add_parser(
        "rotate", help="seal the vault under a new key and destroy the old ones; monthly, from cron"
    )
    rotate.set_defaults(run=_rotate)

    expire = below.add_parser(
        "expire", help="destroy the evidence of erased persons whose day has passed; daily, from cron"
    )
    expire.set_defaults(run=_expire)


def rotate(vault: Vault, ledger: Ledger) -> int:
    """
    Begin a new epoch, destroy those before it, and record both; returns the new one.

    Repeatable: what an earlier run did and could not record any more is recorded now.
    """
    from consent_ledger.entry import EntryType

    epoch = vault.rotate()
    for number in sorted(vault.epochs()):
        if number > 1:
            _record(ledger, EntryType.KEK_ROTATED, number)
    # the entry says that it is done, so it comes after it
    for number in range(1, epoch):
        vault.destroy_epoch(number)
        _record(ledger, EntryType.KEK_DESTROYED, number)
    return epoch


def _record(ledger: Ledger, kind: EntryType, epoch: int) -> None:
    """Once per epoch: the key of the entry is made of it."""
    from consent_ledger.entry import Actor, Draft
    from consent_ledger.vocabulary import PLATFORM, ClientId

    ledger.append(Draft(kind, Actor(PLATFORM, ClientId(PLATFORM)), f"{kind.value}-{epoch}", {"epoch": epoch}))


def _rotate(_: argparse.Namespace) -> int:
    from api.assembly import assembled

    with assembled(Settings.read()) as parts:
        epoch = rotate(parts.house.vault, parts.house.ledger)
    print(
        f"The vault is sealed under key {epoch}; those before it are destroyed, and what lay under them alone."
    )
    return 0


def _expire(_: argparse.Namespace) -> int:
    from api.assembly import assembled

    with assembled(Settings.read()) as parts:
        expired = parts.house.vault.expire_evidence(parts.house.today())
    print(f"Erased persons whose evidence had passed its day, and of whom nothing is left now: {expired}.")
    return 0
