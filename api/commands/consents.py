"""`cultuurinzicht consents`: what visitors decided elsewhere, from a list in a file."""

from __future__ import annotations

import argparse
import csv
import io
import secrets
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from api.commands import CommandRefused
from api.settings import Settings
from consent_ledger.vocabulary import ConsentAct, PartyId, Purpose

if TYPE_CHECKING:
    from api.commands import Commands
    from resolvers.batches import Row
    from resolvers.house import House

MOST = 100_000
"""Rows of one file, at most."""

_NEEDED = ("email", "act", "said_on")
_YES, _NO = frozenset({"1", "yes", "ja", "true"}), frozenset({"", "0", "no", "nee", "false"})
_SHOWN = 20


def add(commands: Commands) -> None:
    """Add `consents`."""
    consents = commands.add_parser(
        "consents",
        help="record a list of decisions that visitors of one house made elsewhere; names rows, never addresses",
    )
    consents.add_argument(
        "file",
        help="CSV with the columns email, act, said_on and, where needed, until, under_16, guardian",
    )
    consents.add_argument("--institution", required=True, help="id of the house")
    consents.add_argument(
        "--purpose", required=True, choices=[one.value for one in Purpose], metavar="PURPOSE"
    )
    consents.add_argument("--notice", help="id of the notice that they saw")
    consents.add_argument("--notice-version", type=int, help="version of that notice")
    consents.add_argument(
        "--key", help="idempotency key: a run that is repeated with it goes on where it was cut off"
    )
    consents.set_defaults(run=_consents)


class FileRefused(CommandRefused):
    """The file is no list of decisions."""

    code = "FILE_REFUSED"


@dataclass(slots=True)
class Report:
    """What became of the file; rows by their line in it, the header being line 1."""

    counts: Counter[ConsentAct] = field(default_factory=Counter)
    left_out: list[tuple[int, str]] = field(default_factory=list)
    entries: list[int] = field(default_factory=list)


def _consents(arguments: argparse.Namespace) -> int:
    from api.assembly import assembled

    if (arguments.notice is None) != (arguments.notice_version is None):
        print("Give --notice and --notice-version together, or neither.", file=sys.stderr)
        return 2
    try:
        rows, faults = read_list(Path(arguments.file))
    except FileRefused as refused:
        print(refused.sentence, file=sys.stderr)
        return 2
    key = arguments.key or secrets.token_hex(8)
    if arguments.key is None:
        print(f"The key of this run is {key}; when it is cut off, go on with: --key {key}", flush=True)
    with assembled(Settings.read()) as parts:
        report = record_list(
            parts.house,
            rows,
            institution=PartyId(arguments.institution),
            purpose=Purpose(arguments.purpose),
            notice=arguments.notice,
            notice_version=arguments.notice_version,
            key=key,
        )
    report.left_out = sorted(report.left_out + faults)
    _show(report, len(rows) + len(faults))
    return 0


def record_list(
    house: House,
    rows: Sequence[tuple[int, Row]],
    *,
    institution: PartyId,
    purpose: Purpose,
    notice: str | None,
    notice_version: int | None,
    key: str,
) -> Report:
    """
    Record the rows as the platform, in batches that each have a key of their own.

    Repeatable: what was recorded under the key is not recorded again. A refusal ends it; batches before it
    stand. Raises `CommandRefused`, and what the door raises.
    """
    from consent_ledger.permit import Refusal
    from consent_ledger.reasons import EXPLAINED
    from resolvers.batches import MOST as AT_ONCE
    from resolvers.batches import List, record_consents
    from resolvers.gate import as_platform

    report = Report()
    for number, start in enumerate(range(0, len(rows), AT_ONCE)):
        part = rows[start : start + AT_ONCE]
        given = List(institution, purpose, [row for _, row in part], notice, notice_version)
        with as_platform(house) as ask:
            done = record_consents(ask, given, key=f"{key}:{number}")
        if isinstance(done, Refusal):
            raise CommandRefused(EXPLAINED[done.reason].sentence.en)
        report.counts.update(done.counts)
        report.left_out += [(part[row][0], why.value) for row, why in done.left_out]
        if done.receipt is not None:
            report.entries.append(done.receipt.position)
    return report


def read_list(path: Path) -> tuple[list[tuple[int, Row]], list[tuple[int, str]]]:
    """The rows with their lines, and the lines that say nothing that can be read. Raises `FileRefused`."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError:
        raise FileRefused("This file cannot be read; check its name and its rights.") from None
    except UnicodeDecodeError:
        raise FileRefused("This file is not in UTF-8; save it as CSV in UTF-8.") from None
    first = text.partition("\n")[0]
    reader = csv.DictReader(
        io.StringIO(text, newline=""), delimiter=";" if ";" in first else ",", strict=True
    )
    if not set(_NEEDED) <= set(reader.fieldnames or ()):
        raise FileRefused("The first line of the file must name the columns email, act and said_on.")
    rows: list[tuple[int, Row]] = []
    faults: list[tuple[int, str]] = []
    for line, told in _lines(reader):
        if len(rows) + len(faults) == MOST:
            raise FileRefused(f"A file holds at most {MOST} rows; cut it in parts.")
        row = _row(told)
        if isinstance(row, str):
            faults.append((line, row))
        else:
            rows.append((line, row))
    return rows, faults


def _lines(reader: csv.DictReader[str]) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        for told in reader:
            values = {name: (value or "").strip() for name, value in told.items() if isinstance(name, str)}
            yield reader.line_num, values
    except csv.Error:
        raise FileRefused(f"Line {reader.line_num} of the file is no CSV.") from None


def _row(told: dict[str, str]) -> Row | str:
    """The row, or what of it cannot be read."""
    from resolvers.batches import Row

    try:
        act = ConsentAct(told["act"].lower())
    except ValueError:
        return "ACT_UNREADABLE"
    try:
        said_on = date.fromisoformat(told["said_on"])
        until = date.fromisoformat(told["until"]) if told.get("until") else None
    except ValueError:
        return "DAY_UNREADABLE"
    flags = [told.get(name, "").lower() for name in ("under_16", "guardian")]
    if not all(flag in _YES | _NO for flag in flags):
        return "FLAG_UNREADABLE"
    under_16, guardian = (flag in _YES for flag in flags)
    return Row(told["email"], act, said_on, until, is_under_16=under_16, by_guardian=guardian)


def _show(report: Report, received: int) -> None:
    counted = ", ".join(f"{report.counts[act]} {act.value}" for act in ConsentAct if report.counts[act])
    entries = ", ".join(map(str, report.entries))
    print(f"{received} rows: {counted or 'none counts'}; {len(report.left_out)} left out.")
    if entries:
        print(f"Recorded at position {entries}.")
    for line, why in report.left_out[:_SHOWN]:
        print(f"  line {line}: {why}")
    if len(report.left_out) > _SHOWN:
        rest = Counter(why for _, why in report.left_out[_SHOWN:])
        print("  and " + ", ".join(f"{number} more {why}" for why, number in sorted(rest.items())))
