"""The whole invented sector, planted once for all pages that show what it answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.docs.readme import Sector, sector


@pytest.fixture(scope="session")
def full_sector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sector]:
    """Served in a folder of its own. Whoever uses it records nothing but disclosures and exports."""
    with sector(tmp_path_factory.mktemp("sector") / "var") as planted:
        yield planted
