"""What is read of a file: the wanted columns, as text, in every form that exporters write."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import pytest

from insight.intake.files import read_table
from insight.intake.refusals import FileRefused
from tests.insight.intake.house import COMMA

SEASON = COMMA.read_bytes()


@pytest.mark.parametrize(
    "written",
    [
        lambda text: text.encode("utf-8-sig"),
        lambda text: text.encode("utf-16"),
        lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
        lambda text: gzip.compress(text.encode()),
        lambda text: gzip.compress(text[:999].encode()) + gzip.compress(text[999:].encode()),
        lambda text: text.replace("\r\n", "\n").encode(),
        lambda text: text.replace('","', '"\t"').replace('",1,"', '"\t1\t"').encode(),
    ],
    ids=["utf-8 mark", "utf-16 le", "utf-16 be", "gzip", "gzip of two members", "newlines", "tabs"],
)
def test_every_readable_form_gives_the_same_columns(written: Callable[[str], bytes]) -> None:
    rows = "\r\n".join(SEASON.decode().split("\r\n")[:2]) + "\r\n"
    wanted = ("Bestelcode", "Positie-ID", "Prijs", "Datum")
    plain = read_table(rows.encode(), wanted=wanted, required=wanted)
    other = read_table(written(rows), wanted=wanted, required=wanted)
    assert other == plain
    assert plain.columns["Prijs"] == ["24,50"]


def test_only_wanted_columns_leave_the_reader() -> None:
    table = read_table(SEASON, wanted=("Bestelcode",), required=())
    assert list(table.columns) == ["Bestelcode"]
    assert len(table.ignored) == 65


def test_a_quoted_newline_is_one_row_and_lines_count_on() -> None:
    table = read_table(b'a,b\r\n"x\r\ny",1\r\nz,2\r\n', wanted=("a", "b"), required=("a",))
    assert table.columns == {"a": ["x\r\ny", "z"], "b": ["1", "2"]}
    assert table.lines == [3, 4]


def test_the_apostrophe_before_a_formula_is_taken_off_and_others_stay() -> None:
    table = read_table(b"a\r\n'=1+1\r\n'-x\r\n't Schip\r\n'@home\r\n", wanted=("a",), required=())
    assert table.columns["a"] == ["=1+1", "-x", "'t Schip", "@home"]


def test_a_small_gzip_cannot_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("insight.intake.files.MAX_BYTES", 1_000_000)
    with pytest.raises(FileRefused) as refused:
        read_table(gzip.compress(b"a,b\r\n" + b"1,2\r\n" * 400_000), wanted=("a",), required=())
    assert refused.value.code == "FILE_TOO_LARGE"
