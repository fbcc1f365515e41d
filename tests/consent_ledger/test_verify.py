"""The offline verifier: what holds is said, whatever does not hold gets one plain reason."""

from __future__ import annotations

import ast
import base64
import hashlib
import io
import json
import random
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cryptography
import pytest

from consent_ledger import export, verify
from consent_ledger.checkpoint import Signer
from consent_ledger.cosigning import Cosigner
from consent_ledger.database import reading
from consent_ledger.entry import Draft, EntryType, canonical
from consent_ledger.log import Ledger
from consent_ledger.tree import Tree, leaf_hash
from consent_ledger.verify import Refused, carry, main
from consent_ledger.verify import bodies as verify_bodies
from consent_ledger.verify import line as verify_line
from tests.consent_ledger.ledgers import (
    OPERATOR,
    ORIGIN,
    SHA,
    Place,
    granted,
    issued,
    key,
    purpose,
    registered,
    sqlite_place,
)
from tests.consent_ledger.test_entry import BODIES

PACKAGE = Path(verify.__file__).parent
SIGNER = Signer(ORIGIN, key())
AGREEMENT = "agr-0000000000000001"
PROPOSED = 16
"""Where it is proposed in the export of these tests."""
TERMS = {
    "parties": [
        {"party": "bureau", "role": "recipient", "controller_role": "independent"},
        {"party": "house-0", "role": "source", "controller_role": "independent"},
    ],
    "purposes": ["own_insight"],
    "groups": ["base"],
    "granularity": "STATISTIC",
    "productions": None,
    "period_start": "2026-01-01",
    "period_end": None,
    "minimum_group": 10,
    "onward": False,
}


def terms_sha256() -> str:

    return hashlib.sha256(canonical(TERMS)).hexdigest()  # type: ignore[arg-type]  # plain JSON


def draft(kind: EntryType, idem: str, refs: tuple[int, ...] = (), /, **body: object) -> Draft:
    return Draft(kind, OPERATOR, idem, body, refs)  # type: ignore[arg-type]  # plain JSON


