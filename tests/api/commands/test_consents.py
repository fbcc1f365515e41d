"""`cultuurinzicht consents`: a list from a file, in batches that can be taken up again."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from api.assembly import assembled
from api.cli import main
from api.settings import Settings
from consent_ledger.database import reading
from consent_ledger.entry import Actor
from consent_ledger.log import ledger_entry
from consent_ledger.parties import Party, register_party
from consent_ledger.vocabulary import PLATFORM, ClientId, PartyId, PartyKind
from resolvers import batches

Said = pytest.CaptureFixture[str]
OPERATOR = Actor(PLATFORM, ClientId(PLATFORM))
THEA = PartyId("thea")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said) -> Path:
    """A platform with one house."""
    monkeypatch.setenv("CULTUURINZICHT_DATA_DIR", str(tmp_path / "var"))
    assert main(["migrate", "--create", "platform"]) == 0, capsys.readouterr().err
    with assembled(Settings.read()) as parts:
        draft, rider = register_party(Party(THEA, PartyKind.INSTITUTION, "Thea", THEA), actor=OPERATOR)
        parts.house.ledger.append(draft, rider=rider)
    capsys.readouterr()
    return tmp_path


def entries() -> int:
    with assembled(Settings.read()) as parts, reading(parts.house.engine) as connection:
        query = select(ledger_entry.c.seq).where(ledger_entry.c.type == "consent.batch")
        return len(connection.execute(query).all())


def told(data: Path, text: str, *more: str, name: str = "list.csv") -> int:
    file = data / name
    file.write_text(text, encoding="utf-8")
    return main(["consents", str(file), "--institution", "thea", "--purpose", "own_marketing", *more])


def test_a_list_is_recorded_and_told_by_line_never_by_address(data: Path, capsys: Said) -> None:
    text = (
        "\ufeffemail;act;said_on;until;guardian;under_16\r\n"
        "a@example.org;granted;2026-01-01;;;\r\n"
        "b@example.org;WITHDRAWN;2026-01-01;;;\r\n"
        "c@example.org;maybe;2026-01-01;;;\r\n"
        "d@example.org;granted;1-1-2026;;;\r\n"
        "no address;granted;2026-01-01;;;\r\n"
        "e@example.org;granted;2026-01-01;;nee;ja\r\n"
        "f@example.org;granted;2026-01-01;2035-01-01;ja;ja\r\n"
    )
    assert told(data, text) == 0
    said = capsys.readouterr()
    assert "7 rows: 2 granted, 1 withdrawn; 4 left out." in said.out
    for line, why in (
        (4, "ACT_UNREADABLE"),
        (5, "DAY_UNREADABLE"),
        (6, "NOT_AN_ADDRESS"),
        (7, "GUARDIAN_NEEDED"),
    ):
        assert f"  line {line}: {why}\n" in said.out
    assert "example.org" not in said.out + said.err
    assert entries() == 1


def test_a_run_that_was_cut_off_goes_on_and_repeats_nothing(
    data: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MOST", 3)
    text = "email,act,said_on\n" + "".join(f"p{n}@example.org,granted,2026-01-01\n" for n in range(8))
    whole, cut = batches.record_consents, iter([True, True, False])

    def dies(*given: object, **more: object) -> object:
        if not next(cut):
            raise KeyboardInterrupt
        return whole(*given, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as broken:
        broken.setattr(batches, "record_consents", dies)
        assert told(data, text, "--key", "march") == 130
    assert entries() == 2
    for _ in range(2):
        assert told(data, text, "--key", "march") == 0
        assert "8 rows: 8 granted; 0 left out." in capsys.readouterr().out
    assert entries() == 3


def test_without_a_key_the_run_says_its_own(data: Path, capsys: Said) -> None:
    assert told(data, "email,act,said_on\na@example.org,granted,2026-01-01\n") == 0
    assert "--key " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name,act\nx,y\n", "must name the columns"),
        ("", "must name the columns"),
        ('email,act,said_on\n"a@example.org,granted,2026-01-01\n', "is no CSV"),
    ],
)
def test_a_file_that_is_no_list_is_refused_with_two(
    data: Path, capsys: Said, text: str, sentence: str
) -> None:
    assert told(data, text) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert "example.org" not in said.err
    assert main(["consents", str(data / "none.csv"), "--institution", "thea", "--purpose", "research"]) == 2
    (data / "latin.csv").write_bytes("email,act,said_on\ncaf\xe9,granted,2026-01-01\n".encode("latin-1"))
    assert main(["consents", str(data / "latin.csv"), "--institution", "thea", "--purpose", "research"]) == 2
    assert entries() == 0


def test_a_house_that_is_none_a_notice_that_is_none_and_a_key_that_names_somebody_are_refused(
    data: Path, capsys: Said
) -> None:
    text = "email,act,said_on\na@example.org,granted,2026-01-01\n"
    file = data / "list.csv"
    assert told(data, text, "--notice", "visitors", "--notice-version", "1") == 1
    assert told(data, text, "--notice", "visitors") == 2
    assert told(data, text, "--key", "a@example.org") == 1
    assert main(["consents", str(file), "--institution", "nobody", "--purpose", "own_marketing"]) == 1
    assert "Traceback" not in capsys.readouterr().err
    assert entries() == 0


def test_more_rows_than_a_file_may_hold_are_refused_before_anything_is_recorded(
    data: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.commands.consents.MOST", 2)
    text = "email,act,said_on\n" + "a@example.org,granted,2026-01-01\n" * 3
    assert told(data, text) == 2
    assert "at most 2 rows" in capsys.readouterr().err
    assert entries() == 0
