"""`make interop` itself: it cannot pass blindly, and what did not run is never counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.__main__ import run
from tests.interop.pymerkle_reads import Pymerkle
from tests.interop.verifiers import Counted, NotHere, Part, Refused, Verifier


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
