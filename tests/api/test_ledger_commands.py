"""`cultuurinzicht ledger export` and `fsck` as an operator uses them: sentences, exit codes, and nothing written."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from api.cli import main
from tests.api.asking import AUDITOR, get
from tests.story.server import Server, run

Said = pytest.CaptureFixture[str]


def looked(said: Said, *arguments: str) -> tuple[int, str, str]:
    code = main(["ledger", "fsck", *arguments])
    heard = said.readouterr()
    assert "foresaw" not in heard.err
    return code, heard.out, heard.err


def tampered(data: Path, *statements: str) -> None:
    with closing(sqlite3.connect(data / "cultuurinzicht.db")) as database:
        triggers = database.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name LIKE 'ledger%'"
        ).fetchall()
        for name, _ in triggers:
            database.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            database.execute(statement)
        for _, sql in triggers:
            database.execute(sql)
        database.commit()


def test_a_ledger_that_nobody_touched_is_whole(sandbox: Path, tmp_path: Path, capsys: Said) -> None:
    code, out, _ = looked(capsys)
    assert code == 0
    assert out.startswith("The ledger is whole: ")
    assert main(["ledger", "export", str(tmp_path / "export")]) == 0
    key = (tmp_path / "export" / "key").read_text().strip()
    capsys.readouterr()
    assert looked(capsys, str(tmp_path / "export"), "--key", key)[0] == 0


def test_every_finding_is_one_sentence_and_exits_1(sandbox: Path, tmp_path: Path, capsys: Said) -> None:
    assert main(["ledger", "export", str(tmp_path / "export")]) == 0
    capsys.readouterr()
    (tmp_path / "export" / "tile" / "0" / "000").unlink()
    tampered(
        sandbox,
        "UPDATE ledger_entry SET idem = 'other' WHERE seq = 9",
        "UPDATE ledger_entry SET leaf_hash = body_sha256 WHERE seq = 11",
    )
    code, out, err = looked(capsys, str(tmp_path / "export"))
    assert (code, err) == (1, "")
    *findings, total = out.splitlines()
    assert findings == [
        "The column idem of entry 9 is not what its line says.",
        "The leaf hash beside entry 11 is not that of its line.",
        "tile/0/000 is missing from the export.",
    ]
    assert total.startswith("3 findings in a ledger of ")


def test_a_ledger_that_was_put_back_is_found_though_it_fits_itself(sandbox: Path, capsys: Said) -> None:
    before = (sandbox / "cultuurinzicht.db").read_bytes()
    assert main(["ledger", "export", str(sandbox / "export")]) == 0
    capsys.readouterr()
    for beside in sandbox.glob("cultuurinzicht.db-*"):
        beside.unlink()
    (sandbox / "cultuurinzicht.db").write_bytes(before)
    code, out, _ = looked(capsys)
    assert code == 1
    assert "it was put back to an earlier moment" in out


@pytest.mark.parametrize("lost", ["cultuurinzicht.db", "keys", "."])
def test_what_cannot_be_looked_at_exits_2_and_is_not_made(sandbox: Path, capsys: Said, lost: str) -> None:
    for beside in sandbox.glob("cultuurinzicht.db-*"):
        beside.unlink()
    gone = sandbox / lost
    shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
    code, out, err = looked(capsys)
    assert (code, out) == (2, "")
    assert err.count("\n") <= 2
    assert not gone.exists()


def test_a_folder_that_is_no_export_exits_2(sandbox: Path, tmp_path: Path, capsys: Said) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        assert looked(capsys, str(folder))[:2] == (2, "")


def test_a_key_that_is_none_exits_2(sandbox: Path, capsys: Said) -> None:
    assert looked(capsys, "--key", "nonsense")[0] == 2


def test_it_looks_beside_a_server_that_writes(server: Server, tmp_path: Path) -> None:
    for turn in range(3):
        assert get(server, f"/ledger/export.jsonl?stop={turn}", AUDITOR).status_code == 200
        done = run("ledger", "fsck", data=server.data)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
