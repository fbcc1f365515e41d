"""The command as an operator uses it: what it prints, what it exits with, and that it never shows a traceback."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from api import cli
from api.cli import main
from api.settings import SETTINGS
from consent_ledger.vocabulary import Purpose
from seeds.institutions import RECORDED_HOUSE
from tests.story.server import Server, free_port, run

DATA = Path("seeds/data/pretix_vrijenoot")
SEASON, SEMICOLON = DATA / "orderlist_positions.csv", DATA / "orderlist_positions_semicolon.csv"

Said = pytest.CaptureFixture[str]


def refused(said: Said, *arguments: str) -> str:
    """What a refused command says: nothing on the standard output, a sentence and perhaps a step."""
    assert main(arguments) == 1
    heard = said.readouterr()
    assert heard.out == ""
    assert "foresaw" not in heard.err
    return heard.err


def done(said: Said, *arguments: str) -> str:
    assert main(arguments) == 0, said.readouterr().err
    return said.readouterr().out


def ingest(
    file: Path, *more: str, institution: str = RECORDED_HOUSE, mapping: str = "pretix-nl@1"
) -> list[str]:
    return [
        "ingest",
        str(file),
        "--institution",
        institution,
        "--mapping",
        mapping,
        "--source",
        "pretix",
        *more,
    ]


# settings, help


def test_settings_lists_every_setting(sandbox: Path, capsys: Said) -> None:
    printed = done(capsys, "settings")
    for setting in SETTINGS:
        assert f"{setting.variable}=" in printed
        assert setting.meaning in printed
    assert f"CULTUURINZICHT_DATA_DIR={sandbox}\n" in printed


def test_settings_works_where_nothing_else_does(monkeypatch: pytest.MonkeyPatch, capsys: Said) -> None:
    monkeypatch.setenv("CULTUURINZICHT_DATABASE_URL", "nonsense")
    assert "(this address cannot be read)" in done(capsys, "settings")


def test_a_command_alone_says_what_there_is(capsys: Said) -> None:
    printed = done(capsys)
    for command in ("demo", "serve", "migrate", "ingest", "release", "ledger", "settings"):
        assert command in printed


def test_every_mapping_is_named_in_the_help(capsys: Said) -> None:
    from insight.intake.mapping import shipped

    with pytest.raises(SystemExit):
        main(["ingest", "--help"])
    printed = capsys.readouterr().out
    assert all(name in printed for name in shipped())


def test_what_nobody_foresaw_is_named_without_its_text(monkeypatch: pytest.MonkeyPatch, capsys: Said) -> None:
    def fails(_: object) -> int:
        raise KeyError("jan@example.nl")

    monkeypatch.setattr(cli, "_settings", fails)
    assert main(["settings"]) == 1
    said = capsys.readouterr().err
    assert re.fullmatch(
        r"Something went wrong that nobody foresaw \(KeyError in test_cli\.py, line \d+\)\. .*\n", said
    )


def test_a_reader_that_leaves_early_is_no_error(sandbox: Path) -> None:
    command = f"{sys.executable} -m api.cli settings | true"
    heard = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert heard.stderr == ""


# migrate, serve


def test_migrate_twice_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said) -> None:
    monkeypatch.setenv("CULTUURINZICHT_DATA_DIR", str(tmp_path / "var"))
    first = done(capsys, "migrate", "--create", "platform")
    again = done(capsys, "migrate", "--create", "platform")
    assert first == again, "the same ledger with the same key"
    assert "+" in first
    export = tmp_path / "export"
    done(capsys, "ledger", "export", str(export))
    created, *exports = map(json.loads, (export / "export.jsonl").read_text().splitlines())
    assert created["body"]["sandbox"] is False
    types = [entry["type"] for entry in exports]
    assert types.count("purpose.published") == len(Purpose), "once, also after the second time"
    assert {*types} <= {
        "purpose.published",
        "definition.published",
        "segments.published",
        "policy.published",
        "export.issued",
    }


def test_serving_what_was_never_migrated_says_how_to_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    monkeypatch.setenv("CULTUURINZICHT_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("CULTUURINZICHT_PORT", str(free_port()))
    assert "cultuurinzicht migrate" in refused(capsys, "serve")
    done(capsys, "migrate")
    said = refused(capsys, "serve")
    assert "no ledger in this database yet" in said
    assert "cultuurinzicht migrate --create platform" in said


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("DATABASE_URL", "nonsense", "cannot be read"),
        ("DATABASE_URL", "mysql://a:b@c/d", "must begin with sqlite:/// or postgresql://"),
        ("ORIGIN", "https://not a name", "CULTUURINZICHT_ORIGIN is no name of a ledger"),
        ("ORIGIN", "elders.example/ledger", "another origin"),
        ("BASE_URL", "ftp://cultuur.example", "https address"),
        ("BASE_URL", "http://cultuur.example", "https address"),
        ("KEYS_DIR", "{file}", "cannot be used"),
        ("KEYS_DIR", "{folder}", "another key"),
        ("CHECKPOINT_STORE", "{file}/last.db", "cannot be opened"),
        ("CHECKPOINT_STORE", "{text}", "cannot be used"),
        ("CHECKPOINT_STORE", "{folder}.db", "is missing"),
        ("PORT", "many", "from 1 to 65535"),
        ("TODAY", "someday", "YYYY-MM-DD"),
    ],
)
def test_a_wrong_setting_is_one_sentence_and_changes_nothing(
    sandbox: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Said,
    name: str,
    value: str,
    sentence: str,
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "text").write_text("this is no database\n" * 100)
    places = {"file": tmp_path / "file", "text": tmp_path / "text", "folder": tmp_path / "folder"}
    monkeypatch.setenv(f"CULTUURINZICHT_{name}", value.format(**places))
    assert sentence in refused(capsys, "ledger", "export", str(tmp_path / "export"))
    monkeypatch.delenv(f"CULTUURINZICHT_{name}")
    done(capsys, "ledger", "export", str(tmp_path / "export"))
    assert (tmp_path / "text").read_text() == "this is no database\n" * 100


# ingest


def test_the_same_season_again_changes_nothing(sandbox: Path, capsys: Said) -> None:
    def entries() -> int:
        with closing(sqlite3.connect(sandbox / "cultuurinzicht.db")) as database:
            (count,) = database.execute("SELECT count(*) FROM ledger_entry").fetchone()
        return int(count)

    before = entries()
    first = done(capsys, *ingest(SEASON))
    assert "0 created, 0 updated" in first
    assert entries() == before + 1
    assert done(capsys, *ingest(SEASON, "--key", "mine")) == first
    assert entries() == before + 2
    again = done(capsys, *ingest(SEASON, "--key", "mine"))
    assert again == first.replace(".", " (this import was stored before).")
    assert entries() == before + 2, "the same file under the same key is the same import"
    assert done(capsys, *ingest(SEMICOLON)) == first, "the other file tells the same"
    report = json.loads(done(capsys, *ingest(SEMICOLON, "--json")))
    assert (report["created"], report["updated"], report["rejected"]) == (0, 0, 0)
    assert report["received"] == report["unchanged"] + report["duplicate"]


def test_a_key_stands_for_one_file(sandbox: Path, tmp_path: Path, capsys: Said) -> None:
    done(capsys, *ingest(SEASON, "--key", "mine"))
    assert "key" in refused(capsys, *ingest(SEMICOLON, "--key", "mine"))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"institution": "theater-nergens"}, "no institution of this id"),
        ({"institution": "Niet Van Ons!"}, "no institution of this id"),
        ({"mapping": "pretix-fr"}, "for tickets there are: cultuurinzicht@1, pretix-nl@1"),
        ({"mapping": "pretix-nl@2"}, "no such mapping"),
        ({"mapping": "visits"}, "reads visits, not tickets"),
        ({"mapping": "../../etc/passwd"}, "Give another mapping"),
    ],
)
def test_an_unknown_institution_or_mapping_is_said(
    sandbox: Path, capsys: Said, change: dict[str, str], sentence: str
) -> None:
    assert sentence in refused(capsys, *ingest(SEASON, **change))


@pytest.mark.parametrize("option", [("--source", "PRETIX!"), ("--key", "with space"), ("--unit", "visits")])
def test_a_wrong_option_is_said(sandbox: Path, capsys: Said, option: tuple[str, str]) -> None:
    assert len(refused(capsys, *ingest(SEASON, *option)).splitlines()) == 2


def test_a_file_that_is_not_there_is_said(sandbox: Path, tmp_path: Path, capsys: Said) -> None:
    assert "cannot be read" in refused(capsys, *ingest(tmp_path / "nothing.csv"))
    assert "cannot be read" in refused(capsys, *ingest(tmp_path))


def test_rows_that_are_refused_are_named_and_none_is_stored(
    sandbox: Path, tmp_path: Path, capsys: Said
) -> None:
    lines = SEASON.read_text().splitlines()
    price = lines[1].index('"24,50"')
    lines[1] = f'{lines[1][:price]}"veel"{lines[1][price + 7 :]}'
    file = tmp_path / "season.csv"
    file.write_text("\n".join(lines))
    said = refused(capsys, *ingest(file))
    assert "1 of " in said
    assert "line 2: gross:" in said
    assert "veel" not in said, "no value of a file is repeated"
    assert "0 created, 0 updated" in done(capsys, *ingest(SEASON))


# release


def test_a_month_is_released_once(sandbox: Path, capsys: Said) -> None:
    months = ("release", "--from", "2024-07", "--until", "2027-07")
    assert refused(capsys, *months) == "A month of this release was published before.\n"
    assert refused(capsys, *months) == "A month of this release was published before.\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--from", "2024-7", "--until", "2027-07"), "written as YYYY-MM"),
        (("--from", "2024-07", "--until", "2024-07"), "lies before the first"),
        (("--from", "2027-07", "--until", "2024-07"), "lies before the first"),
        (("--from", "2028-07", "--until", "2028-08", "--policy", "free"), "no release policy of this name"),
    ],
)
def test_a_release_that_cannot_be_is_said(
    sandbox: Path, capsys: Said, arguments: tuple[str, ...], sentence: str
) -> None:
    assert sentence in refused(capsys, "release", *arguments)


# ledger


def test_what_is_exported_verifies_and_what_was_tampered_with_does_not(
    sandbox: Path, tmp_path: Path, capsys: Said
) -> None:
    folder = tmp_path / "export"
    done(capsys, "ledger", "export", str(folder))
    key = (folder / "key").read_text().strip()
    assert "entries, in order, unchanged, and signed" in done(capsys, "ledger", "verify", str(folder))
    assert "the key you gave" in done(capsys, "ledger", "verify", "--key", key, str(folder))
    assert "the key you gave" in done(capsys, "ledger", "verify", str(folder), "--key", key)
    whole = (folder / "export.jsonl").read_bytes()
    assert b'"consent.objected"' in whole
    (folder / "export.jsonl").write_bytes(whole.replace(b'"consent.objected"', b'"consent.withdrawn"', 1))
    assert main(["ledger", "verify", str(folder)]) == 1
    assert capsys.readouterr().out.startswith("does not hold: ")
    (folder / "export.jsonl").write_bytes(whole)
    done(capsys, "ledger", "verify", str(folder))


def test_an_export_goes_where_it_can_be_written(sandbox: Path, tmp_path: Path, capsys: Said) -> None:
    (tmp_path / "file").write_text("")
    assert "choose another one" in refused(capsys, "ledger", "export", str(tmp_path / "file"))
    assert "choose another one" in refused(capsys, "ledger", "export", str(tmp_path / "file" / "below"))


def test_a_server_is_verified_with_a_token(server: Server) -> None:
    token = server.token("toetssteen-app")
    held = run("ledger", "verify", server.base_url, "--token", token, data=server.data)
    assert held.returncode == 0, held.stdout + held.stderr
    for wrong in (["--token", server.token("vrijenoot-app")], ["--token", "none"], []):
        other = run("ledger", "verify", server.base_url, *wrong, data=server.data)
        assert (other.returncode, other.stderr) == (1, "")
        assert re.search(r"does not hold: .*40[13]", other.stdout)
    gone = run("ledger", "verify", "http://127.0.0.1:1", data=server.data)
    assert (gone.returncode, gone.stdout) == (1, "does not hold: The server cannot be reached.\n")
