"""`cultuurinzicht vault`: keys change and evidence expires, each recorded or told in one sentence."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import select

from api.assembly import Assembled, assembled
from api.cli import main
from api.commands.vault import rotate
from api.settings import Settings
from consent_ledger.database import reading
from consent_ledger.entry import Actor, Draft, EntryType
from consent_ledger.log import LedgerError, ledger_entry
from consent_ledger.vocabulary import PLATFORM, ClientId, ErasureMode, PartyId, PersonRef

Said = pytest.CaptureFixture[str]

THEA = PartyId("thea")
MAIL = "ada.de.vries@voorbeeld.example"
OPERATOR = Actor(PLATFORM, ClientId(PLATFORM))
REQUEST = sha256(b"request 7").hexdigest()


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said) -> Path:
    """An empty platform, to which the commands of this test go."""
    monkeypatch.setenv("CULTUURINZICHT_DATA_DIR", str(tmp_path / "var"))
    assert main(["migrate", "--create", "platform"]) == 0, capsys.readouterr().err
    capsys.readouterr()
    return tmp_path / "var"


def recorded(parts: Assembled) -> list[tuple[str, object]]:
    """What the ledger tells of the vault's keys."""
    with reading(parts.house.engine) as connection:
        lines = [json.loads(line) for line in connection.scalars(select(ledger_entry.c.line))]
    return [(line["type"], line["body"]["epoch"]) for line in lines if line["type"].startswith("vault.")]


def somebody(parts: Assembled) -> PersonRef:
    vault = parts.house.vault
    [ref] = vault.persons(THEA, [MAIL], under="import")
    vault.commit(THEA, ref, under="said", payload={"act": "granted"})
    vault.settle("import")
    return ref


