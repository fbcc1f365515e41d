"""A process that brings the season in and is killed on the way. Run by `test_crash`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from consent_ledger.log import Ledger
from insight.intake import imports, ticket_store
from tests.insight.intake.house import COMMA, open_house


def die(*_: Any, **__: Any) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def then_die(work: Callable[..., Any]) -> Callable[..., Any]:
    def working(*arguments: Any, **named: Any) -> NoReturn:
        work(*arguments, **named)
        die()

    return working


def main(folder: str, app_url: str, vault_url: str, where: str) -> None:
    house = open_house(Path(folder), app_url, vault_url)
    match where:
        case "between vault and entry":
            Ledger.append_all = die  # type: ignore[method-assign]  # this is where it dies
        case "after the first rows":
            ticket_store.TicketPlan._write_programme = then_die(  # type: ignore[method-assign]
                ticket_store.TicketPlan._write_programme
            )
        case "after the last row":
            imports.keep = then_die(imports.keep)
        case "after the commit":
            Ledger.append_all = then_die(Ledger.append_all)  # type: ignore[method-assign]
    house.tickets(COMMA)


if __name__ == "__main__":
    main(*sys.argv[1:])
