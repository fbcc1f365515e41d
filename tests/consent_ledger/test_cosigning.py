"""Cosignatures and policies, as C2SP tlog-cosignature and tlog-policy write them."""

from __future__ import annotations

import copy
import pickle
import random
import stat
from collections.abc import Iterator
from contextlib import suppress
from itertools import combinations
from pathlib import Path

import pytest

from consent_ledger.checkpoint import Signer
from consent_ledger.cosigning import (
    Cosigner,
    CosignerRefused,
    Policy,
    PolicyRefused,
    cosignatures,
)
from consent_ledger.note import (
    COSIGNATURE,
    ED25519,
    MAX_SIGNATURES,
    Note,
    NoteRefused,
    Signature,
    TreeHead,
    VerifierKey,
    base64_of,
    read_signatures,
)
from consent_ledger.verify import policy as verifier
from consent_ledger.verify.note import read_checkpoint
from consent_ledger.verify.refused import Refused
from tests.consent_ledger.ledgers import ORIGIN, key

SIGNER = Signer(ORIGIN, key())
NOTE = Note.read(SIGNER.sign(7, bytes(32)))
COSIGNER = Cosigner("witness.example/w1", key(7))
KEY = COSIGNER.verifier_key
NOW = 1_679_315_147


# Cosignatures


def test_the_signed_message_is_that_of_the_specification() -> None:
    """Two lines, then the text of the note; in the line a big-endian time, then the signature."""
    made = COSIGNER.cosign(NOTE.text, time=NOW)
    assert made.value[:8] == NOW.to_bytes(8, "big")
    message = f"cosignature/v1\ntime {NOW}\n{NOTE.text}".encode()
    key(7).public_key().verify(made.value[8:], message)
    assert str(made).startswith("— witness.example/w1 ")


def test_the_key_id_is_that_of_the_specification() -> None:
    """Of the published example of signed-note, by the rule that both kinds of key share."""
    vkey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
    assert str(VerifierKey.read(vkey, ED25519)) == vkey
    assert VerifierKey.read(vkey, ED25519).id.hex() == "530d903a"
    assert str(KEY).startswith("witness.example/w1+")
    assert VerifierKey.read(str(KEY), COSIGNATURE) == KEY


def test_the_published_note_is_read() -> None:
    """The example of signed-note: its text has an empty line of its own."""
    text = (
        "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n"
        "— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMc"
        "Xxj99ihAQwaqP3ZekRwNtIc=\n"
    )
    note = Note.read(text)
    assert note.text.endswith("\n\ned è subito sera.\n")
    assert [one.name for one in note.signatures] == ["quasimodo.example/salvatore"]
    assert str(note) == text


def test_the_published_checkpoint_with_two_signatures_is_read() -> None:
    text = (
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
        "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku"
        "9nTo+zyWE+xeMcTOAYQ8=\n"
        "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZ"
        "qhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
    )
    note = Note.read(text)
    assert TreeHead.read(note.text).size == 20_852_163
    ours, theirs = note.signatures
    assert (len(ours.value), len(theirs.value)) == (64, 72)
    assert int.from_bytes(theirs.value[:8], "big") == NOW


def test_a_cosignature_is_read_back_with_its_witness_and_time() -> None:
    made = COSIGNER.cosign(NOTE.text, time=NOW)
    (found,) = cosignatures(NOTE.with_signatures([made]), [KEY])
    assert (found.witness, found.time, found.signature) == (KEY, NOW, made)


def test_what_unknown_keys_signed_is_kept_and_counts_for_nothing() -> None:
    stranger = Cosigner("stranger.example", key(8))
    both = NOTE.with_signatures([stranger.cosign(NOTE.text, time=NOW), COSIGNER.cosign(NOTE.text, time=NOW)])
    again = both.with_signatures([COSIGNER.cosign(NOTE.text, time=NOW + 1)])
    assert [one.name for one in again.signatures] == [
        ORIGIN,
        "stranger.example",
        "witness.example/w1",
        "witness.example/w1",
    ]
    assert [one.time for one in cosignatures(again, [KEY])] == [NOW, NOW + 1]
    assert Note.read(str(again)) == again
    assert both.with_signatures(both.signatures) == both, "what stands there is not repeated"


