"""What went out: releases, exports, disclosures, refusals, and the samples that an auditor opens."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from consent_ledger.verify.line import Entry
from consent_ledger.verify.standing import PLATFORM, Agreement, Rules, Standing
from consent_ledger.verify.words import TEXTS

LIFE_OF_A_REQUEST = timedelta(seconds=120)
"""
A decision stands on what a request saw when it began, and no request lives longer: what ended earlier than this
before the decision was recorded was seen to have ended.
"""

_SPAN = 65_536
"""Positions that one entry of an export tells of at most beyond the ledger: it is written once for each span."""


def releases(standing: Standing, entry: Entry) -> Rules:
    body = entry.body
    match entry.kind:
        case "release.sealed":
            yield body["period_start"] <= body["period_end"], "its period ends before it begins"
            yield body["release"] not in standing.releases, "this release was sealed already"
            standing.releases.add(body["release"])
        case "release.retracted":
            yield body["release"] in standing.releases, "no such release was sealed"
        case "export.issued":
            yield body["start"] <= body["stop"], "it ends before it begins"
            yield body["stop"] <= entry.seq + _SPAN, "it goes on far beyond the ledger"
            yield body["recipient"] in standing.parties, "its recipient is not registered"


def decisions(standing: Standing, entry: Entry) -> Rules:
    """A decision stands on what was there before it; data move under agreements that stood, as agreed."""
    body = entry.body
    size, root, seqs = (body["basis"][name] for name in ("size", "root", "seqs"))
    yield 0 < size <= entry.seq, "it stands on entries that came later"
    yield all(seq < size for seq in seqs), "it names entries that lie beyond its basis"
    yield body["recipient"] in standing.parties, "its recipient is not registered"
    is_known = standing.parties.keys() >= set(body["controllers"])
    yield is_known, "a controller that it names is not registered"
    yield standing.agreements.keys() >= set(body["agreements"]), "it names an unknown agreement"
    under, begun = [standing.agreements[name] for name in body["agreements"]], _begun(entry.rt)
    parties = {body["recipient"], *body["controllers"]}
    ends = [standing.left.get(party) for party in parties] + [standing.revoked.get(body["client"])]
    ends += [one.over for one in under]
    is_current = not any(one and one[0] >= size and one[1] < begun for one in ends)
    yield is_current, "something that it names had ended since, longer ago than a request lives"
    standing.bases.setdefault(size, []).append((root, entry.seq))
    if entry.kind == "disclosure.recorded":
        yield from _disclosures(standing, entry, under, begun)


def _begun(rt: str) -> str:
    """When a request that is recorded now had begun at the earliest."""
    try:
        return f"{(datetime.fromisoformat(rt[:19]) - LIFE_OF_A_REQUEST).isoformat()}Z"
    except OverflowError:
        return ""


def _disclosures(standing: Standing, entry: Entry, under: list[Agreement], begun: str) -> Rules:
    body, recipient, size = entry.body, entry.body["recipient"], entry.body["basis"]["size"]
    client, never = body["client"], (-1, "")
    parties = {recipient, *body["controllers"]} - {PLATFORM}
    yield bool(body["basis"]["seqs"]), "it names no entry that it stands on"
    yield recipient in {PLATFORM, standing.clients.get(client)}, "its application is another's"
    was_live = client in standing.live_clients or standing.revoked.get(client, never)[0] >= size
    yield recipient == PLATFORM or was_live, "its application had been revoked"
    were_members = all(standing.is_member(one) or standing.left.get(one, never)[0] >= size for one in parties)
    yield were_members, "an organisation that it names had left"
    yield all(one.stood(size) for one in under), "an agreement that it names did not stand then"
    had_begun = all(one.since is None or one.since <= entry.rt for one in under)
    yield had_begun, "an agreement that it names had not begun"
    yield (
        all(one.until is None or one.until > begun for one in under),
        "an agreement that it names had expired",
    )
    gets = all(recipient in one.parties("recipient", "both") for one in under)
    yield gets, "an agreement that it names gives its recipient nothing"
    yield from _as_agreed(body, under)
    standing.disclosures.add(entry.seq)


def _as_agreed(body: dict[str, Any], under: list[Agreement]) -> Rules:
    """Each controller gives by an agreement of its own; what is told, those who are named agreed to."""
    controllers = set(body["controllers"])
    given: set[str] = set()
    gives: set[str] = set()
    agreed: dict[str, set[str]] = {"purposes": set(), "groups": set()}
    fineness = TEXTS["granularity"].split("|").index
    finest = -1
    for one in under:
        sources = one.parties("source", "both")
        if not sources & controllers:
            continue
        gives |= sources
        if not any(set(one.terms[name]).isdisjoint(body[name]) for name in agreed):
            given |= sources
        for name, words in agreed.items():
            words.update(one.terms[name])
        finest = max(finest, fineness(one.terms["granularity"]))
    yield gives >= controllers, "a controller that it names was to give nothing"
    for name, words in agreed.items():
        yield words >= set(body[name]), f"its {name} were not agreed"
    yield given >= controllers, "a controller that it names was to give nothing of this"
    yield fineness(body["granularity"]) <= finest, "it is finer than was agreed"


def samples(standing: Standing, entry: Entry) -> Rules:
    yield entry.body["disclosure"] in standing.disclosures, "it opens something that is no disclosure"
    yield entry.body["recipient"] in standing.parties, "its recipient is not registered"
