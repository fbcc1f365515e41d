"""
The state of the house at any size of the ledger: the fold of its entries, in index order.

`State.apply` is pure: it returns a new state and never changes the old one, so requests that
pinned an earlier size keep what they saw. Order is the index and nothing else; times decide only
whether a thing that stands is valid now. An entry of an unknown type makes the fold fail closed,
and an entry that says something impossible (accepting an agreement nobody proposed) is refused
before it gets an index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from consent_ledger.agreements import Agreement, proposed
from consent_ledger.entry import DECIDING, Entry, EntryType
from consent_ledger.records import (
    Client,
    Notice,
    Party,
    PublishedPurpose,
    RecordedBasis,
    SealedRelease,
    instant,
    number,
    texts,
)
from consent_ledger.vocabulary import (
    PLATFORM,
    AgreementId,
    Assurance,
    ClientId,
    ClientKind,
    LawfulBasis,
    PartyId,
    PartyKind,
    Purpose,
    Scope,
)


class UnknownEntry(Exception):
    """An entry of a type this version does not know: the fold stops, proofs still verify."""

    def __init__(self, seq: int) -> None:
        super().__init__(
            f"entry {seq} is of a type that this version does not know; use the version that wrote it"
        )


class IllegalEntry(Exception):
    """The entry says something that cannot be at this point. Carries a code and a plain sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class State:
    """What stands after entries 0 .. size-1; `decision_position`: the last that can change a verdict."""

    size: int = 0
    decision_position: int = -1
    origin: str = ""
    is_sandbox: bool = False
    parties: Mapping[PartyId, Party] = field(default_factory=dict)
    clients: Mapping[ClientId, Client] = field(default_factory=dict)
    purposes: Mapping[Purpose, PublishedPurpose] = field(default_factory=dict)
    bases: Mapping[tuple[PartyId, Purpose], RecordedBasis] = field(default_factory=dict)
    notices: Mapping[tuple[PartyId, Purpose], Notice] = field(default_factory=dict)
    notice_versions: Mapping[tuple[PartyId, str], int] = field(default_factory=dict)
    definitions: Mapping[tuple[str, str], str] = field(default_factory=dict)
    segment_models: Mapping[tuple[str, str], str] = field(default_factory=dict)
    policies: Mapping[str, str] = field(default_factory=dict)
    agreements: Mapping[AgreementId, Agreement] = field(default_factory=dict)
    agreements_of: Mapping[PartyId, tuple[AgreementId, ...]] = field(default_factory=dict)
    data_positions: Mapping[PartyId, int] = field(default_factory=dict)
    standing_positions: Mapping[PartyId, int] = field(default_factory=dict)
    releases: Mapping[str, SealedRelease] = field(default_factory=dict)

    @classmethod
    def start(cls) -> State:
        """The state of an empty ledger."""
        return cls()

    def data_position(self, party: PartyId) -> int:
        """The last entry that changed this party's data; -1 when none did."""
        return self.data_positions.get(party, -1)

    def standing_position(self, party: PartyId) -> int:
        """The last entry that changed a person's standing at this party; -1 when none did."""
        return self.standing_positions.get(party, -1)

    def apply(self, entries: Sequence[Entry]) -> State:
        """The state after these entries too; self stays. Raises `UnknownEntry` or `IllegalEntry`."""
        fold = _Fold(self)
        for entry in entries:
            fold.take(entry)
        return fold.state()


_CONSENT = frozenset(kind for kind in EntryType if kind.value.startswith("consent."))


