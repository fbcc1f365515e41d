"""Agreements: put on the table, accepted by each party, refused or ended by any of them."""

from __future__ import annotations

from dataclasses import replace

from consent_ledger.agreements import Agreement, proposed
from consent_ledger.entry import Entry, EntryType
from consent_ledger.fold.errors import IllegalEntry
from consent_ledger.fold.fold import TAKES, Fold, ending, recorded_at, speaks_for
from consent_ledger.fold.members import asserted, signed_by, standing_key
from consent_ledger.passkeys import acceptance_challenge
from consent_ledger.vocabulary import PLATFORM, AgreementId, Assurance, PartyId


def agreement_proposed(fold: Fold, entry: Entry) -> None:
    agreement = proposed(entry)
    if agreement.id in fold.see("agreements"):
        raise IllegalEntry("ALREADY_PROPOSED", "an agreement with this id was proposed already")
    for party in agreement.parties - {PLATFORM}:
        fold.open_party(party)
    if not agreement.sources or not agreement.recipients:
        raise IllegalEntry("ONE_SIDED", "an agreement needs who gives and who receives")
    if PLATFORM in agreement.sources or len(agreement.parties) < 2:
        raise IllegalEntry(
            "ONE_SIDED", "an agreement is between two organisations, and the platform gives none"
        )
    if agreement.proposer not in agreement.parties | {PLATFORM}:
        raise IllegalEntry("NOT_A_PARTY", "only a party can propose an agreement")
    speaks_for(entry, agreement.proposer)
    if agreement.valid_from is not None and agreement.valid_from < recorded_at(entry):
        raise IllegalEntry("BACK_DATED", "an agreement cannot begin before it is recorded")
    if agreement.is_expired(recorded_at(entry)):
        raise IllegalEntry("AGREEMENT_EXPIRED", "an agreement cannot end before it is recorded")
    for ref in entry.refs:
        _countered(fold, ref, agreement.proposer)
    fold.put("agreements", agreement.id, agreement)
    for party in agreement.parties:
        fold.put("agreements_of", party, (*fold.see("agreements_of").get(party, ()), agreement.id))


def _countered(fold: Fold, ref: int, proposer: PartyId) -> None:
    """A counter-proposal answers a proposal that was made to its proposer."""
    for known in map(fold.see("agreements").get, fold.see("agreements_of").get(proposer, ())):
        if known.seqs[0] == ref:
            return
    raise IllegalEntry("UNKNOWN_AGREEMENT", "a counter-proposal answers a proposal to the same party")


def _open(fold: Fold, entry: Entry) -> tuple[Agreement, PartyId]:
    """The agreement this entry speaks of, still open, and the party that speaks."""
    known = fold.see("agreements").get(AgreementId(str(entry.body["agreement"])))
    party = PartyId(str(entry.body["party"]))
    if not isinstance(known, Agreement) or party not in known.parties:
        raise IllegalEntry("UNKNOWN_AGREEMENT", "this organisation is no party to such an agreement")
    speaks_for(entry, party)
    if entry.refs != known.seqs[:1]:
        raise IllegalEntry("REFS", "the entry refers to something else than its proposal")
    if known.is_over:
        raise IllegalEntry("AGREEMENT_ENDED", "this agreement has ended; propose a new one")
    return known, party


def _accepted(fold: Fold, entry: Entry) -> tuple[Agreement, PartyId]:
    known, party = _open(fold, entry)
    if party != PLATFORM:
        fold.open_party(party)
    if entry.body["terms_sha256"] != known.terms_sha256:
        raise IllegalEntry("OTHER_TERMS", "what was accepted is not what was proposed")
    if known.is_expired(recorded_at(entry)):
        raise IllegalEntry("AGREEMENT_EXPIRED", "the proposal has expired; propose a new one")
    if party in known.accepted:
        raise IllegalEntry("ALREADY_ACCEPTED", "this organisation accepted the agreement already")
    accepted = replace(
        known,
        accepted=known.accepted | {party},
        accepted_at={**known.accepted_at, party: entry.seq},
        seqs=(*known.seqs, entry.seq),
    )
    return accepted, party


def agreement_accepted(fold: Fold, entry: Entry) -> None:
    """As the operator says; who signs does so by the entry's second form."""
    accepted, _ = _accepted(fold, entry)
    if entry.body["assurance"] != Assurance.OPERATOR_ATTESTED:
        raise IllegalEntry("ASSURANCE", "a signature is claimed, and there is none")
    fold.put("agreements", accepted.id, accepted)


def agreement_signed(fold: Fold, entry: Entry) -> None:
    """By a key of the house itself, over these terms and the preview that it saw."""
    accepted, party = _accepted(fold, entry)
    assertion = asserted(entry.body["assertion"])
    challenge = acceptance_challenge(
        ledger=fold.see("origin"),
        party=party,
        agreement=accepted.id,
        terms_sha256=accepted.terms_sha256,
        preview_sha256=str(entry.body["preview_sha256"]),
    )
    signed_by(fold, assertion, standing_key(fold, assertion.key, party), challenge)
    signed = {**accepted.signed_with, party: assertion.key}
    fold.put("agreements", accepted.id, replace(accepted, signed_with=signed))


def agreement_refused(fold: Fold, entry: Entry) -> None:
    known, party = _open(fold, entry)
    if known.is_accepted:
        raise IllegalEntry("ALREADY_ACCEPTED", "an agreement that stands is ended, not refused")
    _over(fold, entry, replace(known, refused_by=party))


def agreement_ended(fold: Fold, entry: Entry) -> None:
    known, party = _open(fold, entry)
    _over(fold, entry, replace(known, ended_by=party))


def _over(fold: Fold, entry: Entry, agreement: Agreement) -> None:
    over = replace(agreement, seqs=(*agreement.seqs, entry.seq), ending=ending(entry))
    fold.put("agreements", agreement.id, over)


TAKES.update(
    {
        EntryType.AGREEMENT_PROPOSED: agreement_proposed,
        EntryType.AGREEMENT_ACCEPTED: agreement_accepted,
        EntryType.AGREEMENT_SIGNED: agreement_signed,
        EntryType.AGREEMENT_REFUSED: agreement_refused,
        EntryType.AGREEMENT_ENDED: agreement_ended,
    }
)
