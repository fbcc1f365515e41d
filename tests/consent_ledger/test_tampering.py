"""
Everything that somebody could do to an export, in both layouts: each is found, with one plain reason.

A real ledger is exported once, then spoiled in more than a hundred ways: by somebody without the key, by the
operator who signs the lie, by an operator who shows two ledgers, by a witness or a house that is impersonated.
"""

from __future__ import annotations

import base64
import io
import json
import random
import shutil
import struct
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent_ledger import export
from consent_ledger.checkpoint import Signer
from consent_ledger.cosigning import Cosigner
from consent_ledger.database import reading
from consent_ledger.entry import EntryType, canonical
from consent_ledger.passkeys import Assertion, acceptance_challenge, key_challenge
from consent_ledger.tree import Tree, leaf_hash
from consent_ledger.verify import main
from consent_ledger.verify.tiles import path
from tests.consent_ledger.authenticator import Authenticator
from tests.consent_ledger.ledgers import ORIGIN, SHA, issued, key, purpose, registered, sqlite_place
from tests.consent_ledger.test_verify import SIGNER, TERMS, draft, terms_sha256

NOW = 1_790_000_000
AGREEMENT, OTHER = "agr-0000000000000001", "agr-0000000000000002"
KEYS = {name: f"key-{number:016x}" for number, name in enumerate(["old", "house", "bureau", "platform"], 1)}
PASSKEYS = {name: Authenticator.make("EdDSA" if name == "old" else "ES256") for name in KEYS}
WITNESSES = {
    name: Cosigner(f"{name}.example/w", Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))
    for number, name in enumerate(["museum", "theatre", "library"], 70)
}
PREVIEW = sha256(b"what the house was shown").hexdigest()
EARLY = 260
"""The size of the checkpoint that somebody kept."""


def told_key(name: str, party: str) -> dict[str, str]:
    passkey = PASSKEYS[name]
    told = {"party": party, "key": KEYS[name], "algorithm": passkey.algorithm, "rp_id": passkey.rp_id}
    return told | {"public_key": passkey.public_key.hex()}


def over_key(told: dict[str, str]) -> bytes:
    rest = {name: told[name] for name in ("party", "key", "algorithm", "rp_id")}
    return key_challenge(ledger=ORIGIN, public_key_hex=told["public_key"], **rest)


def key_registered(name: str, party: str, approved_by: str | None = None) -> Any:
    told = told_key(name, party)
    possession = PASSKEYS[name].sign(over_key(told), key=KEYS[name]).body()
    approval = None
    if approved_by is not None:
        approval = PASSKEYS[approved_by].sign(over_key(told), key=KEYS[approved_by]).body()
    body = {**told, "possession": possession, "approval": approval}
    return draft(EntryType.KEY_REGISTERED, f"key-{name}", **body)


def signature(name: str, party: str, agreement: str = AGREEMENT, **changes: Any) -> Assertion:
    told = {"agreement": agreement, "terms_sha256": terms_sha256(), "preview_sha256": PREVIEW}
    signing = {one: changes.pop(one) for one in ("flags", "members", "rp_id", "key") if one in changes}
    over = acceptance_challenge(**{"ledger": ORIGIN, "party": party, **told, **changes})
    return PASSKEYS[name].sign(over, **{"key": KEYS[name], **signing})