def test_a_cosignature_of_another_text_time_name_or_key_is_none() -> None:
    made = COSIGNER.cosign(NOTE.text, time=NOW)
    other = Note.read(SIGNER.sign(8, bytes(32)))
    with pytest.raises(NoteRefused, match="does not fit"):
        cosignatures(other.with_signatures([made]), [KEY])
    later = Signature(made.name, made.key_id, (NOW + 1).to_bytes(8, "big") + made.value[8:])
    with pytest.raises(NoteRefused, match="does not fit"):
        cosignatures(NOTE.with_signatures([later]), [KEY])
    assert (
        cosignatures(NOTE.with_signatures([made]), [Cosigner("witness.example/w2", key(7)).verifier_key])
        == []
    )
    assert cosignatures(NOTE.with_signatures([made]), [Cosigner(KEY.name, key(8)).verifier_key]) == []


def test_a_plain_signature_under_the_key_of_a_witness_is_no_cosignature() -> None:
    """The log's own kind of signature says nothing about other states."""
    plain = Signature(KEY.name, KEY.id, key(7).sign(NOTE.text.encode()))
    with pytest.raises(NoteRefused):
        cosignatures(NOTE.with_signatures([plain]), [KEY])


@pytest.mark.parametrize("place", range(72))
def test_every_changed_byte_of_a_cosignature_is_found(place: int) -> None:
    made = COSIGNER.cosign(NOTE.text, time=NOW)
    value = bytearray(made.value)
    value[place] ^= 1 << place % 8
    with pytest.raises(NoteRefused):
        cosignatures(NOTE.with_signatures([Signature(made.name, made.key_id, bytes(value))]), [KEY])


@pytest.mark.parametrize("time", [0, -1, 2**63, 2**64])
def test_a_time_that_cannot_be_is_neither_signed_nor_read(time: int) -> None:
    with pytest.raises(CosignerRefused):
        COSIGNER.cosign(NOTE.text, time=time)
    if 0 <= time < 2**64:
        message = f"cosignature/v1\ntime {time}\n{NOTE.text}".encode()
        forged = Signature(KEY.name, KEY.id, time.to_bytes(8, "big") + key(7).sign(message))
        with pytest.raises(NoteRefused, match="time"):
            cosignatures(NOTE.with_signatures([forged]), [KEY])


@pytest.mark.parametrize(
    "line",
    [
        "",
        "—",
        "— w",
        "— w AAAA",
        "- w AAAAAAA=",
        "— w AAAAAAB=",
        "— a+b AAAAAAA=",
        "— w  AAAAAAA=",
        "— w AAAAAAA= ",
    ],
)
def test_what_is_no_signature_line_is_refused(line: str) -> None:
    with pytest.raises(NoteRefused):
        read_signatures(f"{line}\n")


def test_signatures_are_bounded() -> None:
    with pytest.raises(NoteRefused, match="too many"):
        read_signatures("— w AAAAAAA=\n" * (MAX_SIGNATURES + 1))
    with pytest.raises(NoteRefused, match="newline"):
        read_signatures("— w AAAAAAA=")


# The key of a witness


def test_a_key_is_made_once_for_its_user_alone(tmp_path: Path) -> None:
    made = Cosigner.create(tmp_path / "w.key", "witness.example/w1")
    assert stat.S_IMODE((tmp_path / "w.key").stat().st_mode) == 0o600
    assert Cosigner.open(tmp_path / "w.key").verifier_key == made.verifier_key
    with pytest.raises(CosignerRefused, match="never replaced"):
        Cosigner.create(tmp_path / "w.key", "witness.example/w1")
    assert Cosigner.open(tmp_path / "w.key").verifier_key == made.verifier_key


