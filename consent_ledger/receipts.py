"""
Consent records and receipts: one consent, as ISO/IEC TS 27560:2023 asks for it, in JSON-LD.

A *record* is what the controller keeps and shows to an authority (GDPR 7(1)); a *receipt* is what the person
gets: the record, and what proves every word of it. Both are written by
`consent_ledger.verify.consent_record`, so that whoever checks a receipt offline writes it again and
compares. Nothing here reads or keeps anything: who gives the parts has the permit.

A receipt holds the secret of its one entry. Whoever has it can show that this entry is about its holder,
also after the person was erased here; it opens no other entry.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from consent_ledger.agreements import Agreement
from consent_ledger.entry import Entry
from consent_ledger.verify.consent_receipt import commitment_of, placed, told
from consent_ledger.verify.consent_record import FORMAT, Told, receipt, record
from consent_ledger.verify.line import read
from consent_ledger.verify.refused import Refused
from consent_ledger.vocabulary import ControllerRole, PartyId, Position

_RECIPIENTS = {
    ControllerRole.INDEPENDENT: "dpv:ThirdParty",
    ControllerRole.JOINT: "dpv:JointDataControllers",
    ControllerRole.PROCESSOR: "dpv:DataProcessor",
}
"""What a recipient under an agreement is to the controller, from the controller's side."""


class ReceiptNotWritten(Exception):
    """What the vault opens does not fit what the ledger says. Carries a code and a plain sentence."""

    code = "RECEIPT_NOT_WRITTEN"

    def __init__(self, position: int) -> None:
        self.sentence = (
            f"Of entry {position} the vault keeps something else than the ledger was told, so no receipt can be"
            " given; have the operator look with `ledger fsck`."
        )
        super().__init__(self.sentence)


@dataclass(frozen=True, slots=True)
class Proven:
    """An entry and its C2SP tlog-proof."""

    position: Position
    line: bytes
    proof: str

    def shown(self) -> dict[str, Any]:
        """As it stands in a receipt."""
        return {"position": self.position, "entry": self.line.decode(), "proof": self.proof}


@dataclass(frozen=True, slots=True)
class Consent:
    """
    One consent with all that is known of it: its entry, what opens it, and the rules under which it was said.

    `place` and `path` are those in a batch; `notice` and `basis` the entries that published the notice
    that the entry names, and that recorded the controller's lawful basis last before it.
    """

    origin: str
    entry: Entry
    payload: bytes = field(repr=False)
    opening: bytes = field(repr=False)
    place: int | None = None
    path: Sequence[bytes] = ()
    notice: Entry | None = None
    basis: Entry | None = None

    def batch(self) -> dict[str, Any] | None:
        """The place in a batch, as it stands in a receipt; None in an entry of one person."""
        return None if self.place is None else {"index": self.place, "path": [one.hex() for one in self.path]}

    def told(self) -> Told:
        """What these say together. Raises `ReceiptNotWritten` when they contradict each other."""
        commitment = commitment_of(self.payload, self.opening)
        try:
            notice, basis = (
                None if one is None else read(one.line, one.seq) for one in (self.notice, self.basis)
            )
            entry = read(self.entry.line, self.entry.seq)
            place = placed(entry, commitment, self.batch())
            return told(self.origin, entry, self.payload, place, commitment, notice, basis)
        except Refused:
            raise ReceiptNotWritten(self.entry.seq) from None


def consent_receipt(consent: Consent, proofs: Mapping[int, str]) -> str:
    """
    The receipt of this consent, as the text of a file; `proofs` holds the tlog-proof of each entry in it.

    The same parts give the same text. Raises `ReceiptNotWritten`.
    """

    def proven(entry: Entry) -> dict[str, Any]:
        return Proven(entry.seq, entry.line, proofs[entry.seq]).shown()

    proof = {
        "format": FORMAT,
        **proven(consent.entry),
        "payload": consent.payload.decode(),
        "opening": consent.opening.hex(),
        "batch": consent.batch(),
        "notice": None if consent.notice is None else proven(consent.notice),
        "basis": None if consent.basis is None else proven(consent.basis),
    }
    return json.dumps(receipt(consent.told(), proof), ensure_ascii=False, indent=2)


def consent_record(
    consent: Consent, *, name: str, channel: str | None, agreements: Sequence[Agreement]
) -> str:
    """
    The record of this consent, as one line of JSON, for the controller itself.

    Beside what the receipt says it tells what only the controller's own books know: its name, where the
    person said it, and who received data for this purpose under the agreements that stood at the entry.
    """
    said = consent.told()
    whole = receipt(said, {})
    kept = {"@context": whole["@context"], **record(said)}
    kept["dpv:hasEntity"][0]["dpv:hasName"] = name
    if channel is not None:
        kept["dpv:hasConsentStatus"][0]["dpv:hasIndicationMethod"] = channel
    others = _recipients(said, agreements)
    kept["dpv:hasProcess"]["dpv:hasRecipient"] += [one["@id"] for one in others]
    kept["dpv:hasEntity"] += others
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":"))


def _recipients(said: Told, agreements: Sequence[Agreement]) -> list[dict[str, Any]]:
    """Who received under these agreements, each with every role that it had."""
    roles: dict[PartyId, set[str]] = {}
    for one in agreements:
        for party in one.recipients - {PartyId(said.controller)}:
            roles.setdefault(party, set()).add(_RECIPIENTS[one.roles[party]])
    return [
        {
            "@id": said.party(party),
            "@type": ["dpv:Recipient", *sorted(roles[party])],
            "dpv:hasName": party,
            "dpv:hasIdentifier": said.party(party),
        }
        for party in sorted(roles)
    ]
