"""The verifier from the command line: as one file, and with the arguments that it has by itself."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pytest

from api.cli import main
from consent_ledger import export, verify
from tests.consent_ledger.ledgers import registered, sqlite_place


def options(parser: argparse.ArgumentParser) -> set[str]:
    return {name for action in parser._actions for name in (*action.option_strings, action.dest)}


def test_the_command_takes_what_the_verifier_takes() -> None:
    from api.commands.ledger import add

    whole, own = argparse.ArgumentParser(), argparse.ArgumentParser()
    verify.add_arguments(own)
    commands = whole.add_subparsers()
    add(commands)
    ledger = commands.choices["ledger"]
    below = next(one for one in ledger._actions if isinstance(one, argparse._SubParsersAction))
    told = below.choices["verify"]
    assert options(told) == options(own)
    assert {one.dest: one.help for one in told._actions} == {one.dest: one.help for one in own._actions}


def test_the_verifier_is_written_as_one_file_and_checks_an_export(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with sqlite_place(tmp_path) as place:
        ledger = place.create()
        ledger.append(registered("house-a"))
        export.write(ledger, place.engine, tmp_path / "export")
    assert main(["ledger", "verifier", str(tmp_path / "verify.pyz")]) == 0
    assert "needs Python and `cryptography`, and nothing of ours" in capsys.readouterr().out
    (tmp_path / "elsewhere").mkdir()
    ran = subprocess.run(
        [sys.executable, "-I", "../verify.pyz", "../export"],
        cwd=tmp_path / "elsewhere",
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "holds: 2 entries" in ran.stdout
    assert main(["ledger", "verifier", str(tmp_path)]) == 1
    assert "choose another place" in capsys.readouterr().err
    assert main(["ledger", "verify", str(tmp_path / "export"), "--max-age", "1h"]) == 1
    assert capsys.readouterr().out.startswith("does not hold: ")
