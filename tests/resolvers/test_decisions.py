"""Decisions told again, receipts held against the ledger, samples opened: what an auditor and a recipient check."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from consent_ledger.reconcile import Receipt, ReceiptRefused, kept, receipts, reconcile
from consent_ledger.replay import replay
from consent_ledger.tree import leaf_hash, verify_inclusion
from consent_ledger.vault import Vault, sealing
from consent_ledger.vocabulary import ConsentAct, LawfulBasis, Purpose, Reason
from insight.criteria import Criteria
from resolvers import gate
from resolvers.audiences import AudienceAsked, audience
from resolvers.batches import BatchRecorded, List, Row, record_consents
from resolvers.samples import OpenedSample, SampleRefused, open_sample
from tests.resolvers.scene import HARBOUR, LAKESIDE, RESEARCH, Scene, caller, research


@pytest.fixture
def shared(scene: Scene) -> Scene:
    """The bureau may see Lakeside's audience; twelve persons came."""
    scene.bring(LAKESIDE, [{"identifier": f"p{number}@example.org"} for number in range(12)])
    scene.agree(research(), "lakeside-app", "bureau-app")
    return scene


def ask(scene: Scene, *figures: str, purpose: Purpose = RESEARCH) -> gate.Receipt | None:
    wanted = AudienceAsked(LAKESIDE, purpose, None, Criteria(), frozenset(figures or {"bookers"}))
    with scene.inquiry(caller("bureau-app")) as inquiry:
        audience(inquiry, wanted)
    return inquiry.receipt


def lines(scene: Scene) -> list[bytes]:
    return [entry.line for entry in scene.entries()]


def test_every_decision_is_told_again_from_the_entries_alone(shared: Scene) -> None:
    ask(shared, "bookers", "spend")
    ask(shared, "bookers", "contexts")  # place was not agreed
    ask(shared, purpose=Purpose.SECTOR_BENCHMARK)
    shared.consent("lakeside-app", "p1@example.org", RESEARCH, ConsentAct.OBJECTED)
    ask(shared)
    told = list(replay(lambda: lines(shared)))
    assert [one.is_disclosure for one in told] == [True, True, False, False, True]
    assert [one.findings for one in told] == [()] * 5


def test_a_decision_after_the_end_of_its_agreement_does_not_come_out_again(shared: Scene) -> None:
    ask(shared)
    ended = shared.agree(research(), "lakeside-app", "bureau-app")
    all_lines = lines(shared)
    [told] = replay(lambda: all_lines)
    assert told.holds
    # the same disclosure, said to rest on the moment before anybody had accepted
    disclosed = json.loads(all_lines[told.position])
    first = next(at for at, line in enumerate(all_lines) if b"agreement.accepted" in line)
    disclosed["body"]["basis"] |= {"size": first, "root": "0" * 64, "seqs": [1]}
    forged = [*all_lines]
    forged[told.position] = json.dumps(disclosed, sort_keys=True, separators=(",", ":")).encode()
    [again] = replay(lambda: forged)
    assert not again.holds
    assert any("NO_AGREEMENT" in finding for finding in again.findings)
    assert any("root" in finding for finding in again.findings)
    assert ended


def test_a_refusal_that_the_ledger_does_not_say_is_found(shared: Scene) -> None:
    ask(shared, purpose=Purpose.SECTOR_BENCHMARK)
    all_lines = lines(shared)
    [told] = replay(lambda: all_lines)
    refused = json.loads(all_lines[told.position])
    assert refused["body"]["reasons"] == [Reason.PURPOSE_NOT_COVERED]
    refused["body"]["reasons"] = [Reason.DPIA_MISSING]
    forged = [*all_lines]
    forged[told.position] = json.dumps(refused, sort_keys=True, separators=(",", ":")).encode()
    [again] = replay(lambda: forged)
    assert again.findings == ("it was refused for DPIA_MISSING, and the ledger does not say so",)


def test_what_lies_in_a_token_or_in_persons_is_said_to_be_untold(shared: Scene) -> None:
    scene = shared
    scene.end(scene.agree(research(), "lakeside-app", "bureau-app"), "bureau-app")
    for agreement in scene.entries():
        if agreement.type == "agreement.proposed":
            break
    scene.end(agreement.body["agreement"], "bureau-app")  # type: ignore[arg-type]  # an id
    scene.agree(research(minimum_group=100), "lakeside-app", "bureau-app")
    ask(scene)
    told = list(replay(lambda: lines(scene)))[-1]
    assert (told.findings, told.untold) == ((), ("BELOW_K",))


