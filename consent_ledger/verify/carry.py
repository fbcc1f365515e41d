"""
The verifier as one file that Python runs: a zip of exactly these modules, to be kept and run elsewhere.

    python verify.pyz export.zip --key "$(cat key)"

The same version gives the same bytes, so that two auditors can compare what they hold; nothing in it is
compressed, so that `unzip -p` and any editor show what runs.
"""

from __future__ import annotations

import zipfile
from importlib import resources
from typing import BinaryIO

_FIRST = b"#!/usr/bin/env python3\n"
_PACKAGE = "consent_ledger"


def write(file: BinaryIO) -> None:
    """Write the verifier into `file`."""
    modules = {
        one.name: one.read_bytes()
        for one in resources.files(f"{_PACKAGE}.verify").iterdir()
        if one.name.endswith(".py")
    }
    file.write(_FIRST)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as made:
        made.writestr(_member("__main__.py"), modules["__main__.py"])
        made.writestr(_member(f"{_PACKAGE}/__init__.py"), b"")
        for name in sorted(modules):
            made.writestr(_member(f"{_PACKAGE}/verify/{name}"), modules[name])


def _member(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name)  # dated 1980: the time of writing is no part of the verifier
    member.external_attr = 0o644 << 16
    member.create_system = 3
    return member
