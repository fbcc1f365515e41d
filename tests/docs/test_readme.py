"""What the README tells to do works, and what it shows is what comes out."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from api.demo import AUDIENCE_QUERY
from tests.docs import readme
from tests.docs.pages import README, REFRESH, ROOT, blocks, headings, read
from tests.docs.readme import Sector
from tests.docs.test_house import project

TEXT = read(README)
OUT_OF_DATE = f"the README is out of date; run {REFRESH} --answers"


def commands() -> list[list[str]]:
    """Every command of the README, without its remark."""
    lines = [line for block in blocks(TEXT, "sh") for line in block.splitlines()]
    return [shlex.split(line, comments=True) for line in lines if line.strip()]


def test_the_readme_goes_from_what_it_is_to_where_to_read_on() -> None:
    assert headings(TEXT) == [
        "Cultuurinzicht",
        "Two commands",
        "One question",
        "What is guaranteed, and what is not",
        "Where to read on",
    ]
    assert "![" not in TEXT, "no badges"


@pytest.mark.parametrize(
    ("target", "does"), [("run", "bin/cultuurinzicht demo"), ("test", "bin/python -m pytest")]
)
def test_a_make_target_does_what_its_remark_says(target: str, does: str) -> None:
    assert ["make", target] in commands()
    told = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=True)
    assert does in told.stdout
    assert "make/install.sh" in told.stdout


def test_without_make_it_is_the_same_command() -> None:
    without = [command for command in commands() if command[0] != "make"]
    assert without == [
        ["python3", "-m", "venv", ".venv"],
        [".venv/bin/pip", "install", "."],
        [".venv/bin/cultuurinzicht", "demo"],
    ]
    assert project()["project"]["scripts"]["cultuurinzicht"] == "api.cli:main"
    command = Path(sys.executable).with_name("cultuurinzicht")
    told = subprocess.run([command, "demo", "--help"], capture_output=True, text=True, check=True)
    assert "seed" in told.stdout


def test_the_question_is_the_one_that_the_demo_gives() -> None:
    [shown] = blocks(TEXT, "graphql")
    assert shown.strip() == AUDIENCE_QUERY


def test_it_says_what_the_readme_shows(full_sector: Sector) -> None:
    [shown] = blocks(TEXT, "text")
    assert shown.strip() == readme.output(full_sector), OUT_OF_DATE


def test_the_answer_is_the_one_that_the_readme_shows(full_sector: Sector) -> None:
    [shown] = blocks(TEXT, "json")
    assert readme.without_chance(full_sector.answer) == readme.without_chance(json.loads(shown)), OUT_OF_DATE


def test_chance_is_nothing_but_ids_roots_and_signatures() -> None:
    [shown] = blocks(TEXT, "json")
    answer = json.loads(shown)
    kept = readme.without_chance(answer)
    assert re.sub(
        r'"root": "[0-9a-f]{64}"', '"root": "…"', json.dumps(answer, ensure_ascii=False)
    ) == json.dumps(kept, ensure_ascii=False)


def test_what_pip_installs_is_whole(tmp_path: Path) -> None:
    """As `pip install .` does it, but for the download: build, unpack, and plant from there alone."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    [wheel] = tmp_path.glob("cultuurinzicht-*.whl")
    unpacked = tmp_path / "unpacked"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(unpacked)
    environment = {
        **os.environ,
        "PYTHONPATH": str(unpacked),
        "CULTUURINZICHT_DATA_DIR": str(tmp_path / "var"),
    }
    planting = "import api.cli, sys; print(api.cli.__file__); sys.exit(api.cli.main(sys.argv[1:]))"
    told = subprocess.run(
        [sys.executable, "-c", planting, "demo", "--no-serve", "--scale", "0.02"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith(str(unpacked)), "what is installed was run, not the checkout"
