"""The written pages of the project, as the tests of this folder read them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"

REFRESH = "python -m tests.docs.refresh"

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(#{1,6}) (.+)$", re.MULTILINE)


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of one language, in order."""
    return [body for found, body in _BLOCK.findall(text) if found == language]


def headings(text: str) -> list[str]:
    """The headings outside blocks, without their signs for code."""
    return [title.replace("`", "").strip() for _, title in _HEADING.findall(_BLOCK.sub("", text))]


def replaced_block(text: str, language: str, at: int, body: str) -> str:
    """The page with its block number `at` of this language saying `body`."""
    count = -1

    def one(found: re.Match[str]) -> str:
        nonlocal count
        if found.group(1) != language:
            return found.group(0)
        count += 1
        return f"```{language}\n{body.rstrip()}\n```" if count == at else found.group(0)

    return _BLOCK.sub(one, text)


def region(text: str, name: str) -> str:
    """What stands between the markers of a generated part."""
    return _marked(name).search(text)[2]  # type: ignore[index]  # a page without its markers is a defect


def replaced_region(text: str, name: str, body: str) -> str:
    return _marked(name).sub(lambda found: f"{found[1]}\n{body.strip()}\n\n{found[3]}", text)


def _marked(name: str) -> re.Pattern[str]:
    return re.compile(rf"(<!-- begin {name}: .*? -->\n)(.*?)(<!-- end {name} -->)", re.DOTALL)