class _Fold:
    """One pass over entries; copies a map only when the first entry touches it."""

    def __init__(self, base: State) -> None:
        self._base = base
        self._size = base.size
        self._decision = base.decision_position
        self._changes: dict[str, Any] = {}  # by the name of a State field

    def state(self) -> State:
        return replace(
            self._base,
            size=self._size,
            decision_position=self._decision,
            **self._changes,
        )

    def _map(self, name: str) -> dict[object, object]:
        """A map to write in."""
        if name not in self._changes:
            self._changes[name] = dict(getattr(self._base, name))
        found: dict[object, object] = self._changes[name]
        return found

    def _see(self, name: str) -> Mapping[object, object]:
        """A map to read from, changes of this pass included."""
        found: Mapping[object, object] = self._changes.get(name) or getattr(self._base, name)
        return found

    def take(self, entry: Entry) -> None:
        if entry.seq != self._size:
            raise IllegalEntry("OUT_OF_ORDER", f"entry {entry.seq} does not follow {self._size - 1}")
        try:
            kind = EntryType(entry.type)
        except ValueError:
            raise UnknownEntry(entry.seq) from None
        if (kind is EntryType.LEDGER_CREATED) != (entry.seq == 0):
            raise IllegalEntry("OUT_OF_ORDER", "a ledger is created by its first entry, and only there")
        if entry.actor.party != PLATFORM:
            self._party(entry.actor.party)
        if kind in _CONSENT:
            self._consent(entry)
        else:
            _TAKE[kind](self, entry)
        self._size += 1
        if kind in DECIDING:
            self._decision = entry.seq

    # -- parties and clients ------------------------------------------------------------------

    def _party(self, party: object) -> Party:
        """The open party of this id."""
        found = self._see("parties").get(party)
        if not isinstance(found, Party) or not found.is_open:
            raise IllegalEntry("UNKNOWN_PARTY", "this organisation is not registered on the platform")
        return found

    def created(self, entry: Entry) -> None:
        self._changes["origin"] = str(entry.body["origin"])
        self._changes["is_sandbox"] = bool(entry.body["sandbox"])

    def party_registered(self, entry: Entry) -> None:
        party = PartyId(str(entry.body["party"]))
        if party in self._see("parties") or party == PLATFORM:
            raise IllegalEntry("ALREADY_REGISTERED", "an organisation with this id is registered already")
        self._map("parties")[party] = Party(
            PartyKind(str(entry.body["kind"])),
            PartyId(str(entry.body["organisation"])),
            sandbox=bool(entry.body["sandbox"]),
            is_open=True,
            seq=entry.seq,
        )

    def party_closed(self, entry: Entry) -> None:
        party = PartyId(str(entry.body["party"]))
        self._map("parties")[party] = replace(self._party(party), is_open=False, seq=entry.seq)

    def scope_granted(self, entry: Entry) -> None:
        client, party = ClientId(str(entry.body["client"])), PartyId(str(entry.body["party"]))
        self._party(party)
        known = self._see("clients").get(client)
        if isinstance(known, Client) and known.party != party:
            raise IllegalEntry("FOREIGN_CLIENT", "this application belongs to another organisation")
        self._map("clients")[client] = Client(
            party,
            ClientKind(str(entry.body["kind"])),
            frozenset(Scope(scope) for scope in texts(entry.body["scopes"])),
            is_live=True,
            seq=entry.seq,
        )

    def scope_revoked(self, entry: Entry) -> None:
        known = self._see("clients").get(ClientId(str(entry.body["client"])))
        if not isinstance(known, Client) or known.party != entry.body["party"]:
            raise IllegalEntry("UNKNOWN_CLIENT", "this application is not registered for this organisation")
        self._map("clients")[ClientId(str(entry.body["client"]))] = replace(
            known, is_live=False, scopes=frozenset(), seq=entry.seq
        )

    # -- rules of the house --------------------------------------------------------------------

    def purpose_published(self, entry: Entry) -> None:
        purpose, version = Purpose(str(entry.body["purpose"])), number(entry.body["version"])
        known = self._see("purposes").get(purpose)
        if version != (known.version + 1 if isinstance(known, PublishedPurpose) else 1):
            raise IllegalEntry("VERSION", "versions of a purpose follow each other, from 1")
        self._map("purposes")[purpose] = PublishedPurpose(
            version,
            frozenset(LawfulBasis(basis) for basis in texts(entry.body["bases"])),
            is_high_risk=bool(entry.body["high_risk"]),
            seq=entry.seq,
        )

    def basis_recorded(self, entry: Entry) -> None:
        controller, purpose = PartyId(str(entry.body["controller"])), Purpose(str(entry.body["purpose"]))
        self._party(controller)
        published = self._published(purpose)
        basis = LawfulBasis(str(entry.body["basis"]))
        if entry.body["purpose_version"] != published.version or basis not in published.bases:
            raise IllegalEntry("BASIS", "this lawful basis is not possible for this version of the purpose")
        self._map("bases")[controller, purpose] = RecordedBasis(
            basis, published.version, has_dpia=entry.body["dpia_sha256"] is not None, seq=entry.seq
        )

    def _published(self, purpose: Purpose) -> PublishedPurpose:
        published = self._see("purposes").get(purpose)
        if not isinstance(published, PublishedPurpose):
            raise IllegalEntry("UNKNOWN_PURPOSE", "this purpose has not been published")
        return published

    def notice_published(self, entry: Entry) -> None:
        controller, notice = PartyId(str(entry.body["controller"])), str(entry.body["notice"])
        self._party(controller)
        version = number(entry.body["version"])
        if version != number(self._see("notice_versions").get((controller, notice), 0)) + 1:
            raise IllegalEntry("VERSION", "versions of a notice follow each other, from 1")
        self._map("notice_versions")[controller, notice] = version
        since = instant(entry.vf or entry.rt).date()
        if since < instant(entry.rt).date():
            raise IllegalEntry("BACK_DATED", "a notice cannot have told visitors before it is recorded")
        for name in texts(entry.body["purposes"]):
            key = (controller, Purpose(name))
            if key not in self._see("notices"):
                self._map("notices")[key] = Notice(since, entry.seq)

    def definition_published(self, entry: Entry) -> None:
        self._map("definitions")[str(entry.body["definition"]), str(entry.body["version"])] = str(
            entry.body["sha256"]
        )

    def segments_published(self, entry: Entry) -> None:
        self._map("segment_models")[str(entry.body["model"]), str(entry.body["version"])] = str(
            entry.body["sha256"]
        )

    def policy_published(self, entry: Entry) -> None:
        self._map("policies")[str(entry.body["policy"])] = str(entry.body["sha256"])

    # -- agreements ----------------------------------------------------------------------------

    def agreement_proposed(self, entry: Entry) -> None:
        agreement = proposed(entry)
        if agreement.id in self._see("agreements"):
            raise IllegalEntry("ALREADY_PROPOSED", "an agreement with this id was proposed already")
        for party in agreement.parties - {PLATFORM}:
            self._party(party)
        if not agreement.sources or not agreement.recipients:
            raise IllegalEntry("ONE_SIDED", "an agreement needs who gives and who receives")
        if PLATFORM in agreement.sources or len(agreement.parties) < 2:
            raise IllegalEntry(
                "ONE_SIDED", "an agreement is between two organisations, and the platform gives none"
            )
        if agreement.proposer not in agreement.parties | {PLATFORM}:
            raise IllegalEntry("NOT_A_PARTY", "only a party can propose an agreement")
        _speaks_for(entry, agreement.proposer)
        if agreement.valid_from is not None and agreement.valid_from < instant(entry.rt):
            raise IllegalEntry("BACK_DATED", "an agreement cannot begin before it is recorded")
        if agreement.is_expired(instant(entry.rt)):
            raise IllegalEntry("AGREEMENT_EXPIRED", "an agreement cannot end before it is recorded")
        for ref in entry.refs:
            self._countered(ref, agreement.proposer)
        self._map("agreements")[agreement.id] = agreement
        for party in agreement.parties:
            known = self._see("agreements_of").get(party, ())
            self._map("agreements_of")[party] = (*known, agreement.id)  # type: ignore[misc]  # a tuple of ids

    def _countered(self, ref: int, proposer: PartyId) -> None:
        """A counter-proposal answers a proposal that was made to its proposer."""
        for known in map(self._see("agreements").get, self._see("agreements_of").get(proposer, ())):  # type: ignore[call-overload]  # a tuple of ids
            if isinstance(known, Agreement) and known.seqs[0] == ref:
                return
        raise IllegalEntry("UNKNOWN_AGREEMENT", "a counter-proposal answers a proposal to the same party")

    def _agreement(self, entry: Entry) -> tuple[Agreement, PartyId]:
        """The agreement this entry speaks of, still open, and the party that speaks."""
        known = self._see("agreements").get(AgreementId(str(entry.body["agreement"])))
        party = PartyId(str(entry.body["party"]))
        if not isinstance(known, Agreement) or party not in known.parties:
            raise IllegalEntry("UNKNOWN_AGREEMENT", "this organisation is no party to such an agreement")
        _speaks_for(entry, party)
        if entry.refs != known.seqs[:1]:
            raise IllegalEntry("REFS", "the entry refers to something else than its proposal")
        if known.is_over:
            raise IllegalEntry("AGREEMENT_ENDED", "this agreement has ended; propose a new one")
        return known, party

    def agreement_accepted(self, entry: Entry) -> None:
        known, party = self._agreement(entry)
        if entry.body["assurance"] != Assurance.OPERATOR_ATTESTED:
            raise IllegalEntry("ASSURANCE", "no signature can be recorded yet, so none can be claimed")
        if entry.body["terms_sha256"] != known.terms_sha256:
            raise IllegalEntry("OTHER_TERMS", "what was accepted is not what was proposed")
        if known.is_expired(instant(entry.rt)):
            raise IllegalEntry("AGREEMENT_EXPIRED", "the proposal has expired; propose a new one")
        if party in known.accepted:
            raise IllegalEntry("ALREADY_ACCEPTED", "this organisation accepted the agreement already")
        self._map("agreements")[known.id] = replace(
            known, accepted=known.accepted | {party}, seqs=(*known.seqs, entry.seq)
        )

    def agreement_refused(self, entry: Entry) -> None:
        known, party = self._agreement(entry)
        if known.is_accepted:
            raise IllegalEntry("ALREADY_ACCEPTED", "an agreement that stands is ended, not refused")
        self._map("agreements")[known.id] = replace(known, refused_by=party, seqs=(*known.seqs, entry.seq))

    def agreement_ended(self, entry: Entry) -> None:
        known, party = self._agreement(entry)
        self._map("agreements")[known.id] = replace(known, ended_by=party, seqs=(*known.seqs, entry.seq))

    # -- persons, data, releases ------------------------------------------------------------------

    def _consent(self, entry: Entry) -> None:
        controller = PartyId(str(entry.body["controller"]))
        self._party(controller)
        published = self._published(Purpose(str(entry.body["purpose"])))
        if number(entry.body["purpose_version"]) > published.version:
            raise IllegalEntry("VERSION", "this version of the purpose has not been published")
        if (notice := entry.body["notice"]) is not None:
            told = number(self._see("notice_versions").get((controller, notice), 0))
            if not 1 <= number(entry.body["notice_version"] or 0) <= told:
                raise IllegalEntry("UNKNOWN_NOTICE", "this house published no such notice in this version")
        self._map("standing_positions")[controller] = entry.seq

    def subject_erased(self, entry: Entry) -> None:
        controller = PartyId(str(entry.body["controller"]))
        self._party(controller)
        self._map("standing_positions")[controller] = entry.seq
        self._map("data_positions")[controller] = entry.seq

    def import_accepted(self, entry: Entry) -> None:
        institution = PartyId(str(entry.body["institution"]))
        self._party(institution)
        self._map("data_positions")[institution] = entry.seq

    def release_sealed(self, entry: Entry) -> None:
        release = str(entry.body["release"])
        if release in self._see("releases"):
            raise IllegalEntry("ALREADY_SEALED", "this release was sealed already")
        self._map("releases")[release] = SealedRelease(
            release, str(entry.body["policy"]), is_retracted=False, seq=entry.seq
        )

    def release_retracted(self, entry: Entry) -> None:
        known = self._see("releases").get(str(entry.body["release"]))
        if not isinstance(known, SealedRelease):
            raise IllegalEntry("UNKNOWN_RELEASE", "no such release was sealed")
        self._map("releases")[known.id] = replace(known, is_retracted=True)

    def nothing(self, entry: Entry) -> None:
        """Disclosures, refusals and exports are recorded; they change no verdict."""


