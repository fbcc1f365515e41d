"""Every decision is on one screen, quotable, weighed, and held by something that can fail."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, read
from tests.docs.test_named import NAMED

FOLDER = DOCS / "decisions"
RECORDS = sorted(FOLDER.glob("[0-9]*.md"))
PARTS = ("Context", "Decision", "Consequences", "Alternatives", "Enforced by")


def quotable(record: Path) -> str:
    """The one sentence."""
    found = re.search(r"^\*\*Decision\.\*\* \*(.+?)\*$", read(record), re.MULTILINE | re.DOTALL)
    assert found, record.name
    return " ".join(found[1].split())


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.stem)
def test_a_record_has_its_parts_in_their_order(record: Path) -> None:
    text = read(record)
    number = int(record.name[:4])
    assert text.startswith(f"# {number}. ")
    assert re.search(r"^Status: \w+, \d{4}-\d\d-\d\d", text, re.MULTILINE)
    places = [text.find(f"**{part}") for part in PARTS]
    assert -1 not in places
    assert places == sorted(places)
    assert quotable(record).endswith(".")


@pytest.mark.parametrize("record", RECORDS[1:], ids=lambda path: path.stem)
def test_a_record_fits_one_screen_and_names_what_holds_it(record: Path) -> None:
    text = read(record)
    assert len(text.splitlines()) <= 40
    assert NAMED.findall(text.split("**Enforced by**")[1])


def test_the_list_quotes_every_record() -> None:
    rows = re.findall(r"^\| \[(\d+)\]\((.+?)\) \| (.+) \|$", read(FOLDER / "README.md"), re.MULTILINE)
    assert [(int(number), name) for number, name, _ in rows] == [
        (int(record.name[:4]), record.name) for record in RECORDS
    ]
    for (_, _, told), record in zip(rows[1:], RECORDS[1:], strict=True):
        assert told == quotable(record)
