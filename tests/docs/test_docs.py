"""The pages say what the code says: headings, generated parts, links."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from consent_ledger.bodies import DECIDING, EntryType, check_body
from consent_ledger.entry import read as entry_of
from consent_ledger.verify import main
from schema.build import build
from schema.scopes import SchemaScopes
from tests.docs.generated import HEADED, PARTS, each_command
from tests.docs.pages import DOCS, README, REFRESH, ROOT, blocks, headings, read, region

PAGES = [README, ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]

_LINK = re.compile(r"\[[^\]]+\]\(([^)#\s]+)(#[^)\s]*)?\)")


@pytest.mark.parametrize(("page", "name"), PARTS, ids=lambda part: getattr(part, "name", part))
def test_a_generated_part_is_what_the_code_says(page: Path, name: str) -> None:
    fresh = PARTS[page, name]().strip()
    assert region(read(page), name).strip() == fresh, f"{page.name} is out of date; run {REFRESH}"


@pytest.mark.parametrize("page", HEADED)
def test_every_word_of_the_code_has_its_heading(page: str) -> None:
    assert set(HEADED[page]) <= set(headings(read(DOCS / page)))


def test_every_command_has_its_heading_and_no_other_does() -> None:
    commands = [name for name, _, _ in each_command()]
    assert len(commands) > 5
    assert commands == headings(read(DOCS / "commands.md"))[1:]


def test_the_arguments_of_the_verifier_are_those_it_has(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out
    written = region(read(DOCS / "commands.md"), "commands").split("## `cultuurinzicht ledger verify`")[1]
    written = written.partition("\n## ")[0]
    assert set(re.findall(r"--[a-z-]+", told)) - {"--help"} == set(re.findall(r"`(--[a-z-]+)`", written))
    assert "path_or_url" in told


def test_a_scope_without_coordinates_is_not_used_by_one() -> None:
    rules = SchemaScopes.read(build()).rules.values()
    used = {scope.value for rule in rules for alternative in rule.alternatives for scope in alternative}
    sections = dict(
        re.findall(r"^## `([\w:.]+)`\n(.*?)(?=^## )", read(DOCS / "scopes.md"), re.MULTILINE | re.DOTALL)
    )
    idle = {scope for scope, said in sections.items() if "coordinate yet" in said}
    assert idle
    assert not idle & used
    assert sections.keys() - used - idle <= {"ledger:export", "offline_access"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, _ in _LINK.findall(read(page)):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen, ahead = set(), [README]
    while ahead:
        page = ahead.pop()
        seen.add(page.resolve())
        linked = [
            (page.parent / target).resolve() for target, _ in _LINK.findall(read(page)) if "://" not in target
        ]
        ahead += [one for one in linked if one.suffix == ".md" and one.exists() and one not in seen]
    assert {page.resolve() for page in PAGES} <= seen


def entries() -> dict[str, str]:
    """What the page says of each type of entry."""
    text = read(DOCS / "ledger-entries.md").split("\n## ")
    return {part.split("`")[1]: part for part in text if part.startswith("`")}


def test_every_type_of_entry_has_its_heading_and_no_other_does() -> None:
    assert sorted(entries()) == sorted(EntryType)


@pytest.mark.parametrize("kind", EntryType)
def test_an_entry_shows_a_body_that_is_accepted_and_tells_each_of_its_keys(kind: EntryType) -> None:
    told = entries()[kind]
    [shown] = blocks(told, "json")
    body = json.loads(shown)
    check_body(kind, body)
    assert re.findall(r"^- `(\w+)`: ", told, re.MULTILINE) == list(body)


def test_the_shown_line_is_an_entry_and_its_keys_are_those_of_the_envelope() -> None:
    text = read(DOCS / "ledger-entries.md")
    [line] = blocks(text, "text")
    entry = entry_of(line.strip().encode())
    assert entry.type == "consent.objected"
    told = re.findall(r"^\| (`.+?) \|", text.split("## The envelope")[1].split("\n## ")[0], re.MULTILINE)
    keys = {key for row in told for key in re.findall(r"`(\w+)`", row)}
    assert keys == set(json.loads(line))


def test_what_the_page_says_changes_no_verdict_is_what_changes_none() -> None:
    text = read(DOCS / "ledger-entries.md").split("change no")[0].split("of a person. ")[1]
    assert set(re.findall(r"`([\w./]+)`", text)) == set(EntryType) - DECIDING


def test_the_glossary_has_one_row_per_word_in_both_languages() -> None:
    rows = re.findall(
        r"^\| \*\*(.+?)\*\* \| (.+?) \| (.+?) \| (.+?) \|$", read(DOCS / "glossary.md"), re.MULTILINE
    )
    words = [row[0] for row in rows]
    assert words == sorted(set(words))
    assert {"institution", "visitor", "visit", "booker", "segment", "agreement", "permit"} <= set(words)
    assert {"refusal", "position", "checkpoint", "release", "vault", "standing", "purpose"} <= set(words)
    assert all(part.strip() for row in rows for part in row)