def _speaks_for(entry: Entry, party: PartyId) -> None:
    if entry.actor.party not in {party, PLATFORM}:
        raise IllegalEntry("NOT_A_PARTY", "only the organisation itself can speak for itself")


_TAKE = {
    EntryType.LEDGER_CREATED: _Fold.created,
    EntryType.PARTY_REGISTERED: _Fold.party_registered,
    EntryType.PARTY_CLOSED: _Fold.party_closed,
    EntryType.SCOPE_GRANTED: _Fold.scope_granted,
    EntryType.SCOPE_REVOKED: _Fold.scope_revoked,
    EntryType.PURPOSE_PUBLISHED: _Fold.purpose_published,
    EntryType.BASIS_RECORDED: _Fold.basis_recorded,
    EntryType.NOTICE_PUBLISHED: _Fold.notice_published,
    EntryType.DEFINITION_PUBLISHED: _Fold.definition_published,
    EntryType.SEGMENTS_PUBLISHED: _Fold.segments_published,
    EntryType.POLICY_PUBLISHED: _Fold.policy_published,
    EntryType.AGREEMENT_PROPOSED: _Fold.agreement_proposed,
    EntryType.AGREEMENT_ACCEPTED: _Fold.agreement_accepted,
    EntryType.AGREEMENT_REFUSED: _Fold.agreement_refused,
    EntryType.AGREEMENT_ENDED: _Fold.agreement_ended,
    EntryType.SUBJECT_ERASED: _Fold.subject_erased,
    EntryType.IMPORT_ACCEPTED: _Fold.import_accepted,
    EntryType.RELEASE_SEALED: _Fold.release_sealed,
    EntryType.RELEASE_RETRACTED: _Fold.release_retracted,
    EntryType.DISCLOSURE_RECORDED: _Fold.nothing,
    EntryType.REFUSAL_RECORDED: _Fold.nothing,
    EntryType.EXPORT_ISSUED: _Fold.nothing,
}
