"""
Go's golang.org/x/mod/sumdb: note, tiles, entries, all inclusion and consistency proofs.

From Debian's packages: a Go of the distribution, the library from /usr/share/gocode, and no module proxy.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.interop.verifiers import Counted, NotHere, Part, Refused

GOPATH = Path("/usr/share/gocode")
PACKAGES = ["golang-go", "golang-golang-x-mod-dev"]
REFUSED = 3


class Go:
    """Our small program around x/mod/sumdb, built in `scratch`. Raises `NotHere`."""

    name = "golang.org/x/mod/sumdb"
    reads = frozenset(Part)

    def __init__(self, scratch: Path) -> None:
        if not _is_here():
            _install()
        self._program = scratch / "check"
        built = subprocess.run(
            ["go", "build", "-o", self._program, Path(__file__).with_name("go") / "check.go"],
            env={
                **os.environ,
                "GO111MODULE": "off",
                "GOPATH": str(GOPATH),
                "GOFLAGS": "",
                "GOCACHE": str(scratch / "cache"),
            },
            cwd=scratch,
            capture_output=True,
            text=True,
            check=False,
        )
        if built.returncode:
            raise NotHere(f"the Go program does not build here: {built.stderr.strip().splitlines()[-1]}")
        self.version = _version()

    def check(self, folder: Path) -> Counted:
        """Raises `Refused`."""
        return Counted(*map(int, self.run(str(folder)).split()))

    def sign(self) -> tuple[str, str]:
        """A verifier key and a note, both made by Go."""
        key, _, note = self.run("sign").partition("\n")
        return key, note

    def run(self, *arguments: str, given: str = "") -> str:
        """What the program prints. Raises `Refused`; any exit but 0 and 3 is a fault of the program."""
        ran = subprocess.run(
            [self._program, *arguments], input=given, capture_output=True, text=True, check=False
        )
        if ran.returncode == REFUSED:
            raise Refused(f"Go: {ran.stderr.strip()}")
        ran.check_returncode()
        return ran.stdout


def _is_here() -> bool:
    return shutil.which("go") is not None and (GOPATH / "src/golang.org/x/mod/sumdb/tlog").is_dir()


def _install() -> None:
    """With Debian's packages, where that is allowed; otherwise it says what to do."""
    command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *PACKAGES]
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise NotHere(f"needs Debian's packages {' and '.join(PACKAGES)}; as root: {' '.join(command)}")
    print("installing", *PACKAGES, flush=True)
    ran = _apt(command)
    if ran.returncode:  # perhaps it only knows no packages yet, as in a new container
        _apt(["apt-get", "update", "-q"])
        ran = _apt(command)
    if ran.returncode or not _is_here():
        said = (ran.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise NotHere(f"apt-get could not install {' and '.join(PACKAGES)}: {said}")


def _apt(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)


def _version() -> str:
    library = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Version}", PACKAGES[1]], capture_output=True, text=True, check=False
    ).stdout
    go = subprocess.run(["go", "version"], capture_output=True, text=True, check=True).stdout.split()[2]
    return f"{library or '?'} ({go})"