def test_one_answer_about_two_houses_under_two_agreements_comes_out_again(shared: Scene) -> None:
    """Which purpose went with which house the entry does not tell: not every pair of them was allowed."""
    scene = shared
    scene.bring(HARBOUR, [{"identifier": f"p{number}@example.org"} for number in range(12)])
    account, benchmark = Purpose.ACCOUNTABILITY, Purpose.SECTOR_BENCHMARK
    scene.purpose(account)
    scene.basis(LAKESIDE, account, LawfulBasis.LEGITIMATE_INTEREST)  # and none at the other house
    scene.notice(LAKESIDE, account, version=2)
    for name, house, purposes in (
        ("lakeside-app", LAKESIDE, {account}),
        ("harbour-app", HARBOUR, {account, benchmark}),
    ):
        terms = research(sources=frozenset({house}), purposes=frozenset(purposes))
        scene.agree(terms, name, "bureau-app")
    with scene.inquiry(caller("bureau-app")) as inquiry:
        for house, purpose in ((LAKESIDE, account), (HARBOUR, benchmark)):
            audience(inquiry, AudienceAsked(house, purpose, None, Criteria(), frozenset({"bookers"})))
    disclosed = scene.entries()[-1].body
    assert disclosed["controllers"] == ["harbour", "lakeside"]
    assert disclosed["purposes"] == ["accountability", "sector_benchmark"]
    [told] = replay(lambda: lines(scene))
    assert (told.findings, told.is_disclosure) == ((), True)


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"controllers": ["harbour"]}, ", harbour, AGGREGATE, base, research"),
        ({"purposes": ["research", "web_link"]}, "the ledger allowed no web_link"),
        ({"groups": ["age", "base"]}, "the ledger allowed no age"),
        ({"granularity": "REFERENCE"}, "the ledger allowed no REFERENCE"),
        ({"client": "unheard-of"}, "its application was not known"),
    ],
)
def test_more_than_was_allowed_is_found(shared: Scene, changes: dict[str, Any], finding: str) -> None:
    ask(shared)
    all_lines = lines(shared)
    disclosed = json.loads(all_lines[-1])
    disclosed["body"] |= changes
    all_lines[-1] = json.dumps(disclosed, sort_keys=True, separators=(",", ":")).encode()
    [told] = replay(lambda: all_lines)
    assert any(finding in one for one in told.findings), told.findings


def test_a_decision_that_leaves_its_agreement_out_of_its_entries_is_found(shared: Scene) -> None:
    ask(shared)
    all_lines = lines(shared)
    disclosed = json.loads(all_lines[-1])
    disclosed["body"]["basis"]["seqs"].pop()
    all_lines[-1] = json.dumps(disclosed, sort_keys=True, separators=(",", ":")).encode()
    [told] = replay(lambda: all_lines)
    assert any(one.startswith("it does not name the entries of agr-") for one in told.findings)


def test_a_decision_that_stands_on_a_size_that_never_was_is_found(shared: Scene) -> None:
    ask(shared)
    all_lines = lines(shared)
    disclosed = json.loads(all_lines[-1])
    disclosed["body"]["basis"]["size"] = 4_000
    all_lines[-1] = json.dumps(disclosed, sort_keys=True, separators=(",", ":")).encode()
    [told] = replay(lambda: all_lines)
    assert told.findings == ("it stands on a size that the ledger does not have",)


# receipts


def given(receipt: gate.Receipt | None) -> Receipt:
    assert receipt is not None
    return Receipt.of({"position": receipt.position, "entry": receipt.entry, "proof": receipt.proof})


def vkey(scene: Scene) -> str:
    return scene.house.ledger.verifier_key


def test_receipts_agree_with_the_ledger_that_gave_them(shared: Scene) -> None:
    kept = [given(ask(shared)), given(ask(shared, "spend"))]
    ask(shared, "bookers")
    found = reconcile(kept, lambda: lines(shared), vkey(shared))
    assert (found.receipts, found.missing, len(found.unreceipted)) == (2, (), 1)


def test_an_omitted_disclosure_is_found(shared: Scene) -> None:
    first, second = given(ask(shared)), given(ask(shared, "spend"))
    before = lines(shared)[: second.position]
    found = reconcile([first, second], lambda: before, vkey(shared))
    assert found.missing == (
        f"Entry {second.position} of the receipts is not in the export, which ends before it.",
    )
    other = [*lines(shared)]
    other[second.position] = other[first.position]
    found = reconcile([first, second], lambda: other, vkey(shared))
    assert f"Entry {second.position} of the export is not the one in the receipt." in found.missing


