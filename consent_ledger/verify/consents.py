"""Purposes, lawful bases, notices, and what people said about them."""

from __future__ import annotations

from consent_ledger.verify.line import Entry
from consent_ledger.verify.standing import PLATFORM, Rules, Standing


def rulebook(standing: Standing, entry: Entry) -> Rules:
    """What is published: purposes, the lawful basis of each house, and what its visitors are told."""
    body = entry.body
    if entry.kind.startswith("notice."):
        yield from _notices(standing, entry)
        return
    version, bases = standing.purposes.get(body["purpose"], (0, []))
    if entry.kind == "purpose.published":
        yield body["version"] == version + 1, "versions of a purpose follow each other, from 1"
        standing.purposes[body["purpose"]] = body["version"], body["bases"]
    else:
        yield body["purpose_version"] == version, "not this version of the purpose was published last"
        yield body["basis"] in bases, "this lawful basis is not possible for the purpose"


def _notices(standing: Standing, entry: Entry) -> Rules:
    body = entry.body
    notice = body["controller"], body["notice"]
    told, version = standing.notices.get(notice, 0), body["version"]
    if entry.kind == "notice.invalidated":
        yield version <= told, "this version of the notice was not published"
        yield (*notice, version) not in standing.wrong_notices, "this notice was found wrong already"
        standing.wrong_notices.add((*notice, version))
        return
    yield version == told + 1, "versions of a notice follow each other, from 1"
    yield (entry.vf or entry.rt)[:10] >= entry.rt[:10], "the notice is back-dated"
    standing.notices[notice] = version


_GIVING = frozenset({"consent.granted", "consent.renewed"})


def consents(standing: Standing, entry: Entry) -> Rules:
    """
    What limits the use of somebody's data is taken at a house that has left, too, and under any notice.

    What gives something is taken at a member, under a notice that was not found wrong.
    """
    body, controller = entry.body, entry.body["controller"]
    gives = entry.kind in _GIVING
    if entry.kind == "consent.batch":
        gives = body["granted"] > 0
        somebody = body["granted"] + body["refused"] + body["withdrawn"] + body["objected"]
        yield somebody > 0, "it tells of nobody"
    is_there = standing.is_member(controller) if gives else standing.was_member(controller)
    yield is_there, "it is about no member of the platform"
    yield entry.party == PLATFORM or entry.party == controller, "it was said in the name of another"  # noqa: PLR1714 - often
    published = standing.purposes.get(body["purpose"], (0, []))[0]
    yield body["purpose_version"] <= published, "this version of the purpose was not published"
    notice, version = body["notice"], body["notice_version"]
    if notice is not None:
        told = standing.notices.get((controller, notice), 0)
        yield 0 < (version or 0) <= told, "this version of the notice was not published"
        is_wrong = gives and (controller, notice, version) in standing.wrong_notices
        yield not is_wrong, "this notice had been found wrong: nothing can be given under it"
