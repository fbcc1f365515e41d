"""An auditor who pastes the page gets what it shows."""

from __future__ import annotations

from pathlib import Path

from tests.docs.auditing import PAGE, pasted, without_chance
from tests.docs.pages import REFRESH, blocks, read
from tests.docs.readme import Sector


def test_the_page_can_be_pasted_and_shows_what_is_printed(full_sector: Sector, tmp_path: Path) -> None:
    printed = [without_chance(text) for text in pasted(full_sector, tmp_path)]
    for shown in blocks(read(PAGE), "text"):
        assert without_chance(shown) in printed, f"the page is out of date; run {REFRESH} --answers"
    assert len(blocks(read(PAGE), "text")) == 2
