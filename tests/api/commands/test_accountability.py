"""`cultuurinzicht accountability`: the documents of the law as Markdown, from a planted sector."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.cli import main
from api.commands import CommandRefused
from api.commands.accountability import _moment
from seeds.partners import RESEARCH_BUREAU

Printed = Callable[..., str]


@pytest.fixture
def printed(sandbox: Path, capsys: pytest.CaptureFixture[str]) -> Printed:
    """What a command prints that does what was asked."""

    def run(*arguments: str) -> str:
        capsys.readouterr()
        code = main(["accountability", *arguments])
        said = capsys.readouterr()
        assert code == 0, said.err
        return said.out

    return run


@pytest.fixture
def refused(sandbox: Path, capsys: pytest.CaptureFixture[str]) -> Printed:
    """The sentence of a command that refuses."""

    def run(*arguments: str) -> str:
        capsys.readouterr()
        assert main(["accountability", *arguments]) == 1
        said = capsys.readouterr()
        assert said.out == ""
        assert "Traceback" not in said.err
        return said.err

    return run


def test_each_document_is_printed_in_both_languages_and_the_same_each_time(printed: Printed) -> None:
    of = ("--institution", "vrijenoot")
    record = printed("record", *of)
    assert record.startswith("# Verwerkingsregister van ")
    assert "`vrijenoot`" in record.splitlines()[0]
    assert printed("record", *of) == record
    assert printed("record", *of, "--language", "en").startswith("# Record of processing activities of ")
    essence = printed("essence", "--language", "en")
    assert essence.startswith("# Who is jointly responsible for the pool")
    assert "(`vrijenoot`)" in essence


def test_a_recipient_gets_a_notice_for_each_agreement_that_stands(printed: Printed) -> None:
    told = printed("notice", "--institution", RESEARCH_BUREAU, "--language", "en")
    assert told.startswith("# What ")
    assert "your data protection officer" in told
    assert printed("notice", "--institution", "vrijenoot") == "This organisation receives nothing now.\n"


def test_a_breach_is_told_from_the_command_line(printed: Printed) -> None:
    window = ("--since", "2023-01-01T00:00:00Z", "--until", "2030-01-01T00:00:00Z")
    told = printed("breach", *window, "--controller", "vrijenoot", "--language", "en")
    assert told.startswith("# What may have come out")
    assert "72 hours" in told
    aware = printed(
        "breach",
        *window,
        "--client",
        "vrijenoot-app",
        "--aware",
        "2027-07-01T10:00:00+02:00",
        "--language",
        "en",
    )
    assert "2027-07-04 08:00:00 UTC" in aware


def test_what_cannot_be_is_refused_in_one_sentence(refused: Printed) -> None:
    assert refused("record", "--institution", "nobody")
    assert refused("notice", "--institution", "vrijenoot", "--agreement", "agr-0000000000000000")
    assert "2026-07-01T09:00:00Z" in refused("breach", "--since", "yesterday", "--until", "2026-01-01")
    window = ("--since", "2026-01-01T00:00:00Z", "--until", "2026-02-01T00:00:00Z")
    assert "exactly one" in refused("breach", *window)


def test_a_moment_is_written_as_the_standard_writes_it() -> None:
    assert _moment("2026-07-01T09:00:00Z") == datetime(2026, 7, 1, 9, tzinfo=UTC)
    with pytest.raises(CommandRefused):
        _moment("1 July")
