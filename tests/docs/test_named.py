"""Every file, class, function and test that a page names exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, README, ROOT, read

NAMED = re.compile(r"`(\w[\w./-]*\.(?:py|toml|sh|graphql|txt))(?:::([\w.]+))?`")


def named() -> list[tuple[str, str, str]]:
    """Page, path and name within it, of everything that is named in the pages."""
    found = [
        (page.relative_to(ROOT).as_posix(), path, name)
        for page in (README, *sorted(DOCS.rglob("*.md")))
        for path, name in NAMED.findall(read(page))
        if "/" in path
    ]
    return sorted(set(found))


@cache
def names(path: Path) -> frozenset[str]:
    """Classes, functions and constants of a module, methods as `Class.method`."""
    found: set[str] = set()
    for node in ast.parse(read(path)).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found.add(node.name)
            methods = (one for one in node.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef))
            found.update(f"{node.name}.{method.name}" for method in methods)
        elif isinstance(node, ast.Assign):
            found.update(target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return frozenset(found)


@pytest.mark.parametrize(("page", "path", "name"), named())
def test_what_a_page_names_exists(page: str, path: str, name: str) -> None:
    file = ROOT / path
    assert file.is_file(), f"{page} names {path}"
    assert not name or name in names(file), f"{page} names {name} in {path}"


@pytest.mark.parametrize("page", ["how-a-question-travels.md", "how-consent-travels.md"])
def test_every_step_of_a_journey_has_its_file_and_function(page: str) -> None:
    text = read(DOCS / page)
    told = [int(number) for number in re.findall(r"^\*\*(\d+)\. ", text, re.MULTILINE)]
    section = text.split("## Where each step stands")[1].split("\n## ")[0]
    placed = [int(number) for number in re.findall(r"^\| (\d+) \| `", section, re.MULTILINE)]
    assert told == placed == list(range(1, len(told) + 1))


def test_the_steps_of_the_decision_are_told_in_their_order() -> None:
    from consent_ledger.steps import STEPS

    section = read(DOCS / "how-a-question-travels.md").split("## What the decision asks")[1]
    told = re.findall(r"^\| \d+ \| `consent_ledger/steps\.py::(\w+)`", section, re.MULTILINE)
    assert told == [step.__name__ for step in STEPS]
