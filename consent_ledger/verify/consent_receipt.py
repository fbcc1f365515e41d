"""
A consent receipt, checked offline: what it says is what the ledger and the person's own secret say.

    { "@type": "dpv:ConsentReceipt", …, "dpv:hasRecordOfActivity": { … }, "ci:proof": { … } }

`ci:proof` holds, each with its C2SP tlog-proof, the entry that tells of the consent, the entry that published
the notice, and the one that recorded the lawful basis; the payload and the 32 bytes that open the entry's
commitment to it; in a batch, the path from that commitment to the batch's root. What holds then:

1. these entries are in the ledger, under checkpoints that the key signed
2. the payload is what was committed to when the entry was recorded: HMAC-SHA256, twice (RFC 2104)
3. payload, entry, notice and basis say the same
4. the receipt says what follows from them and nothing else: it is written again, and compared

What it cannot tell: whether the person decided otherwise since, or another basis was recorded in between.
Whoever has the receipt has the secret of this one entry, and of no other.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from consent_ledger.verify.consent_record import FORMAT, Notice, Told, receipt
from consent_ledger.verify.dpv import PROOF, STATES
from consent_ledger.verify.line import Entry, canonical
from consent_ledger.verify.proof import Trust, check_receipt
from consent_ledger.verify.refused import Refused
from consent_ledger.verify.report import Proven
from consent_ledger.verify.tree import check_inclusion, leaf_hash
from consent_ledger.verify.words import MAX_INTEGER, is_day

_COMMITMENT = b"cultuurinzicht/subject-commitment/1\0"
_IN_BATCH = ("granted", "refused", "withdrawn", "objected")
VERBS = {
    "granted": "granted",
    "renewed": "renewed",
    "refused": "refused",
    "withdrawn": "withdrew",
    "objected": "objected to",
    "restricted": "restricted",
    "lifted": "lifted the restriction of",
}
_MEMBERS = {"format", "position", "entry", "proof", "payload", "opening", "batch", "notice", "basis"}
_HEX = re.compile(r"[0-9a-f]{64}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CHANNEL = re.compile(r"[a-z_]{1,20}")


def is_consent_receipt(told: Mapping[str, Any]) -> bool:
    """Whether this claims to be a consent receipt, of whatever version."""
    return PROOF in told or told.get("@type") == "dpv:ConsentReceipt"


def check_consent_receipt(given: Mapping[str, Any], trust: Trust) -> tuple[Entry, Proven]:
    """The entry that a consent receipt tells of, when all that it says is proven. Raises `Refused`."""
    proof = given.get(PROOF)
    if not isinstance(proof, dict) or proof.get("format") != FORMAT:
        raise Refused("The consent receipt has no proof of a version that is known here.")
    if proof.keys() != _MEMBERS:
        raise Refused("The proof of the consent receipt has not exactly the members that it should.")
    entry, proven = _proven(proof, trust)
    others: dict[str, Entry | None] = {"notice": None, "basis": None}
    for name in others:
        if proof[name] is None:
            continue
        if not isinstance(proof[name], dict) or proof[name].keys() != {"position", "entry", "proof"}:
            raise Refused(f"The proof of the consent receipt has a {name} that is none.")
        others[name], known = _proven(proof[name], trust)
        if known.origin != proven.origin:
            raise Refused(f"The {name} of the consent receipt is of another ledger.")
    payload, commitment = _opened(proof)
    place = placed(entry, commitment, proof["batch"])
    said = told(proven.origin, entry, payload, place, commitment, others["notice"], others["basis"])
    wrong = _difference(receipt(said, proof), dict(given))
    if wrong is not None:
        raise Refused(f"The consent receipt says something else than its proof, at {wrong}.")
    return entry, replace(proven, consent=statement(said))


def _proven(proof: Mapping[str, Any], trust: Trust) -> tuple[Entry, Proven]:
    entry, proven = check_receipt(proof, trust)
    if type(proof["position"]) is not int:
        raise Refused("The proof of the consent receipt does not tell its position.")
    return entry, proven


def statement(said: Told) -> str:
    """For people, in one line: what is proven."""
    who = "a guardian" if said.guardian else "the person"
    seen = "no notice" if said.notice is None else f"notice {said.notice.id} version {said.notice.version}"
    until = "" if said.until is None else f", until {said.until}"
    return (
        f"It says: on {said.day} {who} {VERBS[said.act]} {said.purpose} (version {said.purpose_version})"
        f" at {said.controller}, under {seen}{until}."
    )


def told(  # noqa: PLR0917 - the parts of one proof, in their order
    origin: str,
    entry: Entry,
    payload: bytes,
    place: int | None,
    commitment: str,
    notice: Entry | None,
    basis: Entry | None,
) -> Told:
    """What these say together of one consent. Raises `Refused` when they do not say the same."""
    body, said = entry.body, _parsed(payload)
    act = said.get("act")
    kinds = _IN_BATCH if entry.kind == "consent.batch" else (entry.kind.removeprefix("consent."),)
    same = all(said.get(name) == body[name] for name in ("purpose", "notice", "notice_version"))
    if act not in kinds or act not in STATES or not same:
        raise Refused("The payload says something else than its entry.")
    if entry.kind == "consent.batch" and not body[act]:
        raise Refused("The payload tells of an act that nobody of its batch did.")
    until, day, channel = said.get("until"), said.get("day", entry.rt[:10]), said.get("channel")
    if not _is_day(day) or day > entry.rt[:10] or type(said.get("guardian")) is not bool:
        raise Refused("The payload does not tell when or by whom it was said.")
    if until is not None and not _is_day(until):
        raise Refused("The payload does not tell until when it holds.")
    if until is not None and until <= day:
        raise Refused("The payload tells of an end that does not come after its day.")
    if entry.kind != "consent.batch" and until != (None if entry.vt is None else entry.vt[:10]):
        raise Refused("The payload tells another last day than its entry.")
    if channel is not None and (not isinstance(channel, str) or _CHANNEL.fullmatch(channel) is None):
        raise Refused("The payload does not tell where it was said.")
    return Told(
        origin=origin,
        position=entry.seq,
        place=place,
        commitment=commitment,
        recorded=entry.rt[:10],
        day=day,
        controller=body["controller"],
        purpose=body["purpose"],
        purpose_version=body["purpose_version"],
        act=act,
        guardian=said["guardian"],
        until=until,
        channel=channel,
        notice=_notice(entry, notice),
        basis=_basis(entry, basis),
    )


def _notice(entry: Entry, notice: Entry | None) -> Notice | None:
    body = entry.body
    if notice is None:
        if body["notice"] is not None:
            raise Refused("The entry names a notice, and the receipt does not prove that it was published.")
        return None
    wanted = body["controller"], body["notice"], body["notice_version"]
    if notice.kind != "notice.published" or notice.seq >= entry.seq:
        raise Refused("The notice of the consent receipt was not published before.")
    if (notice.body["controller"], notice.body["notice"], notice.body["version"]) != wanted:
        raise Refused("The notice of the consent receipt is not the one that its entry names.")
    since = (notice.vf or notice.rt)[:10]
    return Notice(body["notice"], body["notice_version"], since, notice.body["text_sha256"])


def _basis(entry: Entry, basis: Entry | None) -> str | None:
    if basis is None:
        return None
    same = basis.kind == "basis.recorded" and basis.seq < entry.seq
    if not same or any(basis.body[name] != entry.body[name] for name in ("controller", "purpose")):
        raise Refused("The lawful basis of the consent receipt is not of this house and purpose.")
    told: str = basis.body["basis"]
    return told


def _opened(proof: Mapping[str, Any]) -> tuple[bytes, str]:
    """The payload, and the commitment that it opens with the secret that came along."""
    payload, opening = proof["payload"], proof["opening"]
    if not isinstance(payload, str) or not isinstance(opening, str) or _HEX.fullmatch(opening) is None:
        raise Refused("The consent receipt has no payload, or nothing that opens it.")
    try:
        said = payload.encode()
    except UnicodeEncodeError:
        raise Refused("The payload of the consent receipt is no text.") from None
    return said, commitment_of(said, bytes.fromhex(opening))


def commitment_of(payload: bytes, opening: bytes) -> str:
    """What an entry carries of this payload, by the secret that opens it: 64 hexadecimal digits."""
    return hmac.digest(opening, _COMMITMENT + payload, "sha256").hex()


def placed(entry: Entry, commitment: str, batch: object) -> int | None:
    """The commitment's place in the entry's batch, None in an entry of one person. Raises `Refused` if it is not there."""
    if not entry.kind.startswith("consent."):
        raise Refused("The entry of the consent receipt tells of no consent.")
    if entry.kind != "consent.batch":
        if batch is not None or not hmac.compare_digest(commitment, entry.body["commitment"]):
            raise Refused("The payload is not what the entry was recorded with.")
        return None
    if not isinstance(batch, dict) or batch.keys() != {"index", "path"}:
        raise Refused("The consent receipt does not tell its place in the batch.")
    index, path = batch["index"], batch["path"]
    if (
        type(index) is not int
        or not 0 <= index <= MAX_INTEGER
        or not isinstance(path, list)
        or len(path) > 63
    ):
        raise Refused("The consent receipt does not tell its place in the batch.")
    if not all(isinstance(one, str) and _HEX.fullmatch(one) for one in path):
        raise Refused("The path of the consent receipt within its batch is none.")
    size = sum(entry.body[name] for name in _IN_BATCH)
    root, hashes = bytes.fromhex(entry.body["root"]), [bytes.fromhex(one) for one in path]
    check_inclusion(leaf_hash(bytes.fromhex(commitment)), index, size, hashes, root)
    return index


def _parsed(payload: bytes) -> dict[str, Any]:
    try:
        said = json.loads(payload)
        same = isinstance(said, dict) and canonical(said) == payload
    except (ValueError, RecursionError):
        same = False
    if not same:
        raise Refused("The payload is not JSON as the vault writes it.")
    return dict(said)


def _is_day(value: object) -> bool:
    return isinstance(value, str) and _DAY.fullmatch(value) is not None and is_day(value)


def _difference(wanted: Any, given: Any, at: str = "") -> str | None:
    """Where the two are not the same; None when they are. What is not expected is not repeated."""
    if type(wanted) is not type(given):
        return at or "its top"
    if isinstance(wanted, dict):
        for name, value in wanted.items():
            below = f"{at}.{name}" if at else name
            found = below if name not in given else _difference(value, given[name], below)
            if found is not None:
                return found
        return None if len(given) == len(wanted) else f"{at or 'its top'}, which says more"
    if isinstance(wanted, list):
        if len(wanted) != len(given):
            return at
        found = (_difference(one, two, at) for one, two in zip(wanted, given, strict=True))
        return next((one for one in found if one is not None), None)
    return None if wanted == given else at
