"""The law held by types: each file in `refused/` must fail mypy with the error it expects."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mypy import api

from make import law

HERE = Path(__file__).parent / "refused"
FILES = sorted(HERE.glob("*.py"))


@pytest.fixture(scope="module")
def errors() -> dict[str, list[str]]:
    """The error codes of each file, from one run of mypy."""
    output, _, _ = api.run(["--config-file", "pyproject.toml", *map(str, FILES)])
    found: dict[str, list[str]] = {path.name: [] for path in FILES}
    for line in output.splitlines():
        if match := re.search(r"refused/([a-z_]+\.py):\d+: error: .*\[([a-z-]+)\]$", line):
            found[match.group(1)].append(match.group(2))
    return found


@pytest.mark.parametrize(
    "path", [path for path in FILES if "expect:" in path.read_text()], ids=lambda path: path.stem
)
def test_a_read_without_its_permit_does_not_type_check(path: Path, errors: dict[str, list[str]]) -> None:
    expected = re.search(r"expect: ([a-z-]+)", path.read_text())
    assert expected is not None
    assert errors[path.name] == [expected.group(1)]


def test_a_cast_passes_the_types_and_not_the_lint(errors: dict[str, list[str]]) -> None:
    assert errors["cast.py"] == []
    (breach,) = law.breaches(HERE / "cast.py", "resolvers/peek.py")
    assert "a cast to a closed value" in breach


def test_going_around_a_closed_value_is_banned_by_lint(tmp_path: Path) -> None:
    file = tmp_path / "peek.py"
    file.write_text(
        "from typing import cast\n"
        "from consent_ledger.closed import mint\n"
        "import pickle\n"
        "permit = cast('Permit[Read]', object())\n"
        "other = object.__new__(Permit)\n"
    )
    assert [line.split(": ", 1)[1] for line in law.breaches(file, "resolvers/peek.py")] == [
        "mint is for consent_ledger/parties.py, consent_ledger/permit.py, consent_ledger/snapshot.py alone",
        "nothing here is copied or pickled",
        "a cast to a closed value; ask for one instead",
        "object.__new__ goes around closed values",
    ]


def test_nothing_in_the_house_goes_around_the_law() -> None:
    folders = ["api", "schema", "resolvers", "consent_ledger", "insight", "migrations", "seeds"]
    assert law.main(folders) == 0
