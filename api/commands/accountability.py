"""
`cultuurinzicht accountability`: documents of the law, made from the ledger, as Markdown on standard output.

Nothing is written: the same ledger, position and day give the same text.
"""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, TypeVar

from api.commands import CommandRefused
from api.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from api.commands import Commands
    from consent_ledger.permit import Refusal
    from resolvers.gate import Inquiry

GivenT = TypeVar("GivenT")


class Document(Protocol):
    """A document of accountability, with the names that belong to it."""

    def markdown(self, *, dutch: bool) -> str:
        """The document as text."""


def add(commands: Commands) -> None:
    """Add `accountability` with its own commands."""
    account = commands.add_parser(
        "accountability", help="print what the GDPR asks of a house, from the ledger"
    )
    below = account.add_subparsers(title="commands", metavar="COMMAND", required=True)

    record = below.add_parser("record", help="the record of processing activities of a house (article 30)")
    _of_whom(record, "whose record it is")
    record.set_defaults(run=_record)

    essence = below.add_parser("essence", help="who is jointly responsible for the pool (article 26)")
    _language(essence)
    essence.set_defaults(run=_essence)

    notice = below.add_parser(
        "notice", help="what a recipient tells those whose data it got from others (article 14)"
    )
    _of_whom(notice, "id of the recipient")
    notice.add_argument(
        "--agreement", help="id of one agreement; without it, all that stand now and give something"
    )
    notice.set_defaults(run=_notice)

    breach = below.add_parser(
        "breach", help="what may have come out in a window, and who must be told (articles 33 and 34)"
    )
    breach.add_argument("--since", required=True, metavar="TIME", help="such as 2026-07-01T09:00:00Z")
    breach.add_argument("--until", required=True, metavar="TIME", help="up to this moment")
    breach.add_argument("--client", help="the application that was breached")
    breach.add_argument("--recipient", help="id of the recipient that was breached")
    breach.add_argument("--controller", help="id of the house whose data are concerned")
    breach.add_argument("--aware", metavar="TIME", help="when the houses knew: 72 hours are counted from it")
    breach.add_argument("--institution", help="only what this house would see; without it, all")
    _language(breach)
    breach.set_defaults(run=_breach)


def _of_whom(parser: argparse.ArgumentParser, told: str) -> None:
    parser.add_argument("--institution", required=True, help=told)
    _language(parser)


def _language(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--language", choices=["nl", "en"], default="nl", help="of the document")


def _record(arguments: argparse.Namespace) -> int:
    from consent_ledger.vocabulary import PartyId
    from resolvers.accountability import record

    house = PartyId(arguments.institution)
    return _print(arguments, lambda ask: [_made(record(ask, house))])


def _essence(arguments: argparse.Namespace) -> int:
    from resolvers.accountability import essence

    return _print(arguments, lambda ask: [_made(essence(ask))])


def _notice(arguments: argparse.Namespace) -> int:
    from consent_ledger.vocabulary import AgreementId, PartyId
    from resolvers.accountability import notice, received_under

    recipient = PartyId(arguments.institution)

    def made(ask: Inquiry) -> list[Document]:
        if arguments.agreement:
            wanted = [AgreementId(arguments.agreement)]
        else:
            wanted = _granted(received_under(ask, recipient))
        return [_made(notice(ask, one, recipient)) for one in wanted]

    return _print(arguments, made)


def _breach(arguments: argparse.Namespace) -> int:
    from consent_ledger.vocabulary import ClientId, PartyId
    from resolvers.accountability import breach

    def party(given: str | None) -> PartyId | None:
        return None if given is None else PartyId(given)

    since, until = _moment(arguments.since), _moment(arguments.until)
    aware = None if arguments.aware is None else _moment(arguments.aware)
    client = None if arguments.client is None else ClientId(arguments.client)
    return _print(
        arguments,
        lambda ask: [
            _made(
                breach(
                    ask,
                    since=since,
                    until=until,
                    client=client,
                    recipient=party(arguments.recipient),
                    controller=party(arguments.controller),
                    aware=aware,
                    institution=party(arguments.institution),
                )
            )
        ],
    )


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise CommandRefused("A time is written as 2026-07-01T09:00:00Z.") from None


def _made(given: Document | Refusal | None) -> Document:
    if given is None:
        raise CommandRefused("This organisation receives nothing under such an agreement.")
    return _granted(given)


def _granted(given: GivenT | Refusal) -> GivenT:
    from consent_ledger.permit import Refusal
    from consent_ledger.reasons import EXPLAINED

    if isinstance(given, Refusal):
        raise CommandRefused(EXPLAINED[given.reason].sentence.en)
    return given


def _print(arguments: argparse.Namespace, made: Callable[[Inquiry], list[Document]]) -> int:
    from api.assembly import assembled
    from resolvers.gate import as_platform

    with assembled(Settings.read()) as parts, as_platform(parts.house) as ask:
        documents = [one.markdown(dutch=arguments.language == "nl") for one in made(ask)]
    print("\n".join(documents) or "This organisation receives nothing now.", end="" if documents else "\n")
    return 0