def test_rotating_destroys_the_old_key_and_records_both(data: Path, capsys: Said) -> None:
    with assembled(Settings.read()) as parts:
        ref = somebody(parts)
    for _ in range(2):
        assert main(["vault", "rotate"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert [line.split(";")[0] for line in said.out.splitlines()] == [
        "The vault is sealed under key 2",
        "The vault is sealed under key 3",
    ]
    with assembled(Settings.read()) as parts:
        assert recorded(parts) == [
            ("vault.kek_rotated", 2),
            ("vault.kek_destroyed", 1),
            ("vault.kek_rotated", 3),
            ("vault.kek_destroyed", 2),
        ]
        assert parts.house.vault.find(THEA, MAIL) == ref
    assert [file.name for file in Settings.read().keys_dir.glob("vault-epoch-*")] == ["vault-epoch-3.key"]
    assert main(["ledger", "export", str(data / "export")]) == 0
    assert main(["ledger", "verify", str(data / "export")]) == 0, capsys.readouterr()


def test_what_a_run_did_and_did_not_record_is_recorded_by_the_next(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with assembled(Settings.read()) as parts:
        vault, ledger = parts.house.vault, parts.house.ledger
        assert vault.rotate() == 2  # died after it
        vault.destroy_epoch(1)  # and here
        assert recorded(parts) == []
        assert rotate(vault, ledger) == 3
        assert sorted(recorded(parts)) == [
            ("vault.kek_destroyed", 1),
            ("vault.kek_destroyed", 2),
            ("vault.kek_rotated", 2),
            ("vault.kek_rotated", 3),
        ]


def test_no_key_is_destroyed_when_the_ledger_cannot_tell_it(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with assembled(Settings.read()) as parts:
        vault, ledger = parts.house.vault, parts.house.ledger

        def refuse(*_: object, **__: object) -> None:
            raise LedgerError("LEDGER_UNAVAILABLE", "The ledger cannot be written.")

        with monkeypatch.context() as patch:
            patch.setattr(type(ledger), "append", refuse)
            with pytest.raises(LedgerError):
                rotate(vault, ledger)
            for _ in range(3):
                with pytest.raises(LedgerError):
                    rotate(vault, ledger)
        assert vault.epochs() == [2, 1], "runs that fail do not heap them up"
        assert rotate(vault, ledger) == 3
        assert vault.epochs() == [3]


def test_an_epoch_that_a_dead_run_left_half_full_is_emptied_and_destroyed(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with assembled(Settings.read()) as parts:
        vault, ledger = parts.house.vault, parts.house.ledger
        ref = somebody(parts)

        def die(*_: object, **__: object) -> None:
            raise ConnectionError

        for _ in range(3):
            with monkeypatch.context() as patch:
                patch.setattr(type(vault), "_move_on", die)
                with pytest.raises(ConnectionError):
                    rotate(vault, ledger)
            assert len(vault.epochs()) <= 3, "the one it lies in, the present one, the one before"
        epoch = rotate(vault, ledger)
        assert vault.epochs() == [epoch]
        assert vault.find(THEA, MAIL) == ref


_WRITER = """
import sys, time
from consent_ledger.database import Login, open_engine
from consent_ledger.lease import Lease
Lease(open_engine(sys.argv[1], Login.APP)).take()
print("taken", flush=True)
time.sleep(60)
"""


def test_beside_a_running_server_no_epoch_is_begun(data: Path, capsys: Said) -> None:
    with assembled(Settings.read()) as parts:
        ref = somebody(parts)
        url = parts.house.engine.url.render_as_string(hide_password=False)
    with subprocess.Popen([sys.executable, "-c", _WRITER, url], stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == b"taken\n"
            for _ in range(2):
                assert main(["vault", "rotate"]) == 1
                said = capsys.readouterr()
                assert said.out == ""
                first, step = said.err.splitlines()
                assert first.startswith(f"Process {server.pid} writes this ledger already")
                assert step.startswith("Stop the server for a moment")
        finally:
            server.kill()
    with assembled(Settings.read()) as parts:
        assert parts.house.vault.epochs() == [1]
        assert parts.house.vault.find(THEA, MAIL) == ref
    assert main(["vault", "rotate"]) == 0
    assert "under key 2" in capsys.readouterr().out


def test_evidence_past_its_day_is_destroyed(data: Path, capsys: Said) -> None:
    with assembled(Settings.read()) as parts:
        vault, today = parts.house.vault, parts.house.today()
        ref = somebody(parts)
        vault.erase(THEA, ref, request_sha256=REQUEST, evidence_until=date.fromordinal(today.toordinal() - 1))
        assert vault.opening("said").person == ref
    for number in (1, 0):
        assert main(["vault", "expire"]) == 0
        assert capsys.readouterr().out.strip().endswith(f"nothing is left now: {number}.")


def test_an_erasure_that_was_recorded_is_finished_at_start(data: Path) -> None:
    """The process died between the entry and the destruction; another plan never got its entry."""
    with assembled(Settings.read()) as parts:
        vault = parts.house.vault
        ref = somebody(parts)
        [other] = vault.persons(THEA, ["b@x.example"], under="import")
        for under, person in (("erase", ref), ("never", other)):
            vault.plan_erasure(THEA, person, under=under, request_sha256=REQUEST, mode=ErasureMode.FORGET_ME)
        # not subject.erased: what counts is that an entry with this key exists
        parts.house.ledger.append(Draft(EntryType.KEK_ROTATED, OPERATOR, "erase", {"epoch": 2}))
    with assembled(Settings.read()) as parts:
        assert parts.house.vault.gone(THEA, [ref, other]) == {ref}
        assert parts.house.vault.find(THEA, MAIL) is None


def test_without_the_keys_nothing_is_rotated(data: Path, capsys: Said) -> None:
    keys = Settings.read().keys_dir
    (keys / "vault-epoch-1.key").unlink()
    assert main(["vault", "rotate"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "This vault was sealed with another keyring; put back the right key folder.\n"
    assert not (keys / "vault-epoch-1.key").exists()