def damaged(line: str) -> Iterator[str]:
    yield from ("", "\n", line[:-10], line + line, line.replace("PRIVATE", "PUBLIC"), "x" * 5_000)
    yield line.replace("witness.example", "other.example")


def test_a_damaged_or_open_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.key"
    Cosigner.create(path, "witness.example/w1")
    line = path.read_text(encoding="utf-8")
    for bad in damaged(line):
        path.write_text(bad, encoding="utf-8")
        with pytest.raises(CosignerRefused, match="back its backup"):
            Cosigner.open(path)
    path.write_text(line, encoding="utf-8")
    path.chmod(0o640)
    with pytest.raises(CosignerRefused, match="open to others"):
        Cosigner.open(path)
    with pytest.raises(CosignerRefused, match="witness key"):
        Cosigner.open(tmp_path / "absent.key")
    with pytest.raises(CosignerRefused, match="cannot be read"):
        Cosigner.open(tmp_path)
    with pytest.raises(CosignerRefused, match="another folder"):
        Cosigner.create(tmp_path / "absent" / "w.key", "witness.example/w1")


@pytest.mark.parametrize("name", ["", "two words", "a+b", "tab\there", "new\nline", "\u00a0"])
def test_the_name_of_a_witness_is_plain(name: str) -> None:
    with pytest.raises(CosignerRefused):
        Cosigner(name, key(7))


def test_the_key_of_a_witness_is_neither_shown_nor_pickled() -> None:
    assert repr(COSIGNER) == "<Cosigner witness.example/w1>"
    for spread in (pickle.dumps, copy.copy):
        with pytest.raises(TypeError):
            spread(COSIGNER)


# Policies

WITNESSES = {name: Cosigner(f"{name}.example", key(20 + at)) for at, name in enumerate(["x1", "x2", "x3", "y1", "y2", "y3"])}  # fmt: skip
KEYS = {name: one.verifier_key for name, one in WITNESSES.items()}


def policy(*lines: str) -> Policy:
    known = [f"witness {name} {vkey}" for name, vkey in KEYS.items()]
    return Policy.read("\n".join([f"log {SIGNER.verifier_key}", *known, *lines, ""]).encode())


def meeting(read: Policy) -> set[frozenset[str]]:
    """Every set of witnesses that is enough."""
    sets = [frozenset(one) for size in range(7) for one in combinations(KEYS, size)]
    return {one for one in sets if read.is_met(KEYS[name] for name in one)}


def test_the_published_example_is_met_by_two_and_one() -> None:
    read = policy(
        "group X-witnesses 2 x1 x2 x3",
        "group Y-witnesses any y1 y2 y3",
        "group X-and-Y all X-witnesses Y-witnesses",
        "quorum X-and-Y",
    )
    for one in meeting(read):
        assert len({name for name in one if name[0] == "x"}) >= 2
        assert len({name for name in one if name[0] == "y"}) >= 1
    assert len(meeting(read)) == 4 * 7


@pytest.mark.parametrize("needed", range(1, 7))
def test_k_of_n_is_met_by_k_and_no_fewer(needed: int) -> None:
    read = policy(f"group all-of-them {needed} {' '.join(KEYS)}", "quorum all-of-them")
    assert {len(one) for one in meeting(read)} == set(range(needed, 7))


def test_groups_of_groups_of_groups() -> None:
    read = policy("group a any x1 x2", "group b all x3 y1", "group c 1 a b", "group d 2 c y2 y3", "quorum d")
    assert read.is_met([KEYS["x1"], KEYS["y2"]])
    assert read.is_met([KEYS["x3"], KEYS["y1"], KEYS["y3"]])
    assert not read.is_met([KEYS["x3"], KEYS["y3"]])
    assert not read.is_met([KEYS["x1"], KEYS["x2"], KEYS["x3"], KEYS["y1"]])


