"""
Disclosures, refusals, samples and exports: they change no verdict.

They are held to what an auditor will hold them to, so that nothing can be recorded that the export's
verifier would refuse: data move under agreements that stood, as agreed, to who was to receive them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from consent_ledger.agreements import Agreement
from consent_ledger.entry import Entry, EntryType
from consent_ledger.fold.errors import IllegalEntry
from consent_ledger.fold.fold import TAKES, Fold, speaks_for
from consent_ledger.records import number, texts
from consent_ledger.vocabulary import (
    GRANULARITY_ORDER,
    PLATFORM,
    AgreementId,
    Granularity,
    PartyId,
)


def refused(fold: Fold, entry: Entry) -> None:
    _decided(fold, entry)


def disclosed(fold: Fold, entry: Entry) -> None:
    agreements, size = _decided(fold, entry)
    recipient = PartyId(str(entry.body["recipient"]))
    client = fold.see("clients").get(entry.body["client"])
    seqs = _basis(entry)["seqs"]
    gives = {party for one in agreements for party in one.sources}
    finest = max((_fineness(one.granularity) for one in agreements), default=-1)
    _hold(bool(seqs), "it names no entry that it stands on")
    for name in ("controllers", "agreements", "purposes", "groups"):
        _hold(bool(entry.body[name]), f"it names no {name}")
    _hold(
        recipient == PLATFORM or (client is not None and client.party == recipient), "its client is another's"
    )
    _hold(all(_stood(one, size) for one in agreements), "an agreement that it names did not stand then")
    _hold(all(recipient in one.recipients for one in agreements), "an agreement gives its recipient nothing")
    _hold(gives >= set(texts(entry.body["controllers"])), "a controller that it names was to give nothing")
    for name, agreed in (
        ("purposes", {purpose for one in agreements for purpose in one.purposes}),
        ("groups", {group for one in agreements for group in one.groups}),
    ):
        _hold(agreed >= set(texts(entry.body[name])), f"its {name} were not agreed")
    fineness = _fineness(Granularity(str(entry.body["granularity"])))
    _hold(fineness <= finest, "it is finer than was agreed")
    fold.set("disclosures", fold.see("disclosures").plus(entry.seq))


def _decided(fold: Fold, entry: Entry) -> tuple[list[Agreement], int]:
    """The agreements that it names, and the size that it stands on."""
    body, basis = entry.body, _basis(entry)
    size = number(basis["size"])
    recipient = PartyId(str(body["recipient"]))
    speaks_for(entry, recipient)
    _hold(0 < size <= entry.seq, "it stands on entries that came later")
    for party in (recipient, *texts(body["controllers"])):
        if party != PLATFORM:
            fold.known_party(party)
    known = [fold.see("agreements").get(AgreementId(name)) for name in texts(body["agreements"])]
    agreements = [one for one in known if isinstance(one, Agreement)]
    _hold(len(agreements) == len(known), "it names an agreement that nobody proposed")
    return agreements, size


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
    ended = agreement.seqs[1 + len(agreement.parties) :]
    return agreement.is_accepted and _below(accepted, size) and not (ended and ended[0] < size)


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
    """Who took which entries."""


TAKES.update(
    {
        EntryType.DISCLOSURE_RECORDED: disclosed,
        EntryType.REFUSAL_RECORDED: refused,
        EntryType.REFUSAL_TOLD: refused,
        EntryType.SAMPLE_OPENED: sample_opened,
        EntryType.EXPORT_ISSUED: export_issued,
    }
)