@pytest.mark.parametrize("part", ["line", "path", "checkpoint"])
def test_a_receipt_that_proves_nothing_is_said_to_prove_nothing(shared: Scene, part: str) -> None:
    kept = given(ask(shared))
    changes: dict[str, Any] = {
        "line": kept.line.replace(b"bookers", b"lookers").replace(b"r10_99", b"r1_9"),
        "path": (bytes(32), *kept.path[1:]),
        "checkpoint": kept.checkpoint.replace("\n\n", "\n\n\n"),
    }
    found = reconcile([replace(kept, **{part: changes[part]})], lambda: lines(shared), vkey(shared))
    assert len(found.missing) == 1
    assert "proves nothing" in found.missing[0]


def test_receipts_are_read_from_answers_as_they_came(shared: Scene, tmp_path: Path) -> None:
    one, two = ask(shared), ask(shared, "spend")
    assert one is not None
    assert two is not None
    answer = {"data": {"audience": {"bookers": 12}}, "extensions": {"receipt": _told(one)}}
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "a.json").write_text(json.dumps(answer))
    (kept / "b.jsonl").write_text(json.dumps(_told(two)) + "\n" + json.dumps(_told(one)) + "\n")
    assert [each.position for each in receipts(kept)] == [one.position, two.position, one.position]
    (kept / "c.json").write_text('{"entry": 3, "proof": []}')
    with pytest.raises(ReceiptRefused):
        receipts(kept)


def test_one_receipt_under_two_answers_is_found(shared: Scene, tmp_path: Path) -> None:
    one, folder = ask(shared), tmp_path / "kept"
    assert one is not None
    folder.mkdir()

    def answered(number: int, request: str) -> str:
        told = {"receipt": _told(one), "requestId": request}
        return json.dumps({"data": {"audience": {"bookers": number}}, "extensions": told})

    (folder / "a.json").write_text(answered(12, "x"))
    (folder / "b.json").write_text(answered(12, "y"))
    (folder / "alone.json").write_text(json.dumps(_told(one)))
    assert reconcile(receipts(folder), lambda: lines(shared), vkey(shared)).missing == ()
    (folder / "c.json").write_text(answered(13, "x"))
    found = reconcile(receipts(folder), lambda: lines(shared), vkey(shared))
    assert found.missing == (f"The receipt of entry {one.position} is given for 2 different answers.",)


def test_answers_without_a_receipt_are_named(shared: Scene, tmp_path: Path) -> None:
    one, folder = ask(shared), tmp_path / "kept"
    assert one is not None
    folder.mkdir()
    (folder / "a.json").write_text(json.dumps(_told(one)))
    (folder / "own.json").write_text(json.dumps([{"data": {"me": 1}}, {"data": None}]))
    (folder / "refused.json").write_text(json.dumps({"data": None, "errors": []}))
    assert kept(folder).without == ("own.json",)


def test_an_export_that_ends_before_the_receipt_was_signed_is_too_old_to_tell(shared: Scene) -> None:
    kept = given(ask(shared))
    shared.notice(LAKESIDE, RESEARCH, version=2)
    with shared.inquiry(caller("bureau-app")) as inquiry:
        later = shared.house.ledger.proof(inquiry.connection, kept.position)
    newer = Receipt.of({"entry": kept.line.decode(), "proof": later})
    before = lines(shared)[:-1]
    found = reconcile([kept, newer], lambda: before, vkey(shared))
    [missing] = found.missing
    assert missing.startswith(
        f"The receipt of entry {kept.position} was signed at {len(before) + 1} entries, and the export has"
        f" {len(before)}: ask for a newer export"
    )
    assert reconcile([kept, newer], lambda: lines(shared), vkey(shared)).missing == ()


@pytest.mark.parametrize(
    "text", ['{"entry": "\\ud800", "proof": "x"}', '{"entry": "é", "proof": "x"}', "[[", "{}", "1"]
)
def test_what_is_no_receipt_is_refused_with_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "kept.json").write_text(text)
    with pytest.raises(ReceiptRefused):
        receipts(tmp_path / "kept.json")


@pytest.mark.parametrize(("part", "text"), [("entry", "\ud800"), ("entry", "é"), ("proof", "\udfff")])
def test_half_a_sign_in_a_receipt_is_refused_with_a_sentence(tmp_path: Path, part: str, text: str) -> None:
    told = {"entry": "{}", "proof": "c2sp.org/tlog-proof@v1\nindex 0\n\n"}
    (tmp_path / "kept.json").write_text(json.dumps({**told, part: told[part] + text}))
    with pytest.raises(ReceiptRefused, match="no ledger writes"):
        receipts(tmp_path / "kept.json")


def _told(receipt: gate.Receipt) -> dict[str, Any]:
    return {"position": receipt.position, "entry": receipt.entry, "proof": receipt.proof}


# samples