def test_one_witness_or_none_can_be_the_quorum() -> None:
    assert policy("quorum x2").is_met([KEYS["x2"]])
    assert not policy("quorum x2").is_met([KEYS["x1"]])
    assert policy("quorum none").is_met([])
    assert Policy.read(b"quorum none\n").is_met([])


def test_a_deep_policy_is_read_and_counted() -> None:
    lines = [f"group g{n} all {'x1' if n == 0 else f'g{n - 1}'}" for n in range(2_000)]
    assert policy(*lines, "quorum g1999").is_met([KEYS["x1"]])


def test_space_comments_addresses_and_other_alphabets_are_read() -> None:
    data = (
        "# a policy\n\n \t \n\t# another\n"
        f"  log\t{SIGNER.verifier_key}  https://ledger.example \n"
        f"witness  tweede-wereldhuis-é {KEYS['x1']}\t https://x1.example/w\n"
        "quorum tweede-wereldhuis-é"
    ).encode() + b"\n# \xff\xfe opaque\n"
    read = Policy.read(data)
    assert [(str(one.key), one.url) for one in read.logs] == [(SIGNER.verifier_key, "https://ledger.example")]
    (witness,) = read.witnesses.values()
    assert (witness.key, witness.url) == (KEYS["x1"], "https://x1.example/w")
    assert read.is_met([KEYS["x1"]])


def test_names_are_compared_byte_by_byte() -> None:
    """K and the Kelvin sign look alike; a letter with an accent can be written in two ways."""
    kelvin = f"witness K {KEYS['x1']}\nwitness \u212a {KEYS['x2']}\nquorum \u212a\n".encode()
    assert Policy.read(kelvin).is_met([KEYS["x2"]])
    assert not Policy.read(kelvin).is_met([KEYS["x1"]])
    raw = b"witness \xe9 " + str(KEYS["x1"]).encode() + b"\nquorum \xe9\n"
    assert Policy.read(raw).is_met([KEYS["x1"]])


X1 = str(KEYS["x1"])
SAME_KEY = str(Cosigner("renamed.example", key(20)).verifier_key)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([], "no quorum"),
        (["quorum x1", "quorum x1"], "second quorum"),
        (["quorum x1", "quorum none"], "second quorum"),
        (["quorum absent"], "nothing that was defined"),
        (["quorum g", "group g any x1"], "nothing that was defined"),
        (["quorum"], "not a line"),
        (["quorum x1 x2"], "not a line"),
        (["Quorum x1"], "not a line"),
        (["witnes w"], "not a line"),
        (["group g 2"], "at least one member"),
        (["group g any"], "at least one member"),
        (["group g"], "not a line"),
        (["group g 3 x1 x2"], "the number needed"),
        (["group g 0 x1 x2"], "the number needed"),
        (["group g -1 x1 x2"], "the number needed"),
        (["group g 1.5 x1 x2"], "the number needed"),
        (["group g two x1 x2"], "the number needed"),
        (["group g ١ x1 x2"], "the number needed"),
        (["group g any x1 x1"], "second time"),
        (["group g any x1", "group h any x1"], "second time"),
        (["group g any none"], "not defined before"),
        (["group g any g"], "not defined before"),
        (["group g any h", "group h any x1"], "not defined before"),
        (["group x1 any x2"], "taken"),
        (["group none any x2"], "taken"),
        ([f"witness x1 {COSIGNER.verifier_key}"], "taken"),
        ([f"witness none {COSIGNER.verifier_key}"], "taken"),
        ([f"witness other {X1}"], "second time"),
        ([f"witness other {SAME_KEY}"], "second time"),
        ([f"log {SIGNER.verifier_key}"], "second time"),
        ([f"log {Signer('renamed.example', key()).verifier_key}"], "second time"),
        (["witness w"], "not a line"),
        (["log"], "not a line"),
        ([f"witness w {COSIGNER.verifier_key} https://w.example more"], "not a line"),
        ([f"witness w {SIGNER.verifier_key}"], "no verifier key"),
        ([f"log {COSIGNER.verifier_key}"], "no verifier key"),
        (["witness w nonsense"], "no verifier key"),
        (["witness w \udcff+00000000+AAAA".encode("utf-8", "surrogateescape").decode("latin-1")], "no verifier key"),
        (["quorum x1\r"], "cannot stand"),
        (["quorum\u0000x1"], "cannot stand"),
        (["# \u007f"], "cannot stand"),
    ],
)  # fmt: skip
def test_what_is_no_policy_is_refused_with_its_line(lines: list[str], sentence: str) -> None:
    with pytest.raises(PolicyRefused, match=sentence) as refused:
        policy(*lines)
    assert refused.value.sentence == str(refused.value)
    assert "\n" not in refused.value.sentence


