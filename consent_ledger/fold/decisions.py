"""
Disclosures, refusals, samples and exports: they change no verdict.

They are held to what an auditor will hold them to, so that nothing can be recorded that the export's
verifier would refuse: data move under agreements that stood, as agreed, to who was to receive them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from consent_ledger.agreements import Agreement
from consent_ledger.entry import Entry, EntryType
from consent_ledger.fold.errors import IllegalEntry
from consent_ledger.fold.fold import TAKES, Fold, recorded_at, speaks_for
from consent_ledger.records import Client, Party, number, texts
from consent_ledger.vocabulary import (
    GRANULARITY_ORDER,
    PLATFORM,
    AgreementId,
    FieldGroup,
    Granularity,
    PartyId,
    Purpose,
)

LIFE_OF_A_REQUEST = timedelta(seconds=120)
"""
What ended less long ago may have stood when a decision was made: it stands on what a request saw when it began,
and no request lives longer. Of what ended earlier, no decision can be recorded any more.
"""

_SPAN = 65_536
"""Positions that one entry of an export tells of at most beyond the ledger: it is written once for each span."""


def refused(fold: Fold, entry: Entry) -> None:
    _decided(fold, entry)


def disclosed(fold: Fold, entry: Entry) -> None:
    body = entry.body
    agreements, size = _decided(fold, entry)
    recipient, controllers = (
        PartyId(str(body["recipient"])),
        frozenset(map(PartyId, texts(body["controllers"]))),
    )
    client = fold.see("clients").get(body["client"])
    _hold(bool(_basis(entry)["seqs"]), "it names no entry that it stands on")
    for name in ("controllers", "agreements", "purposes", "groups"):
        _hold(bool(body[name]), f"it names no {name}")
    _hold(
        recipient == PLATFORM or (client is not None and client.party == recipient), "its client is another's"
    )
    if recipient != PLATFORM:
        _hold(client.is_live or _ends_later(client, size), "its application had been revoked")
    for party in {recipient, *controllers} - {PLATFORM}:
        known = fold.known_party(party)
        _hold(known.is_open or _ends_later(known, size), "an organisation that it names had left")
    _hold(all(_stood(one, size) for one in agreements), "an agreement that it names did not stand then")
    at, since = recorded_at(entry), began_by(entry)
    is_valid = all(_has_begun(one, at) and not one.is_expired(since) for one in agreements)
    _hold(is_valid, "an agreement that it names was not valid then")
    _hold(all(recipient in one.recipients for one in agreements), "an agreement gives its recipient nothing")
    _as_agreed(entry, controllers, agreements)
    fold.set("disclosures", fold.see("disclosures").plus(entry.seq))


def _as_agreed(entry: Entry, controllers: frozenset[PartyId], agreements: list[Agreement]) -> None:
    """Each controller gives by an agreement of its own; what is told, those who are named agreed to."""
    purposes = frozenset(map(Purpose, texts(entry.body["purposes"])))
    groups = frozenset(map(FieldGroup, texts(entry.body["groups"])))
    theirs = [one for one in agreements if one.sources & controllers]
    gives = {party for one in theirs for party in one.sources}
    _hold(gives >= controllers, "a controller that it names was to give nothing")
    _hold(
        purposes <= frozenset[Purpose]().union(*(one.purposes for one in theirs)),
        "its purposes were not agreed",
    )
    _hold(
        groups <= frozenset[FieldGroup]().union(*(one.groups for one in theirs)), "its groups were not agreed"
    )
    given = {
        party for one in theirs if one.purposes & purposes and one.groups & groups for party in one.sources
    }
    _hold(given >= controllers, "a controller that it names was to give nothing of this")
    finest = max(_fineness(one.granularity) for one in theirs)
    fineness = _fineness(Granularity(str(entry.body["granularity"])))
    _hold(fineness <= finest, "it is finer than was agreed")


def _decided(fold: Fold, entry: Entry) -> tuple[list[Agreement], int]:
    """The agreements that it names, and the size that it stands on, near enough to the end of the ledger."""
    body, basis = entry.body, _basis(entry)
    size = number(basis["size"])
    recipient = PartyId(str(body["recipient"]))
    speaks_for(entry, recipient)
    _hold(0 < size <= entry.seq, "it stands on entries that came later")
    ends = [fold.known_party(one) for one in {recipient, *texts(body["controllers"])} - {PLATFORM}]
    known = [fold.see("agreements").get(AgreementId(name)) for name in texts(body["agreements"])]
    agreements = [one for one in known if isinstance(one, Agreement)]
    _hold(len(agreements) == len(known), "it names an agreement that nobody proposed")
    client = fold.see("clients").get(body["client"])
    since = began_by(entry)
    for one in (*ends, *agreements, *([] if client is None else [client])):
        is_too_late = _ends_later(one, size) and one.ending.at < since
        _hold(not is_too_late, "something that it names had ended since, longer ago than a request lives")
    return agreements, size


def began_by(entry: Entry) -> datetime:
    """When the request that this decision answered had begun at the earliest."""
    try:
        return recorded_at(entry) - LIFE_OF_A_REQUEST
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)


def _basis(entry: Entry) -> Mapping[str, object]:
    basis = entry.body["basis"]
    assert isinstance(basis, Mapping)
    return basis


def _stood(agreement: Agreement, size: int) -> bool:
    """
    Whether every party had accepted it, and none had ended it, within the first `size` entries.

    Its entries are, in order: the proposal, an acceptance of each party, perhaps its end.
    """
    accepted = agreement.seqs[1 : 1 + len(agreement.parties)]
    is_over = agreement.is_over and not _ends_later(agreement, size)
    return agreement.is_accepted and _below(accepted, size) and not is_over


def _has_begun(agreement: Agreement, at: datetime) -> bool:
    return agreement.valid_from is None or agreement.valid_from <= at


def _ends_later(one: Agreement | Party | Client, size: int) -> bool:
    """Whether it ended, and that beyond the first `size` entries."""
    return one.ending is not None and one.ending.seq >= size


def _below(seqs: Iterable[int], size: int) -> bool:
    return all(seq < size for seq in seqs)


def _fineness(granularity: Granularity) -> int:
    return GRANULARITY_ORDER.index(granularity)


def _hold(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - what must hold, and what is said if not
    if not holds:
        raise IllegalEntry("DECISION", f"the decision cannot be: {otherwise}")


def sample_opened(fold: Fold, entry: Entry) -> None:
    recipient = PartyId(str(entry.body["recipient"]))
    speaks_for(entry, recipient)
    if recipient != PLATFORM:
        fold.known_party(recipient)
    _hold(entry.body["disclosure"] in fold.see("disclosures"), "it opens something that is no disclosure")


def export_issued(fold: Fold, entry: Entry) -> None:
    """Who took which entries; the span that it tells of may go beyond the last of them."""
    recipient = PartyId(str(entry.body["recipient"]))
    speaks_for(entry, recipient)
    if recipient != PLATFORM:
        fold.known_party(recipient)
    _hold(number(entry.body["stop"]) <= entry.seq + _SPAN, "it goes on far beyond the ledger")


TAKES.update(
    {
        EntryType.DISCLOSURE_RECORDED: disclosed,
        EntryType.REFUSAL_RECORDED: refused,
        EntryType.REFUSAL_TOLD: refused,
        EntryType.SAMPLE_OPENED: sample_opened,
        EntryType.EXPORT_ISSUED: export_issued,
    }
)