def disclosed(ledger: Ledger, place: Place, idem: str) -> Draft:
    snapshot = place.pin(ledger)
    return draft(
        EntryType.DISCLOSURE_RECORDED,
        idem,
        request_sha256=SHA,
        recipient="bureau",
        client="app",
        controllers=["house-0"],
        agreements=[AGREEMENT],
        purposes=["own_insight"],
        groups=["base"],
        granularity="STATISTIC",
        rows="r10_99",
        persons="r10_99",
        subjects=SHA,
        basis={"size": snapshot.size, "root": snapshot.root.hex(), "seqs": [1]},
    )


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export in which a little of everything happened."""
    folder = tmp_path_factory.mktemp("ledger")
    with sqlite_place(folder) as place:
        ledger = place.create()
        digest = terms_sha256()
        ledger.append_all(
            [
                *((registered(f"house-{n}"), None) for n in range(12)),
                (registered("bureau", kind="partner"), None),
                (purpose(), None),
                (
                    draft(
                        EntryType.SCOPE_GRANTED,
                        "app",
                        client="app",
                        party="bureau",
                        kind="partner",
                        scopes=["audiences:read"],
                    ),
                    None,
                ),
                (
                    draft(
                        EntryType.AGREEMENT_PROPOSED,
                        "propose",
                        agreement=AGREEMENT,
                        package="research",
                        proposer="bureau",
                        terms_sha256=digest,
                        terms=TERMS,
                    ),
                    None,
                ),
                *(
                    (
                        draft(
                            EntryType.AGREEMENT_ACCEPTED,
                            f"accept-{party}",
                            (PROPOSED,),
                            agreement=AGREEMENT,
                            party=party,
                            assurance="operator_attested",
                            terms_sha256=digest,
                        ),
                        None,
                    )
                    for party in ("bureau", "house-0")
                ),
                *((granted("house-0", f"{n:016x}"), None) for n in range(4)),
            ]
        )
        ledger.append(disclosed(ledger, place, "disclose-1"))
        ledger.append(issued("export", 10))
        export.write(ledger, place.engine, folder / "export")
        with (folder / "export.zip").open("wb") as file:
            export.archive(ledger, place.engine, file)
        with reading(place.engine) as connection:
            assert b"".join(export.lines(connection, start=3, stop=5)).count(b"\n") == 2
    return folder / "export"


@pytest.fixture
def folder(exported: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(exported, tmp_path / "export"))


def lines(folder: Path) -> list[bytes]:
    return (folder / "export.jsonl").read_bytes().splitlines(keepends=True)


def write(folder: Path, changed: list[bytes]) -> None:
    (folder / "export.jsonl").write_bytes(b"".join(changed))


def resign(folder: Path, signer: Signer = SIGNER) -> None:
    """The operator lies: a true signature over whatever stands there now, and no tiles that tell otherwise."""
    shutil.rmtree(folder / "tile", ignore_errors=True)
    tree = Tree()
    for line in lines(folder):
        tree.append(leaf_hash(line.removesuffix(b"\n")))
    (folder / "checkpoint").write_text(signer.sign(tree.size, tree.root()), encoding="utf-8")
    (folder / "key").write_text(f"{signer.verifier_key}\n", encoding="utf-8")


def reason(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """The one plain reason, from the command itself."""
    assert main(list(argv)) == 1
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.startswith("does not hold: ")
    assert said.out.count("\n") == 1
    assert "Traceback" not in said.out
    return said.out.removeprefix("does not hold: ").strip()


# What holds


def test_what_holds_is_said_and_whose_key_was_believed(
    exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(exported)]) == 0
    said = capsys.readouterr().out
    assert f"The ledger {ORIGIN} holds: 25 entries" in said
    assert "only for the key that came with the export" in said
    assert main([str(exported), "--key", SIGNER.verifier_key]) == 0
    assert "valid for the key you gave" in capsys.readouterr().out


def test_folder_zip_and_file_hold_alike(exported: Path) -> None:
    reports = {
        verify.verify(path, key=SIGNER.verifier_key)
        for path in (exported, exported / "export.jsonl", exported.with_suffix(".zip"))
    }
    assert len(reports) == 1
    (report,) = reports
    assert (report.origin, report.size, report.is_sandbox) == (ORIGIN, 25, True)


def carried_to(folder: Path) -> Path:
    with (folder / "verify.pyz").open("wb") as file:
        carry.write(file)
    return folder / "verify.pyz"


def test_it_runs_as_a_single_file_in_a_folder_without_the_project(exported: Path, tmp_path: Path) -> None:
    """As an auditor carries it: isolated, in another folder."""
    ran = subprocess.run(
        [sys.executable, "-I", "-W", "error", str(carried_to(tmp_path)), str(exported)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "holds: 25 entries" in ran.stdout


def test_the_single_file_needs_cryptography_and_nothing_else_that_is_installed(
    exported: Path, tmp_path: Path
) -> None:
    """The same where only what `cryptography` itself needs can be found."""
    installed = Path(cryptography.__file__).parent.parent
    (tmp_path / "site").mkdir()
    for name in [
        one for one in installed.iterdir() if one.name.startswith(("cryptography", "_cffi", "cffi"))
    ]:
        (tmp_path / "site" / name.name).symlink_to(name)
    start = (
        "import runpy, sys\n"
        "sys.path[:] = [one for one in sys.path if 'site-packages' not in one] + [sys.argv.pop(1)]\n"
        "sys.meta_path[:] = [one for one in sys.meta_path if 'editable' not in repr(one).lower()]\n"
        "runpy.run_path(sys.argv.pop(1), run_name='__main__')\n"
    )
    carried = carried_to(tmp_path)
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", start, str(tmp_path / "site"), str(carried), str(exported)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "holds: 25 entries" in ran.stdout


def test_the_single_file_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    made = [io.BytesIO(), io.BytesIO()]
    for file in made:
        carry.write(file)
    assert made[0].getvalue() == made[1].getvalue()
    with zipfile.ZipFile(made[0]) as carried:
        assert {one.compress_type for one in carried.infolist()} == {zipfile.ZIP_STORED}
        names = {one.removeprefix("consent_ledger/verify/") for one in carried.namelist()}
    assert names >= {one.name for one in PACKAGE.glob("*.py")}


def test_no_module_of_the_verifier_imports_anything_else_of_ours_or_is_long() -> None:
    for module in PACKAGE.glob("*.py"):
        text = module.read_text(encoding="utf-8")
        assert text.count("\n") <= 250, f"{module.name} is no longer read in one sitting"
        for node in ast.walk(ast.parse(text)):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                top = name.partition(".")[0]
                is_own = name == "consent_ledger.verify" or name.startswith("consent_ledger.verify.")
                assert is_own or top == "cryptography" or top in sys.stdlib_module_names, (module.name, name)


def test_pymerkle_gives_the_same_root_and_accepts_every_proof(exported: Path) -> None:
    """A tree that others wrote, over the bytes of our export."""
    from pymerkle import InmemoryTree, verify_consistency, verify_inclusion

    theirs = InmemoryTree(algorithm="sha256")
    ours = Tree()
    for line in lines(exported):
        theirs.append_entry(line[:-1])
        ours.append(leaf_hash(line[:-1]))
    root = verify.verify(exported).root
    assert theirs.get_root().hex() == root == ours.root().hex()
    for index in range(ours.size):
        proof = theirs.prove_inclusion(index + 1)
        proof.path = [ours.leaf(index), *ours.inclusion(index, ours.size)]  # our proof, their verifier
        verify_inclusion(ours.leaf(index), ours.root(), proof, index=index + 1, size=ours.size)
    for old in range(1, ours.size):
        proof = theirs.prove_consistency(old, ours.size)  # their paths have another form than RFC 9162's
        verify_consistency(ours.root(old), ours.root(), proof, prior_size=old, later_size=ours.size)


# What does not: someone tampers


def spoil_dropped(all_lines: list[bytes]) -> list[bytes]:
    return all_lines[:7] + all_lines[8:]


def spoil_swapped(all_lines: list[bytes]) -> list[bytes]:
    return [*all_lines[:7], all_lines[8], all_lines[7], *all_lines[9:]]


SPOILED: dict[str, tuple[Callable[[list[bytes]], list[bytes]], str]] = {
    "a dropped line": (spoil_dropped, "Line 8 should be entry 7"),
    "two swapped": (spoil_swapped, "Line 8 should be entry 7"),
    "a repeated line": (lambda all_lines: [*all_lines[:7], *all_lines[6:]], "Line 8 should be entry 7"),
    "a truncated tail": (lambda all_lines: all_lines[:-3], "ends after 22 entries"),
    "a line cut in two": (
        lambda all_lines: [*all_lines[:-1], all_lines[-1][:40]],
        "breaks off in the middle",
    ),
    "a missing last newline": (
        lambda all_lines: [*all_lines[:-1], all_lines[-1][:-1]],
        "breaks off in the middle",
    ),
    "an empty file": (lambda _: [], "ends after 0 entries"),
    "a line too many": (
        lambda all_lines: [*all_lines, all_lines[-1].replace(b'"seq":24', b'"seq":25')],
        "goes on after the 25",
    ),
    "an empty line": (lambda all_lines: [*all_lines[:3], b"\n", *all_lines[3:]], "Line 4 is not JSON"),
    "Windows line ends": (
        lambda all_lines: [line.replace(b"\n", b"\r\n") for line in all_lines],
        "Line 1 is not in canonical form",
    ),
    "a changed word": (
        lambda all_lines: [line.replace(b'"kind":"partner"', b'"kind":"auditor"') for line in all_lines],
        "do not give the root",
    ),
    "a space": (lambda all_lines: [all_lines[0].replace(b":", b": ", 1), *all_lines[1:]], "canonical form"),
    "a float": (
        lambda all_lines: [all_lines[0].replace(b'"seq":0', b'"seq":0.0'), *all_lines[1:]],
        "not JSON",
    ),
    "a key twice": (
        lambda all_lines: [all_lines[0].replace(b'"seq":0', b'"seq":0,"seq":0'), *all_lines[1:]],
        "canonical form",
    ),
    "a key too many": (
        lambda all_lines: [all_lines[0].replace(b',"vt":null}', b',"vt":null,"x":1}'), *all_lines[1:]],
        "keys of an entry",
    ),
    "a very long line": (lambda all_lines: [b'"' + b"a" * 70_000 + b'"\n', *all_lines[1:]], "too long"),
    "deep nesting": (lambda all_lines: [b"[" * 60_000 + b"\n", *all_lines[1:]], "not JSON"),
    "a number of ten thousand digits": (
        lambda all_lines: [b"9" * 10_000 + b"\n", *all_lines[1:]],
        "not JSON",
    ),
    "invalid UTF-8": (lambda all_lines: [b"\xff" + all_lines[0][1:], *all_lines[1:]], "not JSON"),
    "a null byte": (lambda all_lines: [b"\0" + all_lines[0], *all_lines[1:]], "not JSON"),
    "half a surrogate": (lambda all_lines: [b'{"v":"\\ud800"}\n', *all_lines[1:]], "canonical form"),
}


@pytest.mark.parametrize("what", SPOILED)
def test_a_spoiled_export_is_found(folder: Path, what: str, capsys: pytest.CaptureFixture[str]) -> None:
    spoil, expected = SPOILED[what]
    write(folder, spoil(lines(folder)))
    assert expected in reason(capsys, str(folder))


def test_one_flipped_bit_anywhere_in_the_export_is_found(folder: Path) -> None:
    """Some bit of every 23rd byte, so that every region of every entry is hit."""
    whole = (folder / "export.jsonl").read_bytes()
    dice = random.Random(7)
    flips = range(0, len(whole), 23)
    assert len(flips) > 300
    for place in flips:
        changed = bytearray(whole)
        changed[place] ^= 1 << dice.randrange(8)
        (folder / "export.jsonl").write_bytes(changed)
        with pytest.raises(Refused):
            verify.verify(folder)


def test_one_flipped_bit_anywhere_in_checkpoint_or_key_is_found(folder: Path) -> None:
    for name in ("checkpoint", "key"):
        whole = (folder / name).read_bytes()
        for place in range(len(whole) - 1):  # the key's last newline says nothing
            changed = bytearray(whole)
            changed[place] ^= 1 << place % 8
            (folder / name).write_bytes(changed)
            with pytest.raises(Refused):
                verify.verify(folder)
        (folder / name).write_bytes(whole)
    verify.verify(folder)


def test_a_zip_with_a_flipped_byte_never_holds_as_something_else(exported: Path, tmp_path: Path) -> None:
    """A zip has bytes that say nothing (dates, attributes); whatever still reads must read the same."""
    whole = exported.with_suffix(".zip").read_bytes()
    right = verify.verify(exported)
    spoiled = tmp_path / "spoiled.zip"
    refused = 0
    told = whole.index(b"tile/")  # what is read stands before the tiles
    for place in range(0, told, 11):
        changed = bytearray(whole)
        changed[place] ^= 0x41
        spoiled.write_bytes(changed)
        try:
            assert verify.verify(spoiled) == right
        except Refused:
            refused += 1
    assert refused > told // 11 * 0.7
    for end in range(0, len(whole), 97):
        spoiled.write_bytes(whole[:end])
        with pytest.raises(Refused):
            verify.verify(spoiled)


@pytest.mark.parametrize("name", ["export.jsonl", "checkpoint", "key"])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"\n\n",
        b"\0" * 100,
        b"{}",
        b"PK\x03\x04 nothing",
        random.Random(3).randbytes(5_000),
        b"a" * 70_000,
    ],
)
def test_garbage_gets_a_reason_and_no_traceback(
    folder: Path, name: str, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / name).write_bytes(content)
    assert reason(capsys, str(folder))


def test_a_path_that_is_nothing_gets_a_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no such file" in reason(capsys, str(tmp_path / "absent"))
    assert "no checkpoint" in reason(capsys, str(tmp_path))
    (tmp_path / "file").write_bytes(b"something")
    assert "neither" in reason(capsys, str(tmp_path / "file"))
    assert reason(capsys, "bad\0path")
    (tmp_path / "checkpoint").write_text(SIGNER.sign(1, b"\0" * 32), encoding="utf-8")
    assert "no verifier key" in reason(capsys, str(tmp_path))
    assert "no export.jsonl" in reason(capsys, str(tmp_path), "--key", SIGNER.verifier_key)


def test_a_zip_that_names_a_file_twice_is_refused(exported: Path, tmp_path: Path) -> None:
    made = tmp_path / "twice.zip"
    with zipfile.ZipFile(made, "w") as archive:
        for name in ("export.jsonl", "checkpoint", "key"):
            archive.write(exported / name, name)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("export.jsonl", b"")
    with pytest.raises(Refused, match="more than once"):
        verify.verify(made)


# What does not: someone signs for another


def test_another_key_or_origin_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    foreign = Signer(ORIGIN, key(2))
    assert "not signed by this key" in reason(capsys, str(folder), "--key", foreign.verifier_key)
    elsewhere = Signer("elsewhere.example/ledger", key())
    assert "another ledger" in reason(capsys, str(folder), "--key", elsewhere.verifier_key)
    resign(folder, foreign)
    assert verify.verify(folder).key_was_given is False  # its own key says so, and that is all it says
    assert "not signed by this key" in reason(capsys, str(folder), "--key", SIGNER.verifier_key)
    resign(folder, elsewhere)
    assert "created under another origin" in reason(capsys, str(folder))
    assert "NAME+ID+KEY" in reason(capsys, str(folder), "--key", "nonsense")
    other_id = SIGNER.verifier_key.replace("+", "+0", 1)[:-1]
    assert reason(capsys, str(folder), "--key", other_id)


def test_a_signature_under_a_known_name_but_another_id_does_not_count(folder: Path) -> None:
    note = (folder / "checkpoint").read_text(encoding="utf-8")
    head, _, last = note.rpartition(" ")
    blob = base64.b64decode(last)
    (folder / "checkpoint").write_text(
        f"{head} {base64.b64encode(b'0000' + blob[4:]).decode()}\n", encoding="utf-8"
    )
    with pytest.raises(Refused, match="not signed by this key"):
        verify.verify(folder)


def test_a_cosignature_of_an_unknown_witness_is_passed_over(folder: Path) -> None:
    with (folder / "checkpoint").open("a", encoding="utf-8") as file:
        file.write(f"— witness.example/w {base64.b64encode(b'12345678').decode()}\n")
    verify.verify(folder)


# What does not: the operator signs what cannot be


Entries = list[dict[str, Any]]


def edit(folder: Path, change: Callable[[Entries], object]) -> None:
    """The operator lies as well as can be: positions, roots that decisions stand on, and signature all fit."""
    entries: Entries = [json.loads(line) for line in lines(folder)]
    true = {basis["root"] for entry in entries if (basis := entry["body"].get("basis"))}
    change(entries)
    tree = Tree()
    written = []
    for seq, entry in enumerate(entries):
        entry["seq"] = seq
        basis = entry["body"].get("basis") if isinstance(entry["body"], dict) else None
        if isinstance(basis, dict) and basis["root"] in true and basis["size"] <= seq:
            basis["root"] = tree.root(basis["size"]).hex()
        line = json.dumps(entry, sort_keys=True, separators=(",", ":")).encode()
        tree.append(leaf_hash(line))
        written.append(line + b"\n")
    write(folder, written)
    resign(folder)


def find(entries: Entries, kind: str) -> dict[str, Any]:
    return next(entry for entry in entries if entry["type"] == kind)


def body(entries: Entries, kind: str) -> dict[str, Any]:
    found = find(entries, kind)["body"]
    assert isinstance(found, dict)
    return found


def set_in(kind: str, /, **changes: object) -> Callable[[Entries], object]:
    """Change the body of the first entry of this type; `a__b` is `b` in `a`."""

    def change(entries: Entries) -> None:
        for path, value in changes.items():
            *outer, last = path.split("__")
            place = find(entries, kind)["body"]
            for name in outer:
                place = place[name]
            place[last] = value

    return change


def around(kind: str, /, **changes: object) -> Callable[[Entries], object]:
    """Change the envelope of the first entry of this type."""
    return lambda entries: find(entries, kind).update(changes)


def add(
    kind: str, /, *, refs: tuple[int, ...] = (), by: str = "platform", **says: object
) -> Callable[[Entries], object]:
    """One entry more, at the end."""

    def change(entries: Entries) -> None:
        rt = entries[-1]["rt"]
        entries.append(
            {
                **entries[-1],
                "type": kind,
                "rt": rt[:10] if kind.startswith(("consent.", "subject.", "right.")) else rt,
                "idem": f"added-{len(entries)}",
                "actor": {"party": by, "client": "app"},
                "refs": list(refs),
                "body": says,
            }
        )

    return change


def both(*changes: Callable[[Entries], object]) -> Callable[[Entries], object]:
    def change(entries: Entries) -> None:
        for one in changes:
            one(entries)

    return change


def moved(addition: Callable[[Entries], object], to: int) -> Callable[[Entries], object]:
    """What is added at the end stands there instead."""

    def change(entries: Entries) -> None:
        addition(entries)
        entries.insert(to, entries.pop())

    return change


def later(seconds: int) -> Callable[[Entries], object]:
    """The disclosure and all that follows it, recorded so much later than what was before."""

    def change(entries: Entries) -> None:
        first = entries.index(find(entries, DISCLOSED))
        for entry in entries[first:]:
            moment = datetime.fromisoformat(entry["rt"]) + timedelta(seconds=seconds)
            entry["rt"] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")

    return change


def retold(**changes: object) -> Callable[[Entries], object]:
    """Other terms, rightly hashed, proposed and accepted."""
    terms = {**TERMS, **changes}
    digest = hashlib.sha256(canonical(terms)).hexdigest()  # type: ignore[arg-type]  # plain JSON

    def change(entries: Entries) -> None:
        find(entries, "agreement.proposed")["body"]["terms"] = terms
        for entry in entries:
            if "terms_sha256" in entry["body"]:
                entry["body"]["terms_sha256"] = digest

    return change


def part(party: str, role: str) -> dict[str, str]:
    return {"party": party, "role": role, "controller_role": "independent"}


def accepting(party: str, **changes: object) -> Callable[[Entries], object]:
    says: dict[str, Any] = {
        "agreement": AGREEMENT,
        "party": party,
        "assurance": "operator_attested",
        "terms_sha256": terms_sha256(),
    }
    return add("agreement.accepted", refs=(PROPOSED,), **{**says, **changes})


def ending(
    kind: str, party: str = "house-0", refs: tuple[int, ...] = (PROPOSED,)
) -> Callable[[Entries], object]:
    return add(f"agreement.{kind}", refs=refs, agreement=AGREEMENT, party=party)


def consenting(**changes: object) -> Callable[[Entries], object]:
    return set_in("consent.granted", **changes)


def basis(**changes: object) -> Callable[[Entries], object]:
    says: dict[str, Any] = {"controller": "house-0", "purpose": "own_insight", "purpose_version": 1}
    return add("basis.recorded", **{**says, "basis": "eu-gdpr:A6-1-a", "dpia_sha256": None, **changes})


def notice(version: int = 1, **changes: object) -> Callable[[Entries], object]:
    says: dict[str, Any] = {
        "controller": "house-0",
        "notice": "visitors",
        "version": version,
        "text_sha256": SHA,
    }
    return add("notice.published", **{**says, "purposes": ["own_insight"], **changes})


def release(**changes: object) -> Callable[[Entries], object]:
    says: dict[str, Any] = dict.fromkeys(("tables_sha256", "certificate_sha256", "input_sha256"), SHA)
    says |= {"release": "rel-0000000000000001", "policy": "unnoised-1", "blocks": 3, "rho": "0.5"}
    return add("release.sealed", **{**says, "period_start": "2026-01", "period_end": "2026-02", **changes})


def brought(**changes: object) -> Callable[[Entries], object]:
    says: dict[str, Any] = dict.fromkeys(("received", "created", "updated", "unchanged"), 1)
    says |= {
        "import": "imp-0000000000000001",
        "institution": "house-0",
        "unit": "tickets",
        "source": "pretix",
    }
    return add("import.accepted", **{**says, "file_sha256": SHA, "report_sha256": SHA, **changes})


def doubled(kind: str, /, **changes: object) -> Callable[[Entries], object]:
    """The first entry of this type once more, at the end, under another key."""

    def change(entries: Entries) -> None:
        again = json.loads(json.dumps(find(entries, kind)))
        entries.append({**again, "rt": entries[-1]["rt"], "idem": "again", **changes})

    return change


DISCLOSED, PROPOSAL, ACCEPTED = "disclosure.recorded", "agreement.proposed", "agreement.accepted"
THERE = "cannot stand there"

IMPOSSIBLE: dict[str, tuple[Callable[[Entries], object], str]] = {
    # the envelope
    "a second creation": (doubled("ledger.created"), "created by its first entry"),
    "no creation": (lambda all_of: all_of.__delitem__(0), "created by its first entry"),
    "time going back": (lambda all_of: all_of[-1].update(rt="2025-01-01T00:00:00Z"), "recorded before"),
    "a time on a person's entry": (
        around("consent.granted", rt="2026-03-01T12:30:15Z"),
        "more or less exactly",
    ),
    "a day on a house's entry": (around("party.registered", rt="2026-03-01"), "more or less exactly"),
    "a day that is none": (lambda all_of: all_of[-1].update(rt="2026-02-30T00:00:00Z"), "no time"),
    "a time that is a number": (around("party.registered", rt=20260301), "no time"),
    "an end before its beginning": (
        around(PROPOSAL, vf="2027-02-01T00:00:00Z", vt="2027-01-01T00:00:00Z"),
        "does not come after",
    ),
    "a reference forward": (around("party.registered", refs=[20]), "not an earlier entry"),
    "a reference twice": (around(DISCLOSED, refs=[3, 3]), "not an earlier entry"),
    "an actor that is a text": (around("party.registered", actor="platform"), "not formed"),
    "an actor with a name": (
        around("party.registered", actor={"party": "platform", "client": "Jan de Vries"}),
        "not formed",
    ),
    "a key with a name": (around("party.registered", idem="Jan de Vries"), "not formed"),
    "another version": (around("party.registered", v="cultuurinzicht/entry/2"), "version"),
    "a type that is a list": (around("party.registered", type=["party.registered"]), "not formed"),
    "a type that is a sentence": (around("party.registered", type="Jan was here"), "not formed"),
    "a body that is a list": (around("party.registered", body=[]), "more or less than its type"),
    "a body nested beyond measure": (
        around("party.registered", body=json.loads('{"a":' * 17 + "1" + "}" * 17)),
        "not JSON as the ledger writes it",
    ),
    "a key used twice": (doubled("consent.granted", idem=f"{0:016x}", rt="2026-03-01"), "had used before"),
    # words and patterns
    "a key too many in a body": (set_in("party.registered", note="hello"), "more or less than its type"),
    "a key too few in a body": (
        lambda all_of: body(all_of, DISCLOSED).pop("rows"),
        "more or less than its type",
    ),
    "a list where a name should be": (set_in("party.registered", party=[]), THERE),
    "terms that are a number": (set_in(PROPOSAL, terms=1), THERE),
    "free text as an organisation": (set_in("party.registered", organisation="Jan de Vries"), THERE),
    "an unknown kind of organisation": (set_in("party.registered", kind="friend"), THERE),
    "an unknown kind of application": (set_in("scope.granted", kind="robot"), THERE),
    "an unknown scope": (set_in("scope.granted", scopes=["audiences:sell"]), THERE),
    "scopes out of order": (set_in("scope.granted", scopes=["me:read", "audiences:read"]), THERE),
    "a flag that is a number": (set_in("party.registered", sandbox=1), THERE),
    "an unknown purpose": (retold(purposes=["selling"]), THERE),
    "an unknown group": (retold(groups=["diary"]), THERE),
    "an unknown granularity": (retold(granularity="PERSON"), THERE),
    "a production with a name": (retold(productions=["Jan de Vries"]), THERE),
    "a minimum group of nobody": (retold(minimum_group=0), THERE),
    "an unknown basis": (set_in("purpose.published", bases=["eu-gdpr:A6-1-d"]), THERE),
    "free text as assurance": (set_in(ACCEPTED, assurance="he nodded"), THERE),
    "free text as a notice": (consenting(notice="Jan said yes", notice_version=1), THERE),
    "free text as a source": (brought(source="Jan's spreadsheet"), THERE),
    "a negative count": (brought(created=-1), THERE),
    "persons told exactly": (set_in(DISCLOSED, persons=40), THERE),
    "negative persons": (set_in(DISCLOSED, persons=-1), THERE),
    "a bucket that is none": (set_in(DISCLOSED, rows="r7"), THERE),
    "a subject in plain words": (set_in(DISCLOSED, subjects="jan@example.nl"), THERE),
    "an import without a name": (brought(**{"import": "imp-1"}), THERE),
    # members and applications
    "an organisation registered twice": (doubled("party.registered"), "registered already"),
    "the platform registered": (
        add("party.registered", party="platform", kind="platform", organisation="platform", sandbox=True),
        "registered already",
    ),
    "an actor nobody knows": (
        lambda all_of: all_of[-1].update(actor={"client": "app", "party": "nobody"}),
        "who acts is no member",
    ),
    "who left acts": (
        both(add("party.closed", party="house-0"), add("party.closed", by="house-0", party="house-1")),
        "who acts is no member",
    ),
    "who left leaves again": (
        both(add("party.closed", party="house-0"), add("party.closed", party="house-0")),
        "about no member",
    ),
    "the platform closed": (add("party.closed", party="platform"), "about no member"),
    "an application of nobody": (set_in("scope.granted", party="nobody"), "about no member"),
    "an application of another": (
        doubled("scope.granted", body={"client": "app", "party": "house-1", "kind": "partner", "scopes": []}),
        "belongs to another",
    ),
    "an unknown application revoked": (
        add("scope.revoked", client="other", party="bureau"),
        "no such application",
    ),
    "an import of nobody": (brought(institution="nobody"), "about no member"),
    "an erasure at nobody's": (
        add(
            "subject.erased",
            controller="nobody",
            request_sha256=SHA,
            mode="stay_out",
            effective_by="2027-01-01",
        ),
        "about no member",
    ),
    # purposes, bases, notices, consents
    "a version of a purpose left out": (set_in("purpose.published", version=2), "versions of a purpose"),
    "a basis for nobody": (basis(controller="nobody"), "about no member"),
    "a basis for an unpublished purpose": (basis(purpose="research"), "published"),
    "a basis for a version to come": (basis(purpose_version=2), "published"),
    "a basis that is not possible": (basis(basis="eu-gdpr:A6-1-e"), "not possible"),
    "a notice of nobody": (notice(controller="nobody"), "about no member"),
    "a version of a notice left out": (notice(2), "versions of a notice"),
    "a notice back-dated": (
        both(notice(), lambda all_of: all_of[-1].update(vf="2020-01-01T00:00:00Z")),
        "notice is back-dated",
    ),
    "a consent at nobody's": (consenting(controller="nobody"), "about no member"),
    "a consent to an unpublished purpose": (consenting(purpose="research"), "purpose was not published"),
    "a consent to a version to come": (consenting(purpose_version=2), "purpose was not published"),
    "a consent under no such notice": (
        consenting(notice="visitors", notice_version=1),
        "notice was not published",
    ),
    "a consent under a notice without version": (consenting(notice="visitors"), "notice was not published"),
    "a consent under a notice to come": (
        both(
            notice(),
            lambda all_of: add(
                "consent.granted",
                **{**body(all_of, "consent.granted"), "notice": "visitors", "notice_version": 2},
            )(all_of),
        ),
        "notice was not published",
    ),
    # agreements
    "an acceptance without proposal": (
        set_in(PROPOSAL, agreement="agr-ffffffffffffffff"),
        "nobody proposed",
    ),
    "other terms accepted": (set_in(ACCEPTED, terms_sha256=SHA), "not what was proposed"),
    "terms that are not those hashed": (set_in(PROPOSAL, terms__minimum_group=1), "not those hashed"),
    "a stranger accepting": (set_in(ACCEPTED, party="house-5"), "no party to the agreement"),
    "an acceptance spoken by another house": (
        around(ACCEPTED, actor={"party": "house-5", "client": "app"}),
        "in the name of another",
    ),
    "an acceptance spoken by the other party": (
        around(ACCEPTED, actor={"party": "house-0", "client": "app"}),
        "in the name of another",
    ),
    "a proposal spoken by another house": (
        around(PROPOSAL, actor={"party": "house-0", "client": "app"}),
        "in the name of another",
    ),
    "a passkey without signature": (set_in(ACCEPTED, assurance="passkey"), "claims a signature"),
    "an acceptance that names no proposal": (around(ACCEPTED, refs=[]), "refer to the proposal"),
    "an acceptance that names something else": (around(ACCEPTED, refs=[3]), "refer to the proposal"),
    "an ending that names something else": (ending("ended", refs=(3,)), "refer to the proposal"),
    "an ending by a stranger": (ending("ended", "house-5"), "no party to the agreement"),
    "accepted twice": (accepting("house-0"), "accepted already"),
    "accepted after its end": (both(ending("ended"), accepting("house-0")), "had ended"),
    "ended twice": (both(ending("ended"), ending("ended", "bureau")), "had ended"),
    "refused while it stands": (ending("refused"), "ended, not refused"),
    "proposed twice": (doubled(PROPOSAL), "proposed already"),
    "proposed by no party": (set_in(PROPOSAL, proposer="house-5"), "no party to it"),
    "between strangers": (
        retold(parties=[part("bureau", "recipient"), part("nobody", "source")]),
        "no member",
    ),
    "nobody gives": (
        retold(parties=[part("bureau", "recipient"), part("house-0", "recipient")]),
        "nobody gives",
    ),
    "one party with itself": (retold(parties=[part("bureau", "both")]), "one party"),
    "the platform gives": (
        retold(parties=[part("bureau", "recipient"), part("platform", "source")]),
        "platform gives",
    ),
    "parties out of order": (
        retold(parties=[part("house-0", "source"), part("bureau", "recipient")]),
        THERE,
    ),
    "a period backwards": (retold(period_end="2025-01-01"), "period ends before"),
    "a period from no day": (retold(period_start="2026-02-30"), THERE),
    "an agreement back-dated": (around(PROPOSAL, vf="2026-02-28T00:00:00Z"), "back-dated"),
    "an agreement that was over at once": (around(PROPOSAL, vt="2026-03-01T00:00:00Z"), "ended before"),
    "an acceptance after expiry": (
        both(
            around(PROPOSAL, vt="2026-03-02T00:00:00Z"),
            lambda all_of: [
                one.update(rt=one["rt"].replace("2026-03-01", "2026-03-03")) for one in all_of[PROPOSED + 1 :]
            ],
        ),
        "had expired",
    ),
    "a counter to nothing": (around(PROPOSAL, refs=[3]), "answers no proposal"),
    # releases and exports
    "a release sealed twice": (both(release(), release()), "sealed already"),
    "a release of a period backwards": (release(period_end="2025-12"), "period ends before"),
    "an unknown release retracted": (
        add("release.retracted", release="rel-0000000000000001"),
        "no such release",
    ),
    "an export that ends before it begins": (set_in("export.issued", start=11), "ends before it begins"),
    # disclosures
    "a decision on a root that never was": (set_in(DISCLOSED, basis__root=SHA), "never had"),
    "a decision on what came later": (set_in(DISCLOSED, basis__size=999), "came later"),
    "a decision on itself": (set_in(DISCLOSED, basis__size=24), "came later"),
    "a decision on nothing at all": (set_in(DISCLOSED, basis__size=0), "came later"),
    "a decision on entries beyond its basis": (set_in(DISCLOSED, basis__seqs=[1, 23]), "beyond its basis"),
    "a disclosure on no entry": (set_in(DISCLOSED, basis__seqs=[]), "no entry that it stands on"),
    "a disclosure under no agreement": (set_in(DISCLOSED, agreements=[]), THERE),
    "a disclosure under an unknown agreement": (
        set_in(DISCLOSED, agreements=["agr-ffffffffffffffff"]),
        "unknown agreement",
    ),
    "a disclosure to nobody": (set_in(DISCLOSED, recipient="nobody"), "recipient is not registered"),
    "a disclosure of nobody's data": (set_in(DISCLOSED, controllers=["nobody"]), "not registered"),
    "a disclosure told by another house": (
        around(DISCLOSED, actor={"party": "house-5", "client": "app"}),
        "in the name of another",
    ),
    "a disclosure through another's application": (set_in(DISCLOSED, client="other"), "is another's"),
    "a disclosure to who was to get nothing": (
        both(
            add("scope.granted", client="app-0", party="house-0", kind="institution_app", scopes=[]),
            lambda all_of: add(
                DISCLOSED, **{**body(all_of, DISCLOSED), "recipient": "house-0", "client": "app-0"}
            )(all_of),
        ),
        "gives its recipient nothing",
    ),
    "a disclosure of who was to give nothing": (
        set_in(DISCLOSED, controllers=["house-0", "house-5"]),
        "was to give nothing",
    ),
    "a disclosure for another purpose": (
        set_in(DISCLOSED, purposes=["research"]),
        "purposes were not agreed",
    ),
    "a disclosure of another group": (set_in(DISCLOSED, groups=["base", "spend"]), "groups were not agreed"),
    "a disclosure finer than agreed": (set_in(DISCLOSED, granularity="REFERENCE"), "finer"),
    "a disclosure before all had accepted": (set_in(DISCLOSED, basis__size=18), "did not stand then"),
    "a disclosure after the end": (
        moved(ending("ended"), 22),
        "did not stand then",
    ),
    "a disclosure long after the end, on what was before": (
        both(moved(ending("ended"), 23), later(121)),
        "ended since, longer ago than a request lives",
    ),
    "a disclosure long after its house left": (
        both(moved(add("party.closed", party="house-0"), 23), later(121)),
        "ended since, longer ago than a request lives",
    ),
    "a disclosure long after its application was blocked": (
        both(moved(add("scope.revoked", client="app", party="bureau"), 23), later(121)),
        "ended since, longer ago than a request lives",
    ),
    "a disclosure to a blocked application": (
        moved(add("scope.revoked", client="app", party="bureau"), 22),
        "application had been revoked",
    ),
    "a disclosure of a house that had left": (
        both(moved(add("party.closed", party="house-0"), 23), set_in(DISCLOSED, basis__size=24)),
        "that it names had left",
    ),
    "a disclosure under what had expired": (
        both(around(PROPOSAL, vt="2026-03-01T12:30:20Z"), later(126)),
        "had expired",
    ),
    "a disclosure under what had not begun": (around(PROPOSAL, vf="2026-04-01T00:00:00Z"), "had not begun"),
    # nobody speaks for another
    **{
        f"{kind} said by another house": (
            add(kind, by="house-5", **says),
            "in the name of another",
        )
        for kind, says in (
            ("party.closed", {"party": "house-0"}),
            ("scope.granted", {"client": "more", "party": "house-0", "kind": "partner", "scopes": []}),
            ("scope.revoked", {"client": "app", "party": "bureau"}),
            ("export.issued", {"recipient": "house-0", "client": "app", "start": 0, "stop": 1}),
        )
    },
    "a consent told by another house": (
        around("consent.granted", actor={"party": "house-5", "client": "app"}),
        "in the name of another",
    ),
    "an import told by another house": (
        both(brought(), lambda all_of: all_of[-1].update(actor={"party": "house-5", "client": "app"})),
        "in the name of another",
    ),
    "a purpose published by a house": (
        around("purpose.published", actor={"party": "house-5", "client": "app"}),
        "make the common rules",
    ),
    "a release sealed by a house": (
        both(release(), lambda all_of: all_of[-1].update(actor={"party": "house-5", "client": "app"})),
        "only the platform says so",
    ),
    "an export far beyond the ledger": (set_in("export.issued", stop=70_000), "far beyond the ledger"),
    "an acceptance of who had left": (
        moved(add("party.closed", party="house-0"), PROPOSED + 1),
        "who accepts is no member",
    ),
}


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_a_true_signature_over_what_cannot_be_is_refused(
    folder: Path, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    change, expected = IMPOSSIBLE[what]
    edit(folder, change)
    assert expected in reason(capsys, str(folder))


POSSIBLE: dict[str, Callable[[Entries], object]] = {
    "nothing": lambda _: None,
    "an ending": ending("ended"),
    "an acceptance spoken by the party itself": around(ACCEPTED, actor={"party": "bureau", "client": "app"}),
    "a notice, and a consent under it": both(
        notice(),
        lambda all_of: add(
            "consent.granted",
            **{**body(all_of, "consent.granted"), "notice": "visitors", "notice_version": 1},
        )(all_of),
    ),
    "a basis": basis(),
    "an import": brought(),
    "a release, retracted": both(release(), add("release.retracted", release="rel-0000000000000001")),
    "the application blocked": add("scope.revoked", client="app", party="bureau"),
    "the same key of two applications": (
        lambda all_of: all_of[-1].update(
            actor={"party": "platform", "client": "other"}, idem="ledger.created"
        )
    ),
    "a disclosure decided just before the end": moved(ending("ended"), 23),
    "a disclosure of two minutes, decided just before the end": both(moved(ending("ended"), 23), later(120)),
    "a purpose published by a steward": both(
        add("party.registered", party="watch", kind="steward", organisation="watch", sandbox=True),
        add(
            "purpose.published",
            by="watch",
            purpose="research",
            version=1,
            text_sha256=SHA,
            bases=["eu-gdpr:A6-1-a"],
            high_risk=False,
        ),
    ),
}


@pytest.mark.parametrize("what", POSSIBLE)
def test_what_can_be_holds_when_it_is_forced_in_the_same_way(folder: Path, what: str) -> None:
    """So that the refusals above are due to what was edited, and to nothing else."""
    edit(folder, POSSIBLE[what])
    assert verify.verify(folder).size >= 25


# What cannot be told: entries of a later version


@pytest.mark.parametrize("kind", ["witness.changed", "agreement.accepted/3", "consent.inherited"])
def test_behind_an_unknown_type_nothing_is_told_of_what_stands(
    folder: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not even what could be known: the acceptance behind it has no proposal that this version could read."""
    edit(folder, around(PROPOSAL, type=kind))
    assert main([str(folder)]) == 1
    said = capsys.readouterr().out
    assert said.startswith("cannot be told: 25 lines, their root and its signature hold, but entry 16 is of ")
    assert f"{kind}, a type that this version does not know" in said
    assert said.count("\n") == 1