def signed_body(name: str, party: str, agreement: str = AGREEMENT, **changes: Any) -> dict[str, Any]:
    told = {"agreement": agreement, "party": party, "terms_sha256": terms_sha256(), "preview_sha256": PREVIEW}
    return {**told, "assertion": signature(name, party, agreement, **changes).body()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export, the checkpoint of an earlier day, a proof, receipts, a policy."""
    folder = tmp_path_factory.mktemp("tampering")
    proposal = {"package": "research", "proposer": "bureau", "terms_sha256": terms_sha256(), "terms": TERMS}
    with sqlite_place(folder) as place:
        ledger = place.create()
        ledger.append_all(
            [
                (registered("house-0"), None),
                (registered("bureau", kind="partner"), None),
                (purpose(), None),
                (key_registered("old", "house-0"), None),
                (key_registered("house", "house-0", "old"), None),
                (draft(EntryType.KEY_RETIRED, "gone", party="house-0", key=KEYS["old"], cause="lost"), None),
                (key_registered("bureau", "bureau"), None),
                (draft(EntryType.AGREEMENT_PROPOSED, "one", agreement=AGREEMENT, **proposal), None),
                (draft(EntryType.AGREEMENT_PROPOSED, "two", agreement=OTHER, **proposal), None),
                (draft(EntryType.AGREEMENT_SIGNED, "yes", (8,), **signed_body("house", "house-0")), None),
                (draft(EntryType.AGREEMENT_SIGNED, "also", (8,), **signed_body("bureau", "bureau")), None),
                *((issued(f"export-{n}", n), None) for n in range(EARLY - 12)),
            ]
        )
        with reading(place.engine) as connection:
            (folder / "early").write_text(ledger.checkpoint(connection), encoding="utf-8")
        ledger.append_all([(issued(f"later-{n}", n), None) for n in range(40)])
        export.write(ledger, place.engine, folder / "export")
        with reading(place.engine) as connection:
            proof = ledger.proof(connection, 10)
    shutil.copy(folder / "export" / "export.jsonl", folder / "lines")
    line = lines_of(folder)[10]
    (folder / "one.tlog-proof").write_text(proof, encoding="utf-8")
    (folder / "one.entry").write_bytes(line)
    receipt = {"position": 10, "entry": line.decode(), "proof": proof}
    (folder / "receipts.json").write_text(json.dumps([receipt, receipt]), encoding="utf-8")
    (folder / "policy").write_text(POLICY, encoding="utf-8")
    with (folder / "export" / "checkpoint").open("a", encoding="utf-8") as note:
        note.write(cosigned(folder / "export", "museum", "theatre"))
    return folder


POLICY = "".join(
    [
        f"log {SIGNER.verifier_key}\n",
        *(f"witness {name} {one.verifier_key}\n" for name, one in WITNESSES.items()),
        "group sector 2 museum theatre library\nquorum sector\n",
    ]
)


def text_of(folder: Path) -> str:
    return (folder / "checkpoint").read_text(encoding="utf-8").partition("\n\n")[0] + "\n"


def cosigned(folder: Path, *names: str, time: int = NOW - 60) -> str:
    return "".join(str(WITNESSES[name].cosign(text_of(folder), time=time)) for name in names)


# How it is spoiled


@dataclass(frozen=True)
class Case:
    """A change in one folder; the arguments with which it is verified; what the reason says."""

    change: Callable[[Path], object]
    says: str
    options: Sequence[str] = ()
    target: str = "export"


def lines_of(folder: Path) -> list[bytes]:
    return (folder / "lines").read_bytes().split(b"\n")[:-1]


def only_lines(folder: Path) -> None:
    shutil.rmtree(folder / "export" / "tile")


def only_tiles(folder: Path) -> None:
    (folder / "export" / "export.jsonl").unlink()


def written(folder: Path, lines: list[bytes], signer: Signer | None = None) -> None:
    """The whole export anew, in the layouts that are there; with a signer also its checkpoint."""
    target = folder / "export"
    tree = Tree()
    for line in lines:
        tree.append(leaf_hash(line))
    if (target / "export.jsonl").exists():
        (target / "export.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    if (target / "tile").exists():
        shutil.rmtree(target / "tile")
        for start in range(0, len(lines), 256):
            part = lines[start : start + 256]
            put(
                target,
                path(-1, start // 256, len(part)),
                b"".join(struct.pack(">H", len(x)) + x for x in part),
            )
            put(target, path(0, start // 256, len(part)), b"".join(map(leaf_hash, part)))
        if len(lines) >= 256:
            put(target, path(1, 0, len(lines) // 256), tree.root(256))
    if signer is not None:
        (target / "checkpoint").write_text(signer.sign(tree.size, tree.root()), encoding="utf-8")
        (target / "key").write_text(f"{signer.verifier_key}\n", encoding="utf-8")


def put(folder: Path, name: str, data: bytes) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def then(*changes: Callable[[Path], object]) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        for one in changes:
            one(folder)

    return change


def lines(
    change: Callable[[list[bytes]], list[bytes]], signer: Signer | None = None
) -> Callable[[Path], None]:
    return lambda folder: written(folder, change(lines_of(folder)), signer)


def told(change: Callable[[list[dict[str, Any]]], object]) -> Callable[[Path], None]:
    """The operator lies and signs: what the entries say is changed, positions and signature fit."""

    def rewritten(folder: Path) -> None:
        entries = [json.loads(line) for line in lines_of(folder)]
        change(entries)
        for seq, entry in enumerate(entries):
            entry["seq"] = seq
        written(folder, [canonical(entry) for entry in entries], SIGNER)

    return rewritten


def file(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def changed(folder: Path) -> None:
        place = folder / "export" / name
        place.write_bytes(change(place.read_bytes()))

    return changed


def gone(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / "export" / name).unlink()


def added(name: str, data: bytes) -> Callable[[Path], None]:
    return lambda folder: put(folder / "export", name, data)


def flipped(at: int) -> Callable[[bytes], bytes]:
    def flip(data: bytes) -> bytes:
        place = at % len(data)
        return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]

    return flip


def swapped(one: int, two: int) -> Callable[[list[bytes]], list[bytes]]:
    def swap(all_lines: list[bytes]) -> list[bytes]:
        all_lines[one], all_lines[two] = all_lines[two], all_lines[one]
        return all_lines

    return swap


def note(change: Callable[[str], str]) -> Callable[[Path], None]:
    return file("checkpoint", lambda data: change(data.decode()).encode())


def body_of(entries: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    found: dict[str, Any] = next(entry["body"] for entry in entries if entry["type"] == kind)
    return found


FLAT, TILED = ("lines", only_lines), ("tiles", only_tiles)
SIGNED = "agreement.accepted/2"
KEY = ("--key", SIGNER.verifier_key)
ASKED = ("--policy", "{}/policy")
SINCE = ("--since", "{}/early")
FOREIGN = Signer(ORIGIN, key(2))
ELSEWHERE = Signer("elsewhere.example/ledger", key())
ENTRIES, PART = "tile/entries/000", "tile/entries/001.p/44"
CASES: dict[str, Case] = {}

# 1: bytes, lines and places, without the key
for layout, only in (FLAT, TILED):
    for name, change in {
        "a dropped line": lambda all_lines: all_lines[:70] + all_lines[71:],
        "the first line dropped": lambda all_lines: all_lines[1:],
        "the last line dropped": lambda all_lines: all_lines[:-1],
        "the last bundle dropped": lambda all_lines: all_lines[:256],
        "a line twice": lambda all_lines: [*all_lines[:70], *all_lines[69:]],
        "two neighbours swapped": swapped(70, 71),
        "two far ones swapped": swapped(20, 280),
        "a line added": lambda all_lines: [*all_lines, all_lines[-1].replace(b'"seq":299', b'"seq":300')],
        "a line put between": lambda all_lines: [*all_lines[:70], b"{}", *all_lines[70:]],
        "an empty line": lambda all_lines: [*all_lines[:70], b"", *all_lines[70:]],
        "a changed word": lambda all_lines: [all_lines[0].replace(b"true", b"false"), *all_lines[1:]],
        "a changed number": lambda all_lines: [
            *all_lines[:-1],
            all_lines[-1].replace(b'"stop":39', b'"stop":3'),
        ],
        "a space": lambda all_lines: [all_lines[0].replace(b":", b": ", 1), *all_lines[1:]],
        "a null byte": lambda all_lines: [*all_lines[:70], all_lines[70] + b"\0", *all_lines[71:]],
        "another day": lambda all_lines: [
            *all_lines[:-1],
            all_lines[-1].replace(b"2026-03-01", b"2026-03-02"),
        ],
        "a line of 65,536 bytes": lambda all_lines: [
            all_lines[0][:-1] + b" " * 60_000 + b"}",
            *all_lines[1:],
        ],
        "nothing at all": lambda _: [],
    }.items():
        CASES[f"{name}, as {layout}"] = Case(then(only, lines(change)), "")

for at in range(0, 60_000, 1_500):
    CASES[f"byte {at} of the lines flipped"] = Case(then(only_lines, file("export.jsonl", flipped(at))), "")
for at in (0, 1, 2, 300, 5_001, 60_000, -1):
    CASES[f"byte {at} of the bundle flipped"] = Case(then(only_tiles, file(ENTRIES, flipped(at))), "")

# 2: the twins, and the hashes
CASES |= {
    "twins that differ in a word": Case(
        file(ENTRIES, lambda x: x.replace(b"partner", b"auditor", 1)), "entries give"
    ),
    "lines that differ from the bundles": Case(
        file("export.jsonl", lambda x: x.replace(b'"stop":7', b'"stop":8', 1)), "do not give the root"
    ),
    "a bundle less": Case(gone(PART), "There is no tile/entries/001.p/44"),
    "a bundle less, and no lines": Case(then(only_tiles, gone(ENTRIES)), "There is no tile/entries/000"),
    "a bundle longer": Case(then(only_tiles, file(PART, lambda x: x + b"\0\2{}")), "There is more in"),
    "a bundle cut": Case(then(only_tiles, file(PART, lambda x: x[:-1])), "break off"),
    "a bundle cut in a length": Case(then(only_tiles, file(PART, lambda x: x[:1])), "break off"),
    "a bundle with a false length": Case(then(only_tiles, file(ENTRIES, lambda x: b"\xff\xff" + x[2:])), ""),
    "a wider bundle beside it": Case(added("tile/entries/001", b"\0\2{}"), "is not what the entries give"),
    "a bundle too many": Case(added("tile/entries/002.p/1", b"\0\2{}"), "commits to 300 entries only"),
    "a tile flipped": Case(file("tile/0/000", flipped(17)), "tile/0/000 is not what the entries give"),
    "a tile flipped, beside bundles": Case(
        then(only_tiles, file("tile/0/001.p/44", flipped(-1))), "is not what the entries give"
    ),
    "a tile cut": Case(file("tile/0/000", lambda x: x[:-32]), "is not what the entries give"),
    "a tile longer": Case(file("tile/0/000", lambda x: x + bytes(32)), "is not what the entries give"),
    "two hashes of a tile swapped": Case(
        file("tile/0/000", lambda x: x[32:64] + x[:32] + x[64:]), "is not what the entries give"
    ),
    "a tile less": Case(gone("tile/0/000"), "There is no tile/0/000"),
    "a tile less above": Case(gone("tile/1/000.p/1"), "There is no tile/1/000.p/1"),
    "a tile above flipped": Case(file("tile/1/000.p/1", flipped(3)), "is not what the entries give"),
    "a tile too many": Case(added("tile/0/002.p/9", bytes(288)), "commits to 300 entries only"),
    "a tile too high": Case(added("tile/2/000.p/1", bytes(32)), "commits to 300 entries only"),
    "a whole tile where a part is": Case(added("tile/0/001", bytes(8_192)), "is not what the entries give"),
    "a false narrower tile": Case(added("tile/0/001.p/7", bytes(224)), "is not what the entries give"),
    "an empty tile": Case(file("tile/0/000", lambda _: b""), "is not what the entries give"),
    "no lines and no bundles": Case(
        then(only_lines, gone("export.jsonl")), "no export.jsonl, and no bundles"
    ),
}

# 3: the note and the key, without the key
CASES |= {
    f"{what} in the note": Case(note(change), says, KEY)
    for what, (change, says) in {
        "one entry more": (lambda x: x.replace("\n300\n", "\n301\n"), "does not fit"),
        "one entry less": (lambda x: x.replace("\n300\n", "\n299\n"), "does not fit"),
        "a zero before the size": (lambda x: x.replace("\n300\n", "\n0300\n"), "number of entries"),
        "a negative size": (lambda x: x.replace("\n300\n", "\n-300\n"), "number of entries"),
        "no size": (lambda x: x.replace("\n300\n", "\n\n"), "three lines"),
        "a size of twenty digits": (lambda x: x.replace("\n300\n", f"\n{'9' * 20}\n"), "number of entries"),
        "another origin": (lambda x: x.replace(ORIGIN, "elsewhere.example/l"), "another ledger"),
        "the root of another tree": (
            lambda x: x.replace(x.split("\n")[2], base64.b64encode(bytes(32)).decode(), 1),
            "does not fit",
        ),
        "a short root": (lambda x: x.replace(x.split("\n")[2], "AAAA", 1), "does not tell the root"),
        "a root that is not base64": (lambda x: x.replace(x.split("\n")[2], "!", 1), "not base64"),
        "a line of extension": (lambda x: x.replace("\n\n", "\nmore\n\n", 1), "three lines"),
        "two blank lines": (lambda x: x.replace("\n\n", "\n\n\n", 1), "no signature"),
        "no blank line": (lambda x: x.replace("\n\n", "\n", 1), "three lines"),
        "no signature": (lambda x: x.partition("\n\n")[0] + "\n\n", "three lines"),
        "a cut last line": (lambda x: x[:-1], "three lines"),
        "a hyphen for the dash": (lambda x: x.replace("—", "-", 1), "no signature"),
        "the signature of another name": (
            lambda x: x.replace(f"— {ORIGIN}", "— elsewhere.example/l"),
            "not signed by this key",
        ),
        "Windows line ends": (lambda x: x.replace("\n", "\r\n"), "three lines"),
        "only cosignatures": (
            lambda x: "\n".join(line for line in x.split("\n") if not line.startswith(f"— {ORIGIN}")),
            "not signed by this key",
        ),
    }.items()
}
CASES |= {
    "no note": Case(gone("checkpoint"), "no checkpoint"),
    "an endless note": Case(note(lambda x: x + "— a AAAA\n" * 9_000), "too long"),
    "no key": Case(gone("key"), "no verifier key"),
    "a key of another name": Case(
        file("key", lambda x: x.replace(b"test.", b"best.")), "does not fit its id"
    ),
    "a witness's key as the log's": Case(
        file("key", lambda _: str(WITNESSES["museum"].verifier_key).encode()), "no Ed25519 key"
    ),
}

# 4: forks, other signers, other origins: truly signed
drop_one = lines(
    lambda x: [
        *x[:40],
        *(y.replace(b'"seq":%d,' % n, b'"seq":%d,' % (n - 1)) for n, y in enumerate(x[41:], 41)),
    ],
    SIGNER,
)
rewrite = told(lambda entries: entries[40]["body"].update(stop=7_777))
for layout, only in (FLAT, TILED):
    CASES |= {
        f"a fork by the same key, seen by an older note, as {layout}": Case(
            then(only, rewrite), "does not go on from the earlier checkpoint", (*KEY, *SINCE)
        ),
        f"a fork that left one out, as {layout}": Case(
            then(only, drop_one), "does not go on from the earlier checkpoint", (*KEY, *SINCE)
        ),
        f"a ledger that was cut, as {layout}": Case(
            then(only, lines(lambda x: x[:200], SIGNER)), "the ledger was cut", (*KEY, *SINCE)
        ),
        f"a fork by the same key, seen by witnesses, as {layout}": Case(
            then(only, rewrite), "not co-signed by a quorum", ASKED
        ),
        f"another key under the same name, as {layout}": Case(
            then(only, lines(lambda x: x, FOREIGN)), "not signed by this key", KEY
        ),
        f"another ledger under another name, as {layout}": Case(
            then(only, lines(lambda x: x, ELSEWHERE)), "created under another origin"
        ),
    }
CASES |= {
    "an older note that somebody else signed": Case(
        lambda folder: (folder / "early").write_text(FOREIGN.sign(5, bytes(32)), encoding="utf-8"),
        "The checkpoint from earlier cannot be used",
        (*KEY, *SINCE),
    ),
    "an older note that is none": Case(
        lambda folder: (folder / "early").write_text("once there were 5", encoding="utf-8"),
        "The checkpoint from earlier cannot be used",
        SINCE,
    ),
    "a forked note of the same size": Case(
        lambda folder: (folder / "early").write_text(SIGNER.sign(300, bytes(32)), encoding="utf-8"),
        "does not go on from the earlier",
        SINCE,
    ),
    "an empty tree with entries": Case(
        lambda folder: (folder / "early").write_text(SIGNER.sign(0, bytes(32)), encoding="utf-8"),
        "does not go on from the earlier",
        SINCE,
    ),
}


# 5: cosignatures and policies


def resealed(*names: str, time: int = NOW - 60, change: Callable[[str], str] = str) -> Callable[[Path], None]:
    """The note with these cosignatures, changed, instead of those there are."""

    def sealed(folder: Path) -> None:
        target = folder / "export"
        own = [
            line for line in (target / "checkpoint").read_text(encoding="utf-8").split("\n") if ORIGIN in line
        ]
        text = text_of(target)
        note = f"{text}\n{own[-1]}\n" + change(cosigned(target, *names, time=time))
        (target / "checkpoint").write_text(note, encoding="utf-8")

    return sealed


def told_time(seconds: int) -> Callable[[str], str]:
    """Another time in front of the same signature."""

    def change(line: str) -> str:
        head, _, blob = line.strip().rpartition(" ")
        data = base64.b64decode(blob)
        return f"{head} {base64.b64encode(data[:4] + struct.pack('>Q', seconds) + data[12:]).decode()}\n"

    return lambda text: "".join(map(change, text.splitlines()))


def under_name(name: str, other: str) -> Callable[[str], str]:
    return lambda text: text.replace(f"— {name}.example", f"— {other}.example")


def policy(change: Callable[[str], str]) -> Callable[[Path], object]:
    return lambda folder: (folder / "policy").write_text(change(POLICY), encoding="utf-8")


MUSEUM = str(WITNESSES["museum"].verifier_key)
POLICED: dict[str, tuple[Callable[[Path], object], str] | tuple[Callable[[Path], object], str, str]] = {
    "no cosignature": (resealed(), "none of them signed"),
    "one of two": (resealed("museum"), "museum signed it"),
    "one of two, twice": (resealed("museum", "museum"), "museum signed it"),
    "one of two, at two times": (
        then(resealed("museum"), lambda f: note(lambda x: x + cosigned(f / "export", "museum", time=5))(f)),
        "museum signed it",
    ),
    "another time": (resealed("museum", "theatre", change=told_time(NOW)), "does not fit the checkpoint"),
    "no time": (resealed("museum", "theatre", change=told_time(0)), "not formed"),
    "a time beyond all": (resealed("museum", "theatre", change=told_time(2**63)), "not formed"),
    "a day ahead": (resealed("museum", "theatre", time=NOW + 86_400), "none of them signed"),
    "too old": (resealed("museum", "theatre", time=NOW - 7_200), "too old", "1h"),
    "one of them too old": (
        then(
            resealed("museum", time=NOW - 7_200),
            lambda f: note(lambda x: x + cosigned(f / "export", "theatre"))(f),
        ),
        "too old",
        "3600",
    ),
    "one under another's name": (
        resealed("museum", "theatre", change=under_name("theatre", "library")),
        "museum signed it",
    ),
    "a cosignature cut": (resealed("museum", change=lambda x: x[:60] + "\n"), ""),
    "a cosignature of another root": (
        resealed("museum", "theatre", change=lambda x: x.replace(x[40:44], "AAAA", 1)),
        "",
    ),
    "no such log": (
        policy(lambda x: x.replace(SIGNER.verifier_key, FOREIGN.verifier_key)),
        "none of the logs",
    ),
    "no quorum line": (policy(lambda x: x.replace("quorum sector\n", "")), "names the quorum"),
    "two quorums": (policy(lambda x: x + "quorum none\n"), "more than one quorum"),
    "an unknown member": (
        policy(lambda x: x.replace("theatre library", "theatre archive")),
        "no line above",
    ),
    "a member twice": (policy(lambda x: x.replace("theatre library", "theatre theatre")), "member twice"),
    "more than there are": (policy(lambda x: x.replace("sector 2", "sector 4")), "between 1 and"),
    "less than one": (policy(lambda x: x.replace("sector 2", "sector 0")), "between 1 and"),
    "a key twice": (policy(lambda x: f"witness again {MUSEUM}\n" + x), "stands there already"),
    "a witness called none": (
        policy(lambda x: x.replace("witness museum", "witness none")),
        "name is taken",
    ),
    "a log's key as a witness's": (policy(lambda x: x.replace(MUSEUM, SIGNER.verifier_key)), "none for"),
    "a word too many": (policy(lambda x: x.replace("quorum sector", "quorum sector 2")), "none of log"),
    "a control sign": (policy(lambda x: x.replace("sector", "sec\0tor")), "no text"),
    "an age that is none": (policy(str), "An age is written", "soon"),
    "no witnesses, and an age": (
        policy(lambda _: f"log {SIGNER.verifier_key}\nquorum none\n"),
        "asks for no cosignature",
        "1h",
    ),
}
CASES |= {
    f"{what}, before a policy": Case(case[0], case[1], (*ASKED, *(f"--max-age={one}" for one in case[2:])))
    for what, case in POLICED.items()
}
CASES["an age without a policy"] = Case(lambda _: None, "asked of a policy", ("--max-age", "1h"))
CASES["a policy that is not there"] = Case(lambda f: (f / "policy").unlink(), "There is no file", ASKED)


# 6: forged acceptances and keys, truly signed by the operator


def accepting(**says: Any) -> Callable[[Path], None]:
    """The acceptance of house-0 says something else."""
    return told(lambda entries: body_of(entries, SIGNED).update(says))


def asserting(assertion: Assertion, **says: Any) -> Callable[[Path], None]:
    return accepting(assertion=assertion.body(), **says)


def edited_key(change: Callable[[list[dict[str, Any]]], object]) -> Callable[[Path], None]:
    return told(change)


def new_entry(kind: str, body: dict[str, Any], refs: Sequence[int] = ()) -> Callable[[Path], None]:
    def change(entries: list[dict[str, Any]]) -> None:
        entries.append({**entries[-1], "type": kind, "idem": "forged", "refs": list(refs), "body": body})

    return told(change)


RIGHT = signature("house", "house-0")
GREASED = {"note": "signed by Jan"}
UNSIGNED = "this house did not sign it"
CASES |= {
    f"{what}, forged": Case(change, says)
    for what, (change, says) in {
        "a key of the operator": (asserting(signature("platform", "house-0")), "no key of this house"),
        "a key of the other party": (asserting(signature("bureau", "house-0")), "no key of this house"),
        "the other party's key as this one": (
            asserting(signature("bureau", "house-0", key=KEYS["house"])),
            "not of this key",
        ),
        "a retired key": (asserting(signature("old", "house-0")), "no key of this house that stands"),
        "other terms signed": (asserting(signature("house", "house-0", terms_sha256=SHA)), "something else"),
        "another preview signed": (
            asserting(signature("house", "house-0", preview_sha256=SHA)),
            "something else",
        ),
        "another preview told": (accepting(preview_sha256=SHA), "something else was signed"),
        "other terms told": (accepting(terms_sha256=SHA), "not what was proposed"),
        "the assertion of another agreement": (
            asserting(signature("house", "house-0", OTHER)),
            "something else",
        ),
        "an assertion replayed": (
            new_entry(SIGNED, {**signed_body("house", "house-0"), "agreement": OTHER}, (9,)),
            "something else was signed",
        ),
        "an assertion for another ledger": (
            asserting(signature("house", "house-0", ledger="elsewhere.example/l")),
            "something else",
        ),
        "an assertion for another party": (asserting(signature("house", "bureau")), "something else"),
        "an assertion that registered a key": (
            asserting(PASSKEYS["house"].sign(over_key(told_key("house", "house-0")), key=KEYS["house"])),
            "something else",
        ),
        "nobody verified": (asserting(signature("house", "house-0", flags=0x01)), "nobody was present"),
        "nobody present": (asserting(signature("house", "house-0", flags=0x04)), "nobody was present"),
        "attested data claimed": (asserting(signature("house", "house-0", flags=0x45)), "another length"),
        "extensions claimed": (asserting(signature("house", "house-0", flags=0x85)), "another length"),
        "backed up and not eligible": (asserting(signature("house", "house-0", flags=0x15)), "contradict"),
        "another site": (
            asserting(signature("house", "house-0", rp_id="example.org")),
            "for another address",
        ),
        "another page": (
            asserting(signature("house", "house-0", members={"origin": "http://localhost.example:8000"})),
            "at another address",
        ),
        "a registration": (
            asserting(signature("house", "house-0", members={"type": "webauthn.create"})),
            "another ceremony",
        ),
        "a framed page": (
            asserting(signature("house", "house-0", members={"crossOrigin": True})),
            "inside another",
        ),
        "free text in the client's data": (
            asserting(signature("house", "house-0", members=GREASED)),
            "not what a browser writes",
        ),
        "a challenge with padding": (
            asserting(
                signature(
                    "house",
                    "house-0",
                    members={"challenge": json.loads(RIGHT.client_data)["challenge"] + "="},
                )
            ),
            "something else",
        ),
        "client's data that are no JSON": (
            asserting(Assertion(RIGHT.key, RIGHT.authenticator_data, b"{", RIGHT.signature)),
            "not what a browser writes",
        ),
        "a member told twice": (
            asserting(
                Assertion(
                    RIGHT.key,
                    RIGHT.authenticator_data,
                    RIGHT.client_data.replace(b"{", b'{"type":"webauthn.get",', 1),
                    RIGHT.signature,
                )
            ),
            "not what a browser writes",
        ),
        "a signature cut": (
            asserting(
                Assertion(RIGHT.key, RIGHT.authenticator_data, RIGHT.client_data, RIGHT.signature[:-1])
            ),
            "not of this key",
        ),
        "a signature over nothing": (
            asserting(Assertion(RIGHT.key, RIGHT.authenticator_data, RIGHT.client_data, b"\0")),
            "not of this key",
        ),
        "no assertion": (
            told(lambda entries: body_of(entries, SIGNED).pop("assertion")),
            "more or less than its type may",
        ),
        "an assertion of null": (accepting(assertion=None), "cannot stand there"),
        "a signature claimed in the first form": (
            new_entry(
                "agreement.accepted",
                {
                    "agreement": OTHER,
                    "party": "bureau",
                    "assurance": "passkey",
                    "terms_sha256": terms_sha256(),
                },
                (9,),
            ),
            "claims a signature",
        ),
        "another public key": (
            told(
                lambda x: body_of(x[5:], "key.registered").update(
                    public_key=told_key("platform", "x")["public_key"]
                )
            ),
            "the key did not prove itself",
        ),
        "a key without approval": (
            told(lambda x: body_of(x[5:], "key.registered").update(approval=None)),
            "the house has a key that stands",
        ),
        "a key approved by itself": (
            told(
                lambda x: body_of(x[5:], "key.registered").update(
                    approval=body_of(x[5:], "key.registered")["possession"]
                )
            ),
            "approved by no key of this house",
        ),
        "a key approved by the other party": (
            new_entry(
                "key.registered",
                {
                    **told_key("platform", "house-0"),
                    "possession": PASSKEYS["platform"]
                    .sign(over_key(told_key("platform", "house-0")), key=KEYS["platform"])
                    .body(),
                    "approval": PASSKEYS["bureau"]
                    .sign(over_key(told_key("platform", "house-0")), key=KEYS["bureau"])
                    .body(),
                },
            ),
            "approved by no key of this house",
        ),
        "a key registered twice": (
            told(
                lambda x: x.append({**x[-1], "idem": "again", "type": "key.registered", "body": x[7]["body"]})
            ),
            "registered already",
        ),
        "a key retired by another house": (
            told(lambda x: x[6].update(actor={"party": "bureau", "client": "app"})),
            "in the name of another",
        ),
        "a key retired twice": (
            told(lambda x: x.append({**x[-1], "idem": "again", "type": "key.retired", "body": x[6]["body"]})),
            "no such key that stands",
        ),
    }.items()
}


# 7: zips


def zipped(folder: Path, change: Callable[[zipfile.ZipFile], object] = lambda _: None) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in sorted((folder / "export").rglob("*")):
            if one.is_file():
                archive.write(one, one.relative_to(folder / "export").as_posix())
        change(archive)
    return made.getvalue()


def archive(change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda folder: (folder / "export.zip").write_bytes(change(zipped(folder)))


def doubled(name: str) -> Callable[[Path], object]:
    def twice(folder: Path) -> None:
        with pytest.warns(UserWarning, match="Duplicate"):
            made = zipped(folder, lambda archive: archive.writestr(name, b"1"))
        (folder / "export.zip").write_bytes(made)

    return twice


def bombed(name: str, data: bytes) -> Callable[[Path], object]:
    def bomb(folder: Path) -> None:
        (folder / "export" / name).unlink()
        (folder / "export.zip").write_bytes(zipped(folder, lambda archive: archive.writestr(name, data)))

    return bomb


def cut(part: int) -> Callable[[bytes], bytes]:
    return lambda data: data[: len(data) // part - 1]


for part in (1, 2, 3, 5, 9, 20):
    CASES[f"a zip cut to 1/{part}, less a byte"] = Case(archive(cut(part)), "", (), "export.zip")
for name in ("export.jsonl", "checkpoint", "key", "tile/0/000", "tile/entries/000"):
    CASES[f"a zip with {name} twice"] = Case(doubled(name), "more than once", (), "export.zip")
CASES |= {
    f"a zip {what}": Case(change, says, (), "export.zip")
    for what, (change, says) in {
        "that is empty": (archive(lambda _: b""), "neither"),
        "of zeros": (archive(lambda _: bytes(4_096)), "neither"),
        "of chance": (archive(lambda _: random.Random(5).randbytes(9_000)), "neither"),
        "without a directory": (archive(lambda x: x[: x.rindex(b"PK\1\2")]), ""),
        "that hides its first member": (
            archive(lambda x: x.replace(b"checkpoint", b"checkpaint")),
            "no checkpoint",
        ),
        "with a bomb of one line": (bombed("export.jsonl", b"a" * 40_000_000), "too long"),
        "with a bomb of lines": (bombed("export.jsonl", b"\n" * 20_000_000), "Line 1 is not JSON"),
        "with a bomb as note": (bombed("checkpoint", b"a" * 40_000_000), "too long"),
        "with a bomb as key": (bombed("key", b"a" * 40_000_000), "too long"),
        "with a bomb as tile": (bombed("tile/0/000", bytes(40_000_000)), "not what the entries give"),
        "with a bomb as bundle": (bombed(ENTRIES, bytes(40_000_000)), "not what the entries give"),
    }.items()
}


# 8: proofs and receipts


def proof(change: Callable[[str], str]) -> Callable[[Path], object]:
    def changed(folder: Path) -> None:
        place = folder / "one.tlog-proof"
        place.write_text(change(place.read_text(encoding="utf-8")), encoding="utf-8")

    return changed


def receipts(change: Callable[[list[Any]], Any]) -> Callable[[Path], object]:
    def changed(folder: Path) -> None:
        place = folder / "receipts.json"
        place.write_text(json.dumps(change(json.loads(place.read_text(encoding="utf-8")))), encoding="utf-8")

    return changed


OF = (*KEY, "--entry", "{}/one.entry")
CASES |= {
    f"a proof with {what}": Case(proof(change), says, OF, "one.tlog-proof")
    for what, (change, says) in {
        "another index": (lambda x: x.replace("index 10\n", "index 11\n"), "another root"),
        "an index beyond": (lambda x: x.replace("index 10\n", "index 300\n"), "outside the tree"),
        "a hash less": (lambda x: "\n".join([*x.split("\n")[:3], *x.split("\n")[4:]]), ""),
        "a hash more": (lambda x: x.replace("\n\n", "\n" + "A" * 43 + "=\n\n", 1), "too long"),
        "a short hash": (lambda x: x.replace(x.split("\n")[2], "AAAA"), "another length"),
        "swapped hashes": (
            lambda x: "\n".join([*x.split("\n")[:2], x.split("\n")[3], x.split("\n")[2], *x.split("\n")[4:]]),
            "another root",
        ),
        "another header": (lambda x: x.replace("@v1", "@v2"), "does not begin"),
        "no index": (lambda x: x.replace("index", "place"), "does not tell the index"),
        "another size": (lambda x: x.replace("\n300\n", "\n301\n"), "does not fit"),
        "another note": (
            lambda x: x.partition("\n\n")[0] + "\n\n" + FOREIGN.sign(300, bytes(32)),
            "not signed",
        ),
        "no note": (lambda x: x.partition("\n\n")[0] + "\n\n", "three lines"),
        "a hundred hashes": (
            lambda x: x.replace("\n\n", "\n" + ("A" * 43 + "=\n") * 100 + "\n", 1),
            "too long",
        ),
    }.items()
}
CASES |= {
    "a proof of another entry": Case(
        lambda f: (f / "one.entry").write_bytes(lines_of(f)[11]), "another root", OF, "one.tlog-proof"
    ),
    "a proof of an endless entry": Case(
        lambda f: (f / "one.entry").write_bytes(b"a" * 70_000), "too long", OF, "one.tlog-proof"
    ),
    "a proof without its entry": Case(lambda _: None, "give it with --entry", KEY, "one.tlog-proof"),
    "a proof without a key": Case(lambda _: None, "no verifier key", OF[2:], "one.tlog-proof"),
    "a proof that nobody co-signed": Case(
        lambda _: None, "none of them signed", (*OF[2:], *ASKED), "one.tlog-proof"
    ),
    "a proof with an older note": Case(lambda _: None, "check an export", (*OF, *SINCE), "one.tlog-proof"),
    "a proof that is no text": Case(
        lambda f: (f / "one.tlog-proof").write_bytes(b"\xff" * 99), "not text", OF, "one.tlog-proof"
    ),
}
CASES |= {
    f"receipts {what}": Case(receipts(change), says, KEY, "receipts.json")
    for what, (change, says) in {
        "with another entry": (lambda x: [x[0], {**x[1], "entry": "{}"}], "Receipt 2 of 2"),
        "with another position": (lambda x: {**x[0], "position": 11}, "another position"),
        "with a position that is true": (lambda x: {**x[0], "position": True}, "another position"),
        "without a proof": (lambda x: {"entry": x[0]["entry"]}, "both as text"),
        "that are numbers": (lambda _: [1], "no object"),
        "that are none": (lambda _: [], "no receipt"),
        "with half a surrogate": (lambda x: {**x[0], "entry": "\ud800"}, "no text"),
    }.items()
}
CASES["receipts that are no JSON"] = Case(
    lambda f: (f / "receipts.json").write_bytes(b"[" * 100_000), "not JSON", KEY, "receipts.json"
)


# What is shown


@pytest.fixture
def copy(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("time.time", lambda: NOW)
    return Path(shutil.copytree(made, tmp_path / "made", ignore=shutil.ignore_patterns("*.db*")))


def run(
    folder: Path, target: str, options: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    code = main([str(folder / target), *(one.format(folder) for one in options)])
    said = capsys.readouterr()
    assert said.err == ""
    return code, said.out


@pytest.mark.parametrize("what", CASES, ids=lambda what: f"1 of {len(CASES)}: {what}")
def test_it_is_found_with_one_plain_reason(copy: Path, what: str, capsys: pytest.CaptureFixture[str]) -> None:
    case = CASES[what]
    case.change(copy)
    code, said = run(copy, case.target, case.options, capsys)
    assert code == 1, said
    assert said.startswith("does not hold: ")
    assert said.count("\n") == 1
    assert "Traceback" not in said
    assert "Error)" not in said or case.says == "", "the reason is no plain one"
    assert case.says in said


def test_there_are_at_least_114_ways() -> None:
    assert len(CASES) >= 114


def test_what_was_not_touched_holds_in_every_form(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """So that each refusal above is due to its change, and to nothing else."""
    (copy / "export.zip").write_bytes(zipped(copy))
    told_all = (*KEY, *ASKED, *SINCE, "--max-age", "1h")
    for target, options in (
        ("export", ()),
        ("export", told_all),
        ("export.zip", told_all),
        ("one.tlog-proof", OF),
        ("receipts.json", KEY),
    ):
        code, said = run(copy, target, options, capsys)
        assert code == 0, said
    for only in (only_lines, only_tiles):
        shutil.copytree(copy / "export", copy / "kept")
        only(copy)
        code, said = run(copy, "export", told_all, capsys)
        assert code == 0, said
        with_enrolled = "(of which 1 with keys that the operator enrolled)"
        assert f"2 signed by the houses themselves {with_enrolled}, 0 attested" in said
        assert "2 enrolled by the operator, for bureau, house-0: ask them whether it was theirs" in said
        assert f"goes on from the checkpoint of {EARLY} entries" in said
        assert "co-signed by museum, theatre; a quorum of the policy, at 2026-09-21" in said
        shutil.rmtree(copy / "export")
        (copy / "kept").rename(copy / "export")


@pytest.mark.parametrize("only", [only_lines, only_tiles])
def test_rewriting_the_same_hides_nothing_and_adds_nothing(
    copy: Path, only: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """A fork that its operator signs is not seen without an older note or witnesses: that is what they are for."""
    only(copy)
    told(lambda _: None)(copy)
    assert run(copy, "export", (*KEY, *SINCE), capsys)[0] == 0
    rewrite(copy)
    assert run(copy, "export", KEY, capsys)[0] == 0


def test_a_key_after_a_loss_is_named(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told_again = told_key("platform", "house-0")
    body = {
        **told_again,
        "possession": PASSKEYS["platform"].sign(over_key(told_again), key=KEYS["platform"]).body(),
        "approval": None,
    }

    def lost(entries: list[dict[str, Any]]) -> None:
        retired = {"party": "house-0", "key": KEYS["house"], "cause": "lost"}
        for idem, kind, says in (("lost", "key.retired", retired), ("again", "key.registered", body)):
            entries.append({**entries[-1], "type": kind, "idem": idem, "body": says})

    told(lost)(copy)
    code, said = run(copy, "export", KEY, capsys)
    assert code == 0, said
    assert "3 enrolled by the operator, for bureau, house-0; after a loss, for house-0: ask them" in said
