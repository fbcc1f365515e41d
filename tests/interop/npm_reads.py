"""
npm's @sigstore/verify: the signature on the checkpoint and every inclusion proof.

3.1 is the newest that runs on Node 20; 4 asks for Node 22 or newer. The packages come through the committed
lock, with their hashes, into a scratch folder.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from tests.interop.verifiers import Counted, NotHere, Part, Refused

REFUSED = 3
NODE = (20, 17)


class Npm:
    """Our small program around @sigstore/verify, installed in `scratch`. Raises `NotHere`."""

    name = "@sigstore/verify"
    reads = frozenset({Part.NOTE, Part.LEAVES, Part.PATHS})

    def __init__(self, scratch: Path) -> None:
        if shutil.which("node") is None or shutil.which("npm") is None:
            raise NotHere("needs Node 20.17 or newer, with npm")
        node = subprocess.run(
            ["node", "--version"], capture_output=True, text=True, check=True
        ).stdout.strip()
        if tuple(map(int, node.removeprefix("v").split(".")[:2])) < NODE:
            raise NotHere(f"needs Node 20.17 or newer; this is {node}")
        self._folder = scratch
        for name in ("package.json", "package-lock.json", "check.js"):
            shutil.copy(Path(__file__).with_name("npm") / name, scratch)
        ran = subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=scratch,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if ran.returncode:
            errors = [line for line in ran.stderr.splitlines() if line.startswith("npm error")]
            raise NotHere(f"npm could not install it: {(errors or ['no reason given'])[0]}")
        package = scratch / "node_modules" / "@sigstore" / "verify" / "package.json"
        self.version = f"{json.loads(package.read_text())['version']} (node {node})"

    def check(self, folder: Path) -> Counted:
        """Raises `Refused`."""
        ran = subprocess.run(
            ["node", "check.js", folder.resolve()],
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode == REFUSED:
            raise Refused(f"npm: {ran.stderr.strip()}")
        ran.check_returncode()
        return Counted(*map(int, ran.stdout.split()))