def test_an_unknown_type_hides_no_tampering(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(folder, around(PROPOSAL, type="witness.changed"))
    signed = (folder / "checkpoint").read_bytes()
    edit(folder, both(around("witness.changed", body={}), set_in(ACCEPTED, assurance="he nodded")))
    assert THERE in reason(capsys, str(folder))
    edit(folder, set_in(ACCEPTED, assurance="passkey"))
    (folder / "checkpoint").write_bytes(signed)
    assert "do not give the root" in reason(capsys, str(folder))


# Over HTTP


class Served:
    """A server that gives whatever it was told to."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.location: str | None = None


@contextmanager
def serving(served: Served) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append((self.path, self.headers.get("Authorization")))
            status, answer = served.answers.get(self.path.partition("?")[0], (404, b""))
            self.send_response(status)
            if served.location is not None:
                self.send_header("Location", served.location)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def served(exported: Path) -> Served:
    made = Served()
    for name, path in (("checkpoint", "checkpoint"), ("key", "key"), ("export.jsonl", "export.jsonl")):
        made.answers[f"/ledger/{path}"] = (200, (exported / name).read_bytes())
    return made


def test_a_server_is_verified_up_to_its_checkpoint_with_the_token(served: Served, exported: Path) -> None:
    # an entry more arrived between the two requests
    more = served.answers["/ledger/export.jsonl"][1] + b'{"new":1}\n'
    served.answers["/ledger/export.jsonl"] = (200, more)
    with serving(served) as address:
        report = verify.verify(f"{address}/", token="t0ken")
        assert report == verify.verify(exported)
        assert {token for _, token in served.asked} == {"Bearer t0ken"}
        assert ("/ledger/export.jsonl?start=0&stop=25", "Bearer t0ken") in served.asked


def test_a_server_without_key_needs_one_from_elsewhere(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    del served.answers["/ledger/key"]
    with serving(served) as address:
        assert "no verifier key" in reason(capsys, address)
        assert main([address, "--key", SIGNER.verifier_key]) == 0


def test_a_server_that_fails_gets_a_reason(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(served) as address:
        served.answers["/ledger/export.jsonl"] = (200, b"")
        assert "ends after 0" in reason(capsys, address)
        served.answers["/ledger/export.jsonl"] = (403, b"")
        assert "answered 403" in reason(capsys, address)
        served.answers["/ledger/checkpoint"] = (200, b"\xff\xfe")
        assert "not text" in reason(capsys, address)
    assert "cannot be reached" in reason(capsys, address)


def test_a_redirect_never_carries_the_token_away(served: Served) -> None:
    elsewhere = Served()
    with serving(served) as address, serving(elsewhere) as other:
        served.answers = {"/ledger/checkpoint": (302, b"")}
        served.location = f"{other}/ledger/checkpoint"
        with pytest.raises(Refused, match="302"):
            verify.verify(address, token="t0ken")
    assert elsewhere.asked == []


# The export


def test_the_zip_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    with sqlite_place(tmp_path) as place:
        ledger = place.create()
        ledger.append(registered("house-a"))
        made = [io.BytesIO(), io.BytesIO()]
        for file in made:
            export.archive(ledger, place.engine, file)
    assert made[0].getvalue() == made[1].getvalue()


# What a quick reader takes, the thorough one takes alike


def test_every_line_is_read_alike_in_both_ways(exported: Path) -> None:
    quickly = 0
    for seq, written in enumerate(lines(exported)):
        text = written[:-1].decode()
        kind = json.loads(text)["type"]
        reader = verify_line._QUICK[kind]
        found = None if reader is None else reader(text)
        thorough = verify_line._parsed(text, seq)
        assert verify_line.read(written[:-1], seq) == thorough
        if found is not None:
            assert found == thorough
            quickly += 1
    assert quickly > 15


def test_whatever_the_quick_reader_takes_is_what_the_thorough_one_takes() -> None:
    """Each flat type, changed at random: what matches is canonical, and says the same."""
    dice = random.Random(11)
    taken = refused = 0
    for kind in sorted(verify_bodies.BODIES):
        reader = verify_line._QUICK[kind]
        if reader is None:
            continue
        body_of_it = dict(BODIES[EntryType(kind)])
        when = "2026-03-01" if verify_bodies.is_personal(kind) else "2026-03-01T23:59:59Z"
        entry = {
            "v": verify_line.VERSION,
            "seq": 7,
            "rt": when,
            "type": kind,
            "idem": "a/b",
            "vf": None,
            "vt": None,
        }
        entry |= {"refs": [3], "body": body_of_it, "actor": {"client": "app", "party": "house-0"}}
        right = verify_line.canonical(entry).decode()
        assert reader(right) == verify_line._parsed(right, 7), kind
        for _ in range(300):
            at, signs = dice.randrange(len(right)), '0129afz_-."\\{}[],: \n\x00é٣'
            cut = dice.choice([0, 1, 1])
            changed = right[:at] + dice.choice([*signs, ""]) + right[at + cut :]
            found = reader(changed)
            if found is None:
                refused += 1
                continue
            taken += 1
            assert found == verify_line._parsed(changed, 7)
            assert verify_line.canonical(json.loads(changed)).decode() == changed
    assert taken > 500
    assert refused > 1_000


# A token that others do not see


def test_a_token_comes_from_a_file_or_the_environment_too(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("from-file\n", encoding="utf-8")
    with serving(served) as address:
        assert main([address, "--token-file", str(tmp_path / "token")]) == 0
        assert {token for _, token in served.asked} == {"Bearer from-file"}
        served.asked.clear()
        monkeypatch.setenv("CULTUURINZICHT_TOKEN", "from-environment")
        assert main([address]) == 0
        assert {token for _, token in served.asked} == {"Bearer from-environment"}
        served.asked.clear()
        assert main([address, "--token", "given"]) == 0
        assert {token for _, token in served.asked} == {"Bearer given"}


def test_without_a_token_the_reason_says_how_to_give_one(
    served: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CULTUURINZICHT_TOKEN", raising=False)
    served.answers["/ledger/export.jsonl"] = (401, b"")
    with serving(served) as address:
        assert "give --token-file" in reason(capsys, address)
        assert "may have expired" in reason(capsys, address, "--token", "old")
        served.answers["/ledger/export.jsonl"] = (403, b"")
        assert "has not the scope ledger:export" in reason(capsys, address, "--token", "other")


def test_with_a_policy_a_server_is_asked_for_the_cosigned_checkpoint(
    served: Served, exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    witness = Cosigner("museum.example/w", key(9))
    note = (exported / "checkpoint").read_text(encoding="utf-8")
    text = note.partition("\n\n")[0] + "\n"
    cosigned = note + str(witness.cosign(text, time=int(time.time())))
    policy = tmp_path / "policy"
    policy.write_text(f"witness museum {witness.verifier_key}\nquorum museum\n", encoding="utf-8")
    served.answers["/ledger/checkpoint/cosigned"] = (200, cosigned.encode())
    with serving(served) as address:
        assert main([address, "--policy", str(policy), "--max-age", "1h"]) == 0
        assert "co-signed by museum" in capsys.readouterr().out
        assert "/ledger/checkpoint" not in {path for path, _ in served.asked}
        served.answers["/ledger/checkpoint/cosigned"] = (200, note.encode())
        assert "not co-signed by a quorum" in reason(capsys, address, "--policy", str(policy))
        del served.answers["/ledger/checkpoint/cosigned"]
        assert "404 for /ledger/checkpoint/cosigned" in reason(capsys, address, "--policy", str(policy))
