"""The offline verifier: what holds is said, whatever does not hold gets one plain reason."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import random
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from consent_ledger import export, verify
from consent_ledger.checkpoint import Signer
from consent_ledger.database import reading
from consent_ledger.entry import Draft, EntryType, canonical
from consent_ledger.log import Ledger
from consent_ledger.tree import Tree, leaf_hash
from consent_ledger.verify import Refused, main
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

SCRIPT = Path(verify.__file__)
SIGNER = Signer(ORIGIN, key())
AGREEMENT = "agr-0000000000000001"
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


def draft(kind: EntryType, idem: str, **body: object) -> Draft:
    return Draft(kind, OPERATOR, idem, body)  # type: ignore[arg-type]  # plain JSON


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
        persons=40,
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
                            agreement=AGREEMENT,
                            party=party,
                            assurance="operator_attested",
                            terms_sha256=digest,
                        ),
                        None,
                    )
                    for party in ("bureau", "house-0")
                ),
                *((granted("house-0", f"{n:016x}"), None) for n in range(5)),
            ]
        )
        ledger.append(disclosed(ledger, place, "disclose-1"))
        ledger.append(issued("export", 10))
        with reading(place.engine) as connection:
            export.write(ledger, connection, folder / "export")
            with (folder / "export.zip").open("wb") as file:
                export.archive(ledger, connection, file)
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
    """The operator lies: a true signature over whatever stands there now."""
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
    assert (report.origin, report.size, report.is_sandbox, report.unknown) == (ORIGIN, 25, True, 0)


def test_it_runs_as_a_single_file_without_our_packages(exported: Path, tmp_path: Path) -> None:
    """As an auditor carries it: copied away, isolated, from another folder."""
    carried = tmp_path / "verify.py"
    shutil.copy(SCRIPT, carried)
    ran = subprocess.run(
        [sys.executable, "-I", "-W", "error", str(carried), str(exported)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "holds: 25 entries" in ran.stdout


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


def test_entries_of_an_unknown_type_are_in_place_but_not_understood(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    all_lines = lines(folder)
    entry = json.loads(all_lines[-1])
    entry["type"] = "witness.changed"
    all_lines[-1] = canonical(entry) + b"\n"
    write(folder, all_lines)
    resign(folder)
    assert main([str(folder)]) == 0
    assert "1 entries are of types that this version does not know" in capsys.readouterr().out


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
    "half a surrogate": (lambda all_lines: [b'{"v":"\\ud800"}\n', *all_lines[1:]], "not JSON"),
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
    for place in range(0, len(whole), 11):
        changed = bytearray(whole)
        changed[place] ^= 0x41
        spoiled.write_bytes(changed)
        try:
            assert verify.verify(spoiled) == right
        except Refused:
            refused += 1
    assert refused > len(whole) // 11 * 0.7
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


def edit(folder: Path, change: Callable[[list[dict[str, object]]], None]) -> None:
    entries = [json.loads(line) for line in lines(folder)]
    change(entries)
    for seq, entry in enumerate(entries):
        entry["seq"] = seq
    write(folder, [canonical(entry) + b"\n" for entry in entries])
    resign(folder)


def find(entries: list[dict[str, object]], kind: str) -> dict[str, object]:
    return next(entry for entry in entries if entry["type"] == kind)


def body(entries: list[dict[str, object]], kind: str) -> dict[str, object]:
    found = find(entries, kind)["body"]
    assert isinstance(found, dict)
    return found


IMPOSSIBLE: dict[str, tuple[Callable[[list[dict[str, object]]], None], str]] = {
    "an acceptance without proposal": (
        lambda all_of: all_of.remove(find(all_of, "agreement.proposed")),
        "nobody proposed",
    ),
    "other terms accepted": (
        lambda all_of: body(all_of, "agreement.accepted").update(terms_sha256=SHA),
        "not what was proposed",
    ),
    "terms that are not those hashed": (
        lambda all_of: body(all_of, "agreement.proposed")["terms"].update(minimum_group=1),  # type: ignore[attr-defined]
        "not those that were hashed",
    ),
    "a stranger accepting": (
        lambda all_of: body(all_of, "agreement.accepted").update(party="house-5"),
        "no party to the agreement",
    ),
    "a second creation": (
        lambda all_of: all_of.append(json.loads(json.dumps(all_of[0]))),
        "created by its first entry",
    ),
    "no creation": (lambda all_of: all_of.__delitem__(0), "created by its first entry"),
    "time going back": (
        lambda all_of: all_of[-1].update(rt="2025-01-01T00:00:00Z"),
        "recorded before",
    ),
    "a time on a person's entry": (
        lambda all_of: find(all_of, "consent.granted").update(rt="2026-03-01T12:30:15Z"),
        "more or less exactly",
    ),
    "a day that is none": (lambda all_of: all_of[-1].update(rt="2026-02-30T00:00:00Z"), "no time"),
    "an organisation registered twice": (
        lambda all_of: all_of.append({**all_of[1], "rt": all_of[-1]["rt"]}),
        "registered already",
    ),
    "an actor nobody knows": (
        lambda all_of: all_of[-1].update(actor={"client": "app", "party": "nobody"}),
        "no member",
    ),
    "a decision on a root that never was": (
        lambda all_of: body(all_of, "disclosure.recorded")["basis"].update(root=SHA),  # type: ignore[attr-defined]
        "never had",
    ),
    "a decision on what came later": (
        lambda all_of: body(all_of, "disclosure.recorded")["basis"].update(size=999),  # type: ignore[attr-defined]
        "came later",
    ),
    "a disclosure under no agreement": (
        lambda all_of: body(all_of, "disclosure.recorded").update(agreements=["agr-ffffffffffffffff"]),
        "unknown agreement",
    ),
    "free text in a body": (
        lambda all_of: body(all_of, "party.registered").update(note="hello"),
        "more or less than its type",
    ),
    "a list where a name should be": (
        lambda all_of: body(all_of, "party.registered").update(party=[]),
        "not formed",
    ),
    "terms that are a number": (
        lambda all_of: body(all_of, "agreement.proposed").update(terms=1),
        "not formed",
    ),
    "a reference forward": (lambda all_of: all_of[3].update(refs=[20]), "not an earlier entry"),
    "an actor that is a text": (lambda all_of: all_of[3].update(actor="platform"), "not formed"),
    "another version": (lambda all_of: all_of[3].update(v="cultuurinzicht/entry/2"), "version"),
    "a type that is a list": (lambda all_of: all_of[3].update(type=["party.registered"]), "not formed"),
    "a time that is a number": (lambda all_of: all_of[3].update(rt=20260301), "no time"),
}


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_a_true_signature_over_what_cannot_be_is_refused(
    folder: Path, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    change, expected = IMPOSSIBLE[what]
    edit(folder, change)
    assert expected in reason(capsys, str(folder))


def test_editing_nothing_still_holds(folder: Path) -> None:
    """So that the refusals above are due to what was edited."""
    edit(folder, lambda _: None)
    assert verify.verify(folder).size == 25


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
            with reading(place.engine) as connection:
                export.archive(ledger, connection, file)
    assert made[0].getvalue() == made[1].getvalue()
