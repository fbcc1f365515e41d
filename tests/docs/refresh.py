"""
Write again what the documentation takes from the code, after a change that is meant.

    python -m tests.docs.refresh              the schema, and the generated parts of the pages
    python -m tests.docs.refresh --answers    also what the README shows of a run: plants and serves the
                                              whole invented sector, which takes about a minute
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.docs import auditing, readme
from tests.docs.generated import PARTS, SDL, sdl
from tests.docs.pages import README, read, replaced_block, replaced_region


def static() -> None:
    SDL.write_text(sdl(), encoding="utf-8")
    for (page, name), write in PARTS.items():
        page.write_text(replaced_region(read(page), name, write()), encoding="utf-8")


def answers() -> None:
    with TemporaryDirectory() as scratch, readme.sector(Path(scratch) / "var") as planted:
        text = replaced_block(read(README), "graphql", 0, planted.server.access["queries"]["season"]["query"])
        text = replaced_block(text, "text", 0, readme.output(planted))
        text = replaced_block(text, "json", 0, readme.laid_out(planted.answer))
        README.write_text(text, encoding="utf-8")
        folder = Path(scratch) / "auditor"
        folder.mkdir()
        printed = auditing.pasted(planted, folder)
        text = replaced_block(read(auditing.PAGE), "text", 0, printed[2])
        auditing.PAGE.write_text(replaced_block(text, "text", 1, printed[5]), encoding="utf-8")


if __name__ == "__main__":
    static()
    if "--answers" in sys.argv[1:]:
        answers()
