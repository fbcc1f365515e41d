"""Pasting the auditors' page, block by block, where its reader stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.docs.pages import DOCS, ROOT, read
from tests.docs.readme import Sector

PAGE = DOCS / "for-auditors.md"

_BLOCK = re.compile(r"^```(python|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def pasted(done: Sector, folder: Path) -> list[str]:
    """What each block printed, in order. Raises `AssertionError` for one that fails."""
    for name, target in ((".venv", Path(sys.prefix)), ("consent_ledger", ROOT / "consent_ledger")):
        (folder / name).symlink_to(target)
    (folder / "var").symlink_to(done.server.data)
    environment = {**os.environ, "PYTHONWARNINGS": "default", "CULTUURINZICHT_DATA_DIR": "var"}
    printed = []
    for language, block in _BLOCK.findall(read(PAGE)):
        command = [sys.executable, "-c", block] if language == "python" else ["sh", "-e", "-c", block]
        told = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert told.returncode == 0, f"{block}\n{told.stdout}{told.stderr}"
        printed.append(told.stdout)
    return printed


def without_chance(text: str) -> str:
    """What is printed, without root and numbers: each run of the sandbox has its own."""
    text = re.sub(r"\b[0-9a-f]{64}\b", "…", text)
    return re.sub(r"\b\d+ (entries|signed|attested|enrolled)\b", r"… \1", text).strip()