def test_a_policy_whose_end_is_missing_is_refused() -> None:
    with pytest.raises(PolicyRefused, match="may be missing"):
        Policy.read(b"quorum none")
    with pytest.raises(PolicyRefused, match="may be missing"):
        Policy.read(b"")
    with pytest.raises(PolicyRefused, match="too long"):
        Policy.read(b"#\n" * 200_000)


def test_the_sentence_repeats_no_word_of_the_file() -> None:
    with pytest.raises(PolicyRefused) as refused:
        policy("witness jan@example.nl nonsense")
    assert refused.value.sentence.startswith("Line 8 of the policy")
    assert "jan" not in refused.value.sentence


def test_a_key_of_an_unknown_kind_is_told_apart() -> None:
    blob = base64_of(b"\x06" + bytes(32))
    with pytest.raises(NoteRefused):
        VerifierKey.read(f"w.example+00000000+{blob}", COSIGNATURE)


# Held against the verifier, which reads policies and cosignatures with code of its own


def any_policy(dice: random.Random) -> str:
    """Lines as a hurried person might write them: some right, some not."""
    names, lines = [*KEYS], [f"witness {name} {vkey}" for name, vkey in KEYS.items()]
    for number in range(dice.randint(0, 4)):
        members = [dice.choice(names) for _ in range(dice.choice((0, 1, 1, 2, 2, 3)))]
        members = members if dice.random() < 0.2 else [*dict.fromkeys(members)]
        needed = dice.choice(["all", "any", "1", "2", "2", "3", "0", "01", "x"])
        lines.append(f"group g{number} {needed} {' '.join(members)}")
        names = [name for name in names if name not in members or dice.random() < 0.1] + [f"g{number}"]
    lines.append(f"quorum {dice.choice([*names, *names, 'none', 'absent'])}")
    if dice.random() < 0.1:
        dice.shuffle(lines)
    if dice.random() < 0.1:
        lines.append(dice.choice(lines))
    return "".join(f"{line}\n" for line in lines)


def test_both_readers_accept_and_count_alike() -> None:
    dice, accepted = random.Random(20261122), 0
    signed = {name: one.cosign(NOTE.text, time=NOW) for name, one in WITNESSES.items()}
    for _ in range(400):
        data = any_policy(dice).encode()
        ours = theirs = None
        with suppress(PolicyRefused):
            ours = Policy.read(data)
        with suppress(Refused):
            theirs = verifier.read_policy(data)
        assert (ours is None) == (theirs is None), data.decode()
        if ours is None or theirs is None:
            continue
        accepted += 1
        for _ in range(8):
            some = [name for name in KEYS if dice.random() < 0.5]
            note = str(NOTE.with_signatures(signed[name] for name in some))
            try:
                theirs.check(read_checkpoint(note), NOW)
            except Refused:
                enough = False
            else:
                enough = True
            assert ours.is_met(KEYS[name] for name in some) == enough, data.decode()
    assert 50 < accepted < 350
