"""The ledger itself, organisations, their applications, and the keys with which they sign."""

from __future__ import annotations

from consent_ledger.verify.assertion import challenge, flaw
from consent_ledger.verify.line import Entry
from consent_ledger.verify.standing import Key, Rules, Standing


def members(standing: Standing, entry: Entry) -> Rules:
    body = entry.body
    match entry.kind:
        case "ledger.created":
            yield body["origin"] == standing.origin, "the ledger was created under another origin"
            standing.is_sandbox = body["sandbox"]
        case "party.registered":
            yield body["party"] not in standing.parties, "this organisation is registered already"
            standing.parties[body["party"]] = True
            if body["kind"] == "steward":
                standing.stewards.add(body["party"])
        case "party.closed":
            standing.parties[body["party"]] = False
            standing.left[body["party"]] = entry.seq, entry.rt
        case "scope.granted":
            owner = standing.clients.setdefault(body["client"], body["party"])
            yield owner == body["party"], "this application belongs to another organisation"
            standing.live_clients.add(body["client"])
        case "scope.revoked":
            owner = standing.clients.get(body["client"], "")
            yield owner == body["party"], "no such application was registered"
            standing.live_clients.discard(body["client"])
            standing.revoked[body["client"]] = entry.seq, entry.rt


def keys(standing: Standing, entry: Entry) -> Rules:
    """A key proves itself and is approved by one that stands; without such, the operator enrolled it."""
    body, party = entry.body, entry.body["party"]
    live = standing.keys_of.get(party)
    if entry.kind == "key.retired":
        yield body["key"] in (live or ()), "this house has no such key that stands"
        standing.keys[body["key"]].is_live = False
        standing.keys_of[party].remove(body["key"])
        return
    yield body["key"] not in standing.keys, "this key is registered already"
    try:
        key = Key(party, body["algorithm"], bytes.fromhex(body["public_key"]), body["rp_id"])
    except ValueError:  # pragma: no cover - the form was checked
        key = Key(party, body["algorithm"], b"", body["rp_id"])
    said = {name: body[name] for name in ("algorithm", "key", "party", "public_key", "rp_id")}
    over = challenge({**said, "ledger": standing.origin, "v": "cultuurinzicht/key/1"})
    possession, approval = body["possession"], body["approval"]
    yield possession["key"] == body["key"], "it was proven with another key"
    wrong = flaw(possession, key, over, is_sandbox=standing.is_sandbox)
    yield wrong is None, f"the key did not prove itself: {wrong}"
    if approval is None:
        yield not live, "the house has a key that stands, and it did not approve this one"
        standing.enrolled += 1
        standing.enrolled_for.add(party)
        key.is_enrolled = True
        if live is not None:
            standing.enrolled_after_loss.add(party)
    else:
        yield approval["key"] in (live or ()), "it was approved by no key of this house that stands"
        wrong = flaw(approval, standing.keys[approval["key"]], over, is_sandbox=standing.is_sandbox)
        yield wrong is None, f"it was not approved: {wrong}"
    standing.keys[body["key"]] = key
    standing.keys_of.setdefault(party, set()).add(body["key"])
