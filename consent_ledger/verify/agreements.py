"""Agreements: proposed, accepted by each party, refused or ended by any of them."""

from __future__ import annotations

import hashlib

from consent_ledger.verify.assertion import challenge, flaw
from consent_ledger.verify.line import Entry, canonical
from consent_ledger.verify.standing import PLATFORM, Agreement, Rules, Standing


def agreements(standing: Standing, entry: Entry) -> Rules:
    if entry.kind == "agreement.proposed":
        yield from _proposals(standing, entry)
        return
    party, known = entry.body["party"], standing.agreements.get(entry.body["agreement"])
    yield known is not None, "nobody proposed this agreement"
    assert known is not None
    yield party in known.parties(), "this organisation is no party to the agreement"
    yield entry.refs == [known.seq], "it does not refer to the proposal, and to that alone"
    yield known.over is None, "this agreement had ended"
    if entry.kind in {"agreement.accepted", "agreement.accepted/2"}:
        yield from _acceptances(standing, entry, known)
        return
    is_refusal = entry.kind == "agreement.refused"
    yield not (is_refusal and known.stood(entry.seq)), "an agreement that stands is ended, not refused"
    known.over = entry.seq, entry.rt


def _proposals(standing: Standing, entry: Entry) -> Rules:
    body, rt = entry.body, entry.rt
    terms = body["terms"]
    made = Agreement(entry.seq, terms, body["terms_sha256"], entry.vf, entry.vt)
    gives, parties = made.parties("source", "both"), made.parties()
    begins, ends = terms["period_start"], terms["period_end"]
    yield hashlib.sha256(canonical(terms)).hexdigest() == made.digest, "the terms are not those hashed"
    yield body["agreement"] not in standing.agreements, "this agreement was proposed already"
    yield all(map(standing.is_member, parties - {PLATFORM})), "one of its parties is no member"
    yield bool(gives and made.parties("recipient", "both")), "nobody gives, or nobody receives"
    yield len(parties) > 1 and PLATFORM not in gives, "it has one party, or the platform gives"
    yield body["proposer"] in {*parties, PLATFORM}, "its proposer is no party to it"
    yield begins is None or ends is None or begins < ends, "its period ends before it begins"
    yield entry.vf is None or entry.vf >= rt, "the agreement is back-dated"
    yield made.until is None or made.until > rt, "it ended before it was recorded"
    if entry.refs:
        answered = {one.seq for one in standing.agreements.values() if body["proposer"] in one.parties()}
        yield answered.issuperset(entry.refs), "it answers no proposal to its proposer"
    standing.agreements[body["agreement"]] = made


def _acceptances(standing: Standing, entry: Entry, known: Agreement) -> Rules:
    """In the first form the operator says that a house accepted; in the second the house itself signed."""
    body, party = entry.body, entry.body["party"]
    yield party == PLATFORM or standing.is_member(party), "who accepts is no member of the platform"
    yield body["terms_sha256"] == known.digest, "what was accepted is not what was proposed"
    yield known.until is None or known.until > entry.rt, "the proposal had expired"
    yield party not in known.accepted, "this organisation accepted already"
    if entry.kind == "agreement.accepted":
        yield body["assurance"] == "operator_attested", "it claims a signature, and there is none"
        standing.attested += 1
    else:
        key = standing.keys.get(body["assertion"]["key"])
        stands = key is not None and key.party == party and key.is_live
        yield stands, "it is signed by no key of this house that stands"
        assert key is not None
        said = {name: body[name] for name in ("agreement", "party", "preview_sha256", "terms_sha256")}
        over = challenge({**said, "ledger": standing.origin, "v": "cultuurinzicht/acceptance/1"})
        wrong = flaw(body["assertion"], key, over, is_sandbox=standing.is_sandbox)
        yield wrong is None, f"this house did not sign it: {wrong}"
        standing.signed += 1
        standing.signed_with_enrolled += key.is_enrolled
    known.accepted[party] = entry.seq
