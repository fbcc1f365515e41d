"""The page on the format: its example is a ledger, and what it says of it holds for readers that we did not write."""

from __future__ import annotations

import base64
import hashlib
import json
import re

from pymerkle import InmemoryTree

from consent_ledger.checkpoint import read_note
from consent_ledger.entry import read as entry_of
from consent_ledger.tree import leaf_hash, verify_inclusion
from consent_ledger.verify.note import read_key
from consent_ledger.verify.proof import Trust, check_receipt
from tests.docs.pages import DOCS, blocks, read

PAGE = DOCS / "ledger-format.md"


def shown() -> tuple[list[bytes], str, str, str]:
    text = read(PAGE)
    [lines] = blocks(text, "jsonl")
    note, vkey, proof = blocks(text, "text")
    return lines.encode().splitlines(), note, vkey.strip(), proof


def test_the_shown_entries_give_the_shown_root_to_somebody_else() -> None:
    lines, note, vkey, _ = shown()
    assert [entry_of(line).seq for line in lines] == [0, 1, 2, 3]
    tree = InmemoryTree(algorithm="sha256")
    for line in lines:
        tree.append_entry(line)
    signed = read_note(note, [vkey])
    assert (signed.size, signed.root) == (tree.get_size(), tree.get_root())


def test_the_shown_key_is_made_as_the_page_says() -> None:
    _, note, vkey, _ = shown()
    name, key_id, key = vkey.split("+", 2)
    assert hashlib.sha256(name.encode() + b"\n" + base64.b64decode(key)).hexdigest()[:8] == key_id
    assert base64.b64decode(note.split("— ")[1].split()[1])[:4].hex() == key_id


def test_the_shown_proof_proves_the_second_entry() -> None:
    lines, note, vkey, proof = shown()
    path = [base64.b64decode(one) for one in re.findall(r"^([A-Za-z0-9+/]{43}=)$", proof, re.MULTILINE)[:-1]]
    signed = read_note(note, [vkey])
    verify_inclusion(leaf_hash(lines[1]), 1, signed.size, path, signed.root)
    receipt = {"position": 1, "entry": lines[1].decode(), "proof": proof}
    assert check_receipt(receipt, Trust(read_key(vkey), None, None, 0))[1].position == 1


def test_the_page_names_every_key_of_an_entry() -> None:
    lines, *_ = shown()
    told = re.search(r"exactly the keys `([a-z ]+)`", read(PAGE))
    assert told is not None
    assert set(told[1].split()) == set(json.loads(lines[0]))
