"""`make interop` itself: it cannot pass blindly, and what did not run is never counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.interop.__main__ import run
from tests.interop.go_reads import Go
from tests.interop.npm_reads import Npm
from tests.interop.pymerkle_reads import Pymerkle
from tests.interop.sigstore_reads import SigstorePython
from tests.interop.spoiling import LIES
from tests.interop.verifiers import Counted, NotHere, Part, Refused, Verifier

PAGE = Path(__file__).parents[2] / "docs" / "interop.md"


def locked_version() -> str:
    """Of @sigstore/verify."""
    lock = json.loads((Path(__file__).with_name("npm") / "package-lock.json").read_text())
    return str(lock["packages"]["node_modules/@sigstore/verify"]["version"])


class Blind:
    """Accepts everything."""

    name = "blind"
    version = "1"
    reads = frozenset({Part.BUNDLES})

    def check(self, _: Path) -> Counted:
        return Counted(notes=1)


class Sullen(Blind):
    """Refuses everything."""

    def check(self, _: Path) -> Counted:
        raise Refused("no")


def absent(_: Path) -> Verifier:
    raise NotHere("needs a machine of another kind")


def test_who_accepts_and_refuses_as_it_should_passes(
    exports: dict[int, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run({"pymerkle": lambda _: Pymerkle()}, exports, tmp_path) == 0
    said = capsys.readouterr().out
    assert "1728 inclusions, 1721 consistencies | accepts all; refuses 10 of 10 lies" in said
    assert "1 of 1 verifiers ran" in said


def test_who_accepts_a_lie_fails_the_run(
    exports: dict[int, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run({"blind": lambda _: Blind()}, exports, tmp_path) == 1
    assert "blind accepts an export with a byte of a bundle" in capsys.readouterr().out


def test_who_refuses_a_true_export_fails_the_run(
    exports: dict[int, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run({"sullen": lambda _: Sullen()}, exports, tmp_path) == 1
    said = capsys.readouterr().out
    assert "sullen refuses the export of 257 entries: no" in said
    assert "sullen refuses a checkpoint with the signature of a witness: no" in said


def test_who_is_not_here_is_named_and_not_counted(
    exports: dict[int, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run({"absent": absent}, exports, tmp_path) == 0
    said = capsys.readouterr().out
    assert "SKIPPED: needs a machine of another kind" in said
    assert "0 of 1 verifiers ran" in said


def test_a_fault_of_ours_is_no_refusal(exports: dict[int, Path], tmp_path: Path) -> None:
    class Broken(Blind):
        def check(self, _: Path) -> Counted:
            raise ValueError("a fault")

    with pytest.raises(ValueError, match="a fault"):
        run({"broken": lambda _: Broken()}, exports, tmp_path)


@pytest.mark.parametrize(
    ("name", "version", "reads"),
    [
        (Pymerkle.name, Pymerkle.version, Pymerkle.reads),
        (SigstorePython.name, SigstorePython.version, SigstorePython.reads),
        (Go.name, "", Go.reads),
        (Npm.name, locked_version(), Npm.reads),
    ],
)
def test_the_page_shows_what_is_locked_and_how_many_lies_are_told(
    name: str, version: str, reads: frozenset[Part]
) -> None:
    (row,) = [line for line in PAGE.read_text().splitlines() if line.startswith(f"{name} ") and "|" in line]
    lies = sum(lie.part in reads for lie in LIES)
    assert row.split("|")[1].strip().startswith(version)
    assert row.endswith(f"accepts all; refuses {lies} of {lies} lies")
