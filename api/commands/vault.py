"""
`cultuurinzicht vault`: the two clocks of forgetting, for cron.

`rotate` once a month, on its first day; `expire` once a day. Both can be repeated at any time.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from api.commands import CommandRefused
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


class _RotationWaits(CommandRefused):
    code = "LEDGER_HAS_A_WRITER"
    next_step = (
        "Stop the server for a moment, run this again and start it; or do it at the nightly restart,"
        " between its stop and its start."
    )


def rotate(vault: Vault, ledger: Ledger) -> int:
    """
    Begin a new epoch, destroy those before it, and record both; returns the new one.

    Repeatable: what an earlier run did, and could not finish or record any more, is done first, so that runs
    that fail do not heap up epochs.
    """
    _finish(vault, ledger)
    epoch = vault.rotate()
    _finish(vault, ledger)
    return epoch


def _finish(vault: Vault, ledger: Ledger) -> None:
    """Record the epochs that were begun, destroy those before the present one that are unused, record that."""
    from consent_ledger.entry import EntryType
    from consent_ledger.vault import VaultRefused

    living = sorted(vault.epochs())
    for number in living:
        if number > 1:
            _record(ledger, EntryType.KEK_ROTATED, number)
    # the entry says that it is done, so it comes after it
    for number in range(1, living[-1]):
        try:
            vault.destroy_epoch(number)
        except VaultRefused as refused:
            if refused.code != "EPOCH_USED":
                raise
            # a run died while it moved persons out of it: the next one moves them
        else:
            _record(ledger, EntryType.KEK_DESTROYED, number)


def _record(ledger: Ledger, kind: EntryType, epoch: int) -> None:
    """Once per epoch: the key of the entry is made of it."""
    from consent_ledger.entry import Actor, Draft
    from consent_ledger.vocabulary import PLATFORM, ClientId

    ledger.append(Draft(kind, Actor(PLATFORM, ClientId(PLATFORM)), f"{kind.value}-{epoch}", {"epoch": epoch}))


def _rotate(_: argparse.Namespace) -> int:
    from api.assembly import assembled
    from consent_ledger.lease import Lease, LedgerHasAWriter

    with assembled(Settings.read()) as parts:
        lease = Lease(parts.house.engine)
        try:
            # first: beside a server that runs nothing could be recorded, and an epoch would have begun
            lease.take()
        except LedgerHasAWriter as other:
            raise _RotationWaits(other.sentence) from None
        try:
            epoch = rotate(parts.house.vault, parts.house.ledger)
        finally:
            lease.give_back()
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