def sample(scene: Scene, position: int, *, seed: str = "s", number: int = 5) -> OpenedSample:
    with scene.inquiry(caller("audit")) as inquiry:
        found = open_sample(inquiry, position, seed=seed, number=number)
    assert isinstance(found, OpenedSample), found
    return found


def test_a_drawn_person_lies_in_the_set_that_was_disclosed(shared: Scene) -> None:
    receipt = ask(shared)
    assert receipt is not None
    found = sample(shared, receipt.position)
    root = bytes.fromhex(json.loads(receipt.entry)["body"]["subjects"])
    assert (found.persons, found.root) == (12, root.hex())
    assert 1 <= len(found.opened) <= 5
    for one in found.opened:
        path = [bytes.fromhex(step) for step in one.path]
        verify_inclusion(leaf_hash(bytes.fromhex(one.leaf)), one.index, 12, path, root)
        assert one.said == (), "the purpose rests on legitimate interest, and nobody spoke"
    again = sample(shared, receipt.position)
    assert again.opened == found.opened
    assert again.receipt.position == found.receipt.position
    assert shared.entries()[-1].type == "sample.opened"


def test_on_what_a_drawn_person_was_counted_is_opened(shared: Scene) -> None:
    shared.basis(LAKESIDE, RESEARCH, LawfulBasis.CONSENT)
    for number in range(12):
        shared.consent("lakeside-app", f"p{number}@example.org", RESEARCH, ConsentAct.GRANTED)
    receipt = ask(shared)
    assert receipt is not None
    found = sample(shared, receipt.position, number=8)
    for one in found.opened:
        [said] = one.said
        entry = json.loads(said.entry)
        assert (entry["type"], entry["seq"]) == ("consent.granted", said.position)
        assert json.loads(said.payload)["act"] == "granted"
        assert Vault.opens(entry["body"]["commitment"], said.payload.encode(), bytes.fromhex(said.opening))


def test_the_draw_follows_from_the_auditors_seed(shared: Scene) -> None:
    receipt = ask(shared)
    assert receipt is not None
    root = bytes.fromhex(json.loads(receipt.entry)["body"]["subjects"])
    found = sample(shared, receipt.position, seed="dice", number=3)
    seed = hashlib.sha256(b"dice").digest()
    draws = (hashlib.sha256(seed + root + at.to_bytes(4, "big")).digest() for at in range(3))
    assert [one.index for one in found.opened] == sorted({int.from_bytes(d, "big") % 12 for d in draws})
    assert sample(shared, receipt.position, seed="other dice", number=3).opened != found.opened


def test_what_was_said_in_a_list_is_opened_with_its_path(shared: Scene) -> None:
    with shared.inquiry(caller("lakeside-app")) as inquiry:
        rows = [Row(f"p{number}@example.org", ConsentAct.GRANTED, date(2025, 6, 1)) for number in range(12)]
        done = record_consents(inquiry, List(LAKESIDE, RESEARCH, rows), key="list")
    assert isinstance(done, BatchRecorded)
    receipt = ask(shared)
    assert receipt is not None
    found = sample(shared, receipt.position, number=12)
    [batch] = [entry for entry in shared.entries() if entry.type == "consent.batch"]
    said = [statement for one in found.opened for statement in one.said]
    assert len(said) == len(found.opened) > 1, "each of them spoke in the list"
    assert len({statement.index for statement in said}) == len(said)
    for statement in said:
        assert (statement.position, statement.entry.encode()) == (batch.seq, batch.line)
        assert statement.index is not None
        payload, opening = statement.payload.encode(), bytes.fromhex(statement.opening)
        commitment = sealing.commitment(opening, payload)
        path = [bytes.fromhex(step) for step in statement.path]
        root = bytes.fromhex(str(batch.body["root"]))
        verify_inclusion(leaf_hash(bytes.fromhex(commitment)), statement.index, 12, path, root)


def test_only_a_disclosure_is_sampled_and_only_by_who_audits(shared: Scene) -> None:
    receipt = ask(shared)
    assert receipt is not None
    for position in (0, 10_000, -1, receipt.position + 1):
        with pytest.raises(SampleRefused), shared.inquiry(caller("audit")) as inquiry:
            open_sample(inquiry, position, seed="s", number=1)
    for name in ("bureau-app", "lakeside-app"):
        size = shared.size()
        with shared.inquiry(caller(name)) as inquiry:
            assert not isinstance(open_sample(inquiry, receipt.position, seed="s", number=1), OpenedSample)
        assert shared.size() == size


def test_answers_that_counted_the_same_persons_share_one_set(shared: Scene) -> None:
    for _ in range(3):
        ask(shared)
    assert shared.rows("select count(*) from subject_set") == [(1,)]
    assert shared.rows("select count(*), count(distinct nonce) from disclosure_secret") == [(3, 3)]
