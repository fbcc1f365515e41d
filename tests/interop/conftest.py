"""True exports, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.exports import SIZES, make


@pytest.fixture(scope="session")
def exports(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """A true export of each size. Who changes one sets it right again."""
    folder = tmp_path_factory.mktemp("exports")
    return {size: make(folder / str(size), size) for size in SIZES}
