"""What holds for every file of the project."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import ROOT, read

_NOT_OURS = {".git", ".venv", "var", "build", "dist"}


def project() -> dict[str, Any]:
    return tomllib.loads(read(ROOT / "pyproject.toml"))


def packages() -> list[str]:
    names: list[str] = project()["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    return names


def modules() -> list[Path]:
    found = [path for name in packages() for path in sorted((ROOT / name).rglob("*.py"))]
    return [path for path in found if not path.name.startswith("_") or path.name == "__init__.py"]


def files() -> list[Path]:
    """Every file that is handed on: what git tracks, or all of an unpacked archive."""
    if (ROOT / ".git").exists():
        told = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
        found = [ROOT / name for name in told.decode().split("\0") if name]
    else:
        found = [
            path
            for path in ROOT.rglob("*")
            if not set(path.relative_to(ROOT).parts) & _NOT_OURS and not path.match("*cache*/**")
        ]
    return [path for path in found if path.is_file()]


@pytest.mark.parametrize("name", packages())
def test_no_other_distribution_provides_our_top_level_names(name: str) -> None:
    providers = set(packages_distributions().get(name, ())) - {"cultuurinzicht"}
    assert not providers, f"{name} is also provided by {', '.join(sorted(providers))}"


def test_our_top_level_names_are_those_of_the_house() -> None:
    here = {path.parent.name for path in ROOT.glob("*/py.typed")}
    assert here == set(packages())


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_public_module_says_what_it_gives(path: Path) -> None:
    assert (ast.get_docstring(ast.parse(read(path))) or "").strip()


_HOME = re.compile(r"/home/\w|/User[s]/\w|[A-Z]:\\User[s]\\\w|(?<![\w./])/root/\w")


def test_no_file_names_a_path_of_a_developers_machine() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {number}"
        for path in files()
        for number, line in enumerate(path.read_bytes().decode("utf-8", "replace").splitlines(), 1)
        if _HOME.search(line) or f"{ROOT}/" in line
    ]
    assert not found


@pytest.mark.parametrize("folders", [("", "home", "ada"), ("", "Users", "ada"), ("", "root", "project")])
def test_such_a_path_would_be_found(folders: tuple[str, ...]) -> None:
    assert _HOME.search(f"data lies in {'/'.join(folders)}/var")


@pytest.mark.parametrize("lock", ["runtime", "dev"])
def test_requirements_are_locked_with_hashes_and_name_no_index(lock: str) -> None:
    lines = read(ROOT / "requirements" / f"{lock}.txt").splitlines()
    pinned = [at for at, line in enumerate(lines) if line and not line.startswith((" ", "#"))]
    assert len(pinned) > 20
    assert not [lines[at] for at in pinned if "==" not in lines[at] or lines[at].startswith("-")]
    assert not [lines[at] for at in pinned if not lines[at + 1].strip().startswith("--hash=sha256:")]
    assert not [line for line in lines if "://" in line]


def test_the_build_backend_is_locked_and_needs_nothing_else_to_install_editable() -> None:
    built = project()
    assert built["build-system"]["requires"] == ["hatchling"]
    assert re.search(r"^hatchling==", read(ROOT / "requirements" / "runtime.txt"), re.MULTILINE)
    assert built["tool"]["hatch"]["build"]["dev-mode-dirs"] == ["."]
