"""`cultuurinzicht ledger` as operators, auditors and recipients use it: sentences, exit codes, nothing written."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from api.cli import main
from consent_ledger import export
from consent_ledger.database import reading
from consent_ledger.entry import EntryType, Json
from consent_ledger.vocabulary import Purpose
from insight.criteria import Criteria
from resolvers.audiences import AudienceAsked, audience
from resolvers.gate import Receipt
from tests.api.asking import AUDITOR, get
from tests.conftest import Database
from tests.resolvers.scene import BUREAU, LAKESIDE, RESEARCH, Scene, caller, open_scene, research
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


# what auditors and recipients hold against an export; no platform is there


@pytest.fixture
def scene(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """A house that discloses to a bureau; the commands of this test find no platform of their own."""
    monkeypatch.setenv("CULTUURINZICHT_DATA_DIR", str(tmp_path / "nowhere"))
    opened = open_scene(database, tmp_path / "beside")
    opened.stock()
    opened.bring(LAKESIDE, [{"identifier": f"p{number}@example.org"} for number in range(12)])
    opened.agree(research(), "lakeside-app", "bureau-app")
    yield opened
    opened.close()


def answered(scene: Scene, *figures: str, purpose: Purpose = RESEARCH) -> Receipt | None:
    wanted = AudienceAsked(LAKESIDE, purpose, None, Criteria(), frozenset(figures or {"bookers"}))
    with scene.inquiry(caller("bureau-app")) as ask:
        audience(ask, wanted)
    return ask.receipt


def exported(scene: Scene, folder: Path) -> str:
    export.write(scene.house.ledger, scene.house.engine, folder)
    return scene.house.ledger.verifier_key


def kept(receipt: Receipt | None, path: Path) -> None:
    assert receipt is not None
    told = {"position": receipt.position, "entry": receipt.entry, "proof": receipt.proof}
    path.write_text(json.dumps({"data": {}, "extensions": {"receipt": told}}))


def commanded(said: Said, *arguments: str | Path) -> tuple[int, list[str], str]:
    code = main(["ledger", *map(str, arguments)])
    heard = said.readouterr()
    assert "foresaw" not in heard.err
    return code, heard.out.splitlines(), heard.err


def forge(scene: Scene, receipt: Receipt | None) -> int:
    """A disclosure that the operator records for an application without the scopes for it; its position."""
    assert receipt is not None
    body = json.loads(receipt.entry)["body"]
    less: dict[str, Json] = {
        "client": "bureau-app",
        "party": BUREAU,
        "kind": "partner",
        "scopes": ["ledger:read"],
    }
    scene.say(EntryType.SCOPE_GRANTED, less)
    size = scene.size()
    with reading(scene.house.engine) as connection:
        body["basis"] |= {"size": size, "root": scene.house.ledger.root(connection, size).hex()}
    return scene.say(EntryType.DISCLOSURE_RECORDED, body).position


def test_every_decision_of_an_export_is_made_again_from_any_form_of_it(
    scene: Scene, tmp_path: Path, capsys: Said
) -> None:
    answered(scene, "bookers", "spend")
    answered(scene, purpose=Purpose.SECTOR_BENCHMARK)
    scene.end(scene.agree(research(minimum_group=100), "lakeside-app", "bureau-app"), "bureau-app")
    key = exported(scene, tmp_path / "export")
    with (tmp_path / "export.zip").open("wb") as file:
        export.archive(scene.house.ledger, scene.house.engine, file)
    total = f"2 decisions in a ledger of {scene.size()} entries; 2 come out again."
    for form in ("export", "export.zip", "export/export.jsonl"):
        assert commanded(capsys, "replay", tmp_path / form, "--key", key) == (0, [total], "")
    code, out, _ = commanded(capsys, "replay", tmp_path / "export")
    assert (code, out[-1]) == (0, total)
    assert out[0].startswith("The export was checked with its own key alone")


def test_a_disclosure_beyond_the_scopes_is_found_though_the_export_verifies(
    scene: Scene, tmp_path: Path, capsys: Said
) -> None:
    honest = answered(scene)
    assert honest is not None
    at = forge(scene, honest)
    key = exported(scene, tmp_path / "export")
    assert commanded(capsys, "verify", tmp_path / "export", "--key", key)[0] == 0
    code, out, err = commanded(capsys, "replay", tmp_path / "export", "--key", key)
    assert (code, err) == (1, "")
    assert out[0].startswith(f"Entry {at} (disclosure): the ledger allowed no ")
    assert "INSUFFICIENT_SCOPE" in out[1]
    assert out[-1] == f"2 decisions in a ledger of {scene.size()} entries; 1 come out again."
    one = ("replay", tmp_path / "export", "--key", key, "--position")
    assert commanded(capsys, *one, str(honest.position))[0] == 0
    assert commanded(capsys, *one, str(at))[0] == 1
    code, out, err = commanded(capsys, *one, "0")
    assert (code, out, err) == (1, [], "Entry 0 of this export tells of no decision.\n")


def test_what_was_found_is_printed_for_programs_too(scene: Scene, tmp_path: Path, capsys: Said) -> None:
    at = forge(scene, answered(scene))
    key = exported(scene, tmp_path / "export")
    code, out, _ = commanded(capsys, "replay", tmp_path / "export", "--key", key, "--json")
    told = json.loads("\n".join(out))
    assert (code, told["holds"], told["size"], told["key_was_given"]) == (1, False, scene.size(), True)
    assert [(one["position"] == at, one["holds"]) for one in told["decisions"]] == [
        (False, True),
        (True, False),
    ]
    (tmp_path / "export" / "checkpoint").unlink()
    code, out, _ = commanded(capsys, "replay", tmp_path / "export", "--json")
    assert (code, json.loads(out[0])["holds"]) == (1, False)


def test_an_export_that_does_not_hold_is_not_replayed_or_reconciled(
    scene: Scene, tmp_path: Path, capsys: Said
) -> None:
    kept(answered(scene), tmp_path / "kept.json")
    key = exported(scene, tmp_path / "export")
    lines = tmp_path / "export" / "export.jsonl"
    lines.write_bytes(lines.read_bytes().replace(b'"bureau-app"', b'"bureau-apq"'))
    for arguments in (
        ("replay", tmp_path / "export", "--key", key),
        ("reconcile", tmp_path / "kept.json", tmp_path / "export", "--key", key),
    ):
        code, out, err = commanded(capsys, *arguments)
        assert (code, len(out), err) == (1, 1, "")
        assert out[0].startswith("does not hold: ")


def test_receipts_that_agree_are_counted_and_those_without_are_listed(
    scene: Scene, tmp_path: Path, capsys: Said
) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    kept(answered(scene), folder / "1.json")
    lost = answered(scene, "spend")
    assert lost is not None
    key = exported(scene, tmp_path / "export")
    code, out, err = commanded(capsys, "reconcile", folder, tmp_path / "export", "--key", key)
    assert (code, err) == (0, "")
    assert f"of which no receipt was given here: {lost.position}." in out[0]
    assert out[-1] == f"1 receipt agrees with the ledger scene.example/ledger of {scene.size()} entries."


def test_an_export_without_what_the_receipt_proves_exits_1(
    scene: Scene, tmp_path: Path, capsys: Said
) -> None:
    key = exported(scene, tmp_path / "export")
    kept(answered(scene), tmp_path / "kept.json")
    code, out, _ = commanded(capsys, "reconcile", tmp_path / "kept.json", tmp_path / "export", "--key", key)
    assert code == 1
    assert out == [f"Entry {scene.size() - 1} of the receipts is not in the export, which ends before it."]


@pytest.mark.parametrize("text", ["", "{}", "nonsense", '{"entry": "\\ud800", "proof": ""}', "[" * 100_000])
def test_what_is_no_receipt_is_said_in_a_sentence(tmp_path: Path, capsys: Said, text: str) -> None:
    (tmp_path / "kept.json").write_text(text)
    code, out, err = commanded(capsys, "reconcile", tmp_path / "kept.json", tmp_path, "--key", "k")
    assert (code, out) == (1, [])
    assert err.count("\n") == 1
