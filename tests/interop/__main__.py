"""
Run all four verifiers over exports of several sizes, and print who accepted what.

Exit 1 when one that ran refused a true export or accepted a lie. One that cannot run here is named with the
reason, and counts neither way.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from consent_ledger.checkpoint import NoteRefused, read_note
from tests.interop.exports import SIZES, make
from tests.interop.go_reads import Go
from tests.interop.npm_reads import Npm
from tests.interop.pymerkle_reads import Pymerkle
from tests.interop.sigstore_reads import SigstorePython
from tests.interop.spoiling import LIES, SIZE, changed, cosigned
from tests.interop.verifiers import Counted, NotHere, Part, Refused, Verifier

MAKERS: dict[str, Callable[[Path], Verifier]] = {
    Pymerkle.name: lambda _: Pymerkle(),
    SigstorePython.name: lambda _: SigstorePython(),
    Go.name: Go,
    Npm.name: Npm,
}


def main() -> int:
    """0 when all that ran accept our exports and refuse every lie that they can see."""
    with tempfile.TemporaryDirectory(prefix="interop-") as scratch:
        exports = {size: make(Path(scratch) / f"export-{size}", size) for size in SIZES}
        print(f"Exports of {', '.join(map(str, SIZES))} entries, and one with the signature of a witness.\n")
        return run(MAKERS, exports, Path(scratch))


def run(makers: dict[str, Callable[[Path], Verifier]], exports: dict[int, Path], scratch: Path) -> int:
    """Run these verifiers, print the table, and give the exit code."""
    rows = [("verifier", "version", "what it checked", "result")]
    faults: list[str] = []
    for number, (name, maker) in enumerate(makers.items()):
        folder = scratch / f"verifier-{number}"
        folder.mkdir()
        try:
            verifier = maker(folder)
        except NotHere as why:
            rows.append((name, "-", "nothing", f"SKIPPED: {why}"))
            continue
        counted, found, lies = _judge(verifier, exports)
        result = "FAILS, see below" if found else f"accepts all; refuses {lies} of {lies} lies"
        rows.append((name, verifier.version, _said(verifier, counted), result))
        faults += [f"{name} {fault}" for fault in found]
    _print_table(rows)
    skipped = sum(row[2] == "nothing" for row in rows)
    print(f"\n{len(makers) - skipped} of {len(makers)} verifiers ran.")
    for fault in faults:
        print(f"- {fault}")
    return 1 if faults else 0


def _judge(verifier: Verifier, exports: dict[int, Path]) -> tuple[Counted, list[str], int]:
    """What it checked, what is wrong with its answers, and how many lies it was told."""
    counted, found = Counted(), []
    for size, export in exports.items():
        try:
            counted += verifier.check(export)
        except Refused as refused:
            found.append(f"refuses the export of {size} entries: {refused}")
    export = exports[SIZE]
    with changed(export, cosigned(export)):
        try:
            counted += verifier.check(export)
        except Refused as refused:
            found.append(f"refuses a checkpoint with the signature of a witness: {refused}")
    lies = [lie for lie in LIES if lie.part in verifier.reads]
    for lie in lies:
        with lie.told_in(export):
            try:
                verifier.check(export)
            except Refused:
                continue
        found.append(f"accepts an export with {lie.name}")
    if isinstance(verifier, Go):
        found += notes_of_go(verifier)
    return counted, found, len(lies)


def notes_of_go(go: Go) -> list[str]:
    """What is wrong when we read a note that Go signed."""
    key, note = go.sign()
    wrong = []
    try:
        if read_note(note, [key]).size != 20852163:
            wrong.append("signed a note, and we read another size in it")
    except NoteRefused as refused:
        wrong.append(f"signed a note, and we refuse it: {refused}")
    try:
        read_note(note.replace("20852163", "20852164"), [key])
    except NoteRefused:
        return wrong
    return [*wrong, "signed a note, and we accept it when it was changed"]


def _said(verifier: Verifier, counted: Counted) -> str:
    said = [f"{counted.inclusions} inclusions"]
    if counted.notes:
        said.insert(0, f"{counted.notes} signatures")
    if counted.consistencies:
        said.append(f"{counted.consistencies} consistencies")
    if Part.TILES in verifier.reads:
        said.append("tiles and bundles")
    return ", ".join(said)


def _print_table(rows: list[tuple[str, str, str, str]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        print(" | ".join([*cells, row[3]]))


if __name__ == "__main__":
    sys.exit(main())
