"""What went out: releases, exports, disclosures, refusals, and the samples that an auditor opens."""

from __future__ import annotations

from consent_ledger.verify.line import Entry
from consent_ledger.verify.standing import PLATFORM, Agreement, Rules, Standing
from consent_ledger.verify.words import TEXTS


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
    standing.bases.setdefault(size, []).append((root, entry.seq))
    if entry.kind == "disclosure.recorded":
        yield from _disclosures(standing, entry, [standing.agreements[name] for name in body["agreements"]])


def _disclosures(standing: Standing, entry: Entry, under: list[Agreement]) -> Rules:
    body, recipient, size = entry.body, entry.body["recipient"], entry.body["basis"]["size"]
    gives = {party for one in under for party in one.parties("source", "both")}
    gets = all(recipient in one.parties("recipient", "both") for one in under)
    fineness = TEXTS["granularity"].split("|").index
    finest = max(fineness(one.terms["granularity"]) for one in under)
    yield bool(body["basis"]["seqs"]), "it names no entry that it stands on"
    yield recipient in {PLATFORM, standing.clients.get(body["client"])}, "its application is another's"
    yield all(one.stood(size) for one in under), "an agreement that it names did not stand then"
    yield gets, "an agreement that it names gives its recipient nothing"
    yield gives >= set(body["controllers"]), "a controller that it names was to give nothing"
    for name in ("purposes", "groups"):
        agreed = {word for one in under for word in one.terms[name]}
        yield agreed >= set(body[name]), f"its {name} were not agreed"
    yield fineness(body["granularity"]) <= finest, "it is finer than was agreed"
    standing.disclosures.add(entry.seq)


def samples(standing: Standing, entry: Entry) -> Rules:
    yield entry.body["disclosure"] in standing.disclosures, "it opens something that is no disclosure"
    yield entry.body["recipient"] in standing.parties, "its recipient is not registered"
