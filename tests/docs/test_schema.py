"""The committed schema is the one that is served."""

from __future__ import annotations

from difflib import unified_diff

from tests.docs.generated import SDL, sdl
from tests.docs.pages import REFRESH, read


def test_the_committed_schema_is_the_one_that_is_served() -> None:
    difference = "\n".join(
        unified_diff(read(SDL).splitlines(), sdl().splitlines(), "committed", "served", "", "", 1)
    )
    assert not difference, (
        f"The schema changed. When that is meant, run {REFRESH} and commit it:\n{difference}"
    )
