"""Consent records and receipts: every purpose and act, every word held to its proof, every term one of DPV."""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from consent_ledger import verify
from consent_ledger.agreements import Agreement
from consent_ledger.canonical import canonical
from consent_ledger.checkpoint import Signer
from consent_ledger.consent_states import ConsentState, after
from consent_ledger.entry import Actor, Draft, Entry, EntryType, Json, sealed
from consent_ledger.log import tlog_proof
from consent_ledger.receipts import Consent, ReceiptNotWritten, consent_receipt, consent_record
from consent_ledger.tree import Tree, leaf_hash
from consent_ledger.vault import sealing
from consent_ledger.verify import Refused, Trust
from consent_ledger.verify.consent_receipt import VERBS, check_consent_receipt
from consent_ledger.verify.consent_record import FORMAT
from consent_ledger.verify.dpv import CONTEXT, EXERCISED, PERSONAL_DATA, PROOF, STATES, USES
from consent_ledger.verify.note import read_key
from consent_ledger.verify.receipts import check_receipts
from consent_ledger.vocabulary import (
    PLATFORM,
    AgreementId,
    ClientId,
    ConsentAct,
    ControllerRole,
    FieldGroup,
    Granularity,
    LawfulBasis,
    Package,
    PartyId,
    Position,
    Purpose,
)
from tests.consent_ledger.ledgers import ORIGIN, SHA, key

HOUSE = "lakeside"
PAGE = Path(__file__).parents[2] / "docs" / "consent-receipts.md"
OPENING = bytes(range(32))
DAY = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
IN_BATCH = (ConsentAct.GRANTED, ConsentAct.REFUSED, ConsentAct.WITHDRAWN, ConsentAct.OBJECTED)

# The terms that we write, each looked up in the vocabularies themselves (DPV 2.3 of February 2026: dpv.csv, pd.csv,
# loc.csv, eu-gdpr.csv, legal-eu.csv; DCMI terms; schema.org; SKOS; RDF). Whoever writes another looks it up first.
TERMS = """
    dct:conformsTo dct:created dct:date dct:identifier dct:language dct:publisher dct:source
    dpv:Aggregate dpv:Analyse dpv:Child dpv:Collect dpv:CommunicationForCustomerCare dpv:ConsentGiven
    dpv:ConsentNotice dpv:ConsentReceipt dpv:ConsentRecord dpv:ConsentRefused dpv:ConsentUnknown
    dpv:ConsentWithdrawn dpv:CustomerOrderManagement dpv:CustomerRelationshipManagement dpv:DataController
    dpv:DataProcessor dpv:DataSubject dpv:DataSubjectDataSource dpv:DataSubjectRight dpv:DirectMarketing
    dpv:Disclose dpv:ExpressedConsent dpv:GuardianOfDataSubject dpv:JointDataControllers dpv:Match
    dpv:OptimisationForController dpv:OrganisationGovernance dpv:PersonalData dpv:PrivacyNotice dpv:Process
    dpv:Profiling dpv:ProvideConsent dpv:ProvideEventRecommendations dpv:ProvideOfficialStatistics
    dpv:Pseudonymise dpv:Purpose dpv:Recipient dpv:RenewedConsentGiven dpv:ResearchAndDevelopment
    dpv:RightExerciseActivity dpv:ServiceUsageAnalytics dpv:StorageDuration dpv:StorageLocation dpv:Store
    dpv:ThirdParty dpv:UntilEventDuration dpv:UntilTimeDuration dpv:Use dpv:WithdrawConsent
    dpv:hasApplicableLaw dpv:hasConsentControl dpv:hasConsentStatus dpv:hasDataController
    dpv:hasDataProcessor dpv:hasDataSource dpv:hasDataSubject dpv:hasDuration dpv:hasEntity dpv:hasIdentifier
    dpv:hasIndicationMethod dpv:hasJurisdiction dpv:hasLegalBasis dpv:hasName dpv:hasNotice
    dpv:hasPersonalData dpv:hasProcess dpv:hasProcessing dpv:hasPurpose dpv:hasRecipient
    dpv:hasRecordOfActivity dpv:hasRight dpv:hasStorageCondition dpv:isExercisedAt dpv:isIndicatedAtTime
    dpv:isIndicatedBy
    eu-gdpr:A15 eu-gdpr:A16 eu-gdpr:A17 eu-gdpr:A18 eu-gdpr:A20 eu-gdpr:A21 eu-gdpr:A6-1-a eu-gdpr:A6-1-b
    eu-gdpr:A6-1-c eu-gdpr:A6-1-e eu-gdpr:A6-1-f eu-gdpr:A7-3
    legal-eu:law-GDPR loc:EU loc:NL
    pd:AgeRange pd:BrowsingBehaviour pd:Country pd:EmailAddress pd:GroupProfile pd:Identifier pd:Interaction
    pd:PostalCode pd:Purchase pd:ServiceConsumptionBehaviour pd:Transaction
    rdf:value schema:ContactPoint schema:PostalAddress schema:contactPoint schema:recipient schema:url
    skos:broader
"""

MANDATORY = {
    "record": "dct:conformsTo dct:identifier dpv:hasDataSubject dpv:hasNotice dpv:hasProcess dpv:hasDataController"
    " dpv:hasConsentControl dpv:hasJurisdiction dpv:hasRight dpv:hasEntity dpv:hasConsentStatus",
    "process": "dpv:hasPurpose dpv:hasPersonalData dpv:hasStorageCondition dpv:hasRecipient",
    "notice": "dct:language",
    "controller": "dpv:hasName dpv:hasIdentifier schema:contactPoint",
    "event": "@type dpv:isIndicatedAtTime dpv:hasDuration dpv:isIndicatedBy",
    "receipt": "dct:conformsTo dpv:hasIdentifier dpv:hasRecordOfActivity dct:created",
}
"""What the guide says MUST be present, sections 8 and 9."""


@dataclass
class Book:
    """A small ledger in memory: entries, and the proof of each under one checkpoint."""

    signer: Signer = field(default_factory=lambda: Signer(ORIGIN, key()))
    tree: Tree = field(default_factory=Tree)
    entries: list[Entry] = field(default_factory=list)

    def say(self, kind: EntryType, body: Mapping[str, Json], **more: Any) -> Entry:
        actor = Actor(PLATFORM, ClientId(PLATFORM))
        seq = Position(len(self.entries))
        entry = sealed(Draft(kind, actor, f"k{seq}", dict(body), **more), seq, DAY)
        self.entries.append(entry)
        self.tree.append(leaf_hash(entry.line))
        return entry

    def rules(
        self, purpose: Purpose, basis: LawfulBasis = LawfulBasis.CONSENT, house: str = HOUSE
    ) -> tuple[Entry, Entry]:
        """A notice, and a lawful basis."""
        notice = self.say(
            EntryType.NOTICE_PUBLISHED,
            {"controller": house, "notice": "pool", "version": 1, "text_sha256": SHA, "purposes": [purpose]},
        )
        recorded = self.say(
            EntryType.BASIS_RECORDED,
            {
                "controller": house,
                "purpose": purpose,
                "purpose_version": 1,
                "basis": basis,
                "dpia_sha256": None,
            },
        )
        return notice, recorded

    def consent(self, purpose: Purpose, act: ConsentAct, **more: Any) -> Consent:
        """One person's consent, under a notice and a basis."""
        notice, basis = self.rules(purpose, more.pop("basis", LawfulBasis.CONSENT))
        said = payload(purpose, act, **more)
        until = said["until"]
        body = {**told(purpose), "commitment": sealing.commitment(OPENING, canonical(said))}
        vt = None if until is None else datetime.fromisoformat(str(until)).replace(tzinfo=UTC)
        entry = self.say(EntryType(f"consent.{act.value}"), body, vt=vt)
        return Consent(ORIGIN, entry, canonical(said), OPENING, notice=notice, basis=basis)

    def proofs(self) -> dict[int, str]:
        size = len(self.entries)
        checkpoint = self.signer.sign(size, self.tree.root(size))
        return {seq: tlog_proof(seq, self.tree.inclusion(seq, size), checkpoint) for seq in range(size)}

    def receipt(self, consent: Consent) -> dict[str, Any]:
        given: dict[str, Any] = json.loads(consent_receipt(consent, self.proofs()))
        return given

    def trust(self) -> Trust:
        return Trust(read_key(self.signer.verifier_key), None, None, 0.0)

    def check(self, given: Mapping[str, Any]) -> str:
        """What the verifier says that is proven. Raises `Refused`."""
        [proven] = check_receipts(json.dumps(given).encode(), self.trust())
        assert proven.consent is not None
        return proven.consent


def told(purpose: Purpose) -> dict[str, Json]:
    return {
        "controller": HOUSE,
        "purpose": purpose,
        "purpose_version": 1,
        "notice": "pool",
        "notice_version": 1,
    }


def payload(purpose: Purpose, act: ConsentAct, **changes: Json) -> dict[str, Json]:
    usual: dict[str, Json] = {
        "act": act.value,
        "day": "2026-03-02",
        "guardian": False,
        "notice": "pool",
        "notice_version": 1,
        "purpose": purpose.value,
        "until": None,
    }
    return {**usual, **changes}


def batch(book: Book, acts: list[ConsentAct]) -> list[Consent]:
    """What several persons said in one entry."""
    purpose = Purpose.OWN_MARKETING
    notice, basis = book.rules(purpose)
    said = [canonical(payload(purpose, act, day="2026-02-11")) for act in acts]
    secrets = [hashlib.sha256(bytes([number])).digest() for number in range(len(acts))]
    inner = Tree()
    for one, secret in zip(said, secrets, strict=True):
        inner.append(leaf_hash(bytes.fromhex(sealing.commitment(secret, one))))
    counts = {act.value: acts.count(act) for act in IN_BATCH}
    body = {**told(purpose), **counts, "root": inner.root().hex()}
    entry = book.say(EntryType.CONSENT_BATCH, body)
    return [
        Consent(ORIGIN, entry, one, secret, number, inner.inclusion(number, len(acts)), notice, basis)
        for number, (one, secret) in enumerate(zip(said, secrets, strict=True))
    ]


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where every text, number and flag stands."""
    if isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*path, name))
    else:
        yield path


def changed(given: Mapping[str, Any], path: tuple[Any, ...], change: Callable[[Any, Any], None]) -> Any:
    """A copy in which something was done to what stands at this path."""
    other = copy.deepcopy(dict(given))
    inner: Any = other
    for name in path[:-1]:
        inner = inner[name]
    change(inner, path[-1])
    return other


def alter(inner: Any, name: Any) -> None:
    inner[name] = "dpv:ConsentGiven" if inner[name] != "dpv:ConsentGiven" else "dpv:ConsentWithdrawn"


def leave_out(inner: Any, name: Any) -> None:
    del inner[name]


def add(inner: Any, _: Any) -> None:
    if isinstance(inner, list):
        inner.append(inner[-1])
    else:
        inner["dct:description"] = "and all else"


# what a receipt says


@pytest.mark.parametrize("purpose", Purpose)
def test_each_act_for_each_purpose_is_told_and_proven(purpose: Purpose) -> None:
    for act in ConsentAct:
        book = Book()
        given = book.receipt(book.consent(purpose, act))
        assert (
            book.check(given)
            == f"It says: on 2026-03-02 the person {VERBS[act.value]} {purpose.value} (version 1) at lakeside,"
            " under notice pool version 1."
        )
        record = given["dpv:hasRecordOfActivity"]
        [event] = record["dpv:hasConsentStatus"]
        process = record["dpv:hasProcess"]
        assert event["ci:act"] == act.value
        assert process["dpv:hasPurpose"]["dct:identifier"] == f"{purpose.value}@1"
        assert process["dpv:hasPurpose"]["skos:broader"] == USES[purpose.value].broader


@pytest.mark.parametrize("act", ConsentAct)
def test_the_state_is_that_of_the_state_machine(act: ConsentAct) -> None:
    states = {after(state, act) for state in (ConsentState.GIVEN, ConsentState.EXPIRED)}
    if act in {ConsentAct.RESTRICTED, ConsentAct.LIFTED}:  # says nothing of consent, whatever stood before
        states = {ConsentState.UNKNOWN}
    [state] = states
    assert STATES[act.value][0] == state.iri
    assert (act.value in EXERCISED) == ("dpv:RightExerciseActivity" in STATES[act.value])


def test_the_tables_know_all_our_words_and_no_other() -> None:
    assert list(USES) == [one.value for one in Purpose]
    assert list(STATES) >= [one.value for one in ConsentAct]
    assert {one.value for one in FieldGroup} | {"address", "web"} == PERSONAL_DATA.keys()
    assert {one for use in USES.values() for one in use.data} <= PERSONAL_DATA.keys()


def every_receipt() -> Iterator[dict[str, Any]]:
    for purpose in Purpose:
        for act, basis in zip(ConsentAct, [*LawfulBasis, *LawfulBasis], strict=False):
            book = Book()
            yield book.receipt(book.consent(purpose, act, basis=basis))
    book = Book()
    yield book.receipt(
        book.consent(Purpose.OWN_MARKETING, ConsentAct.GRANTED, guardian=True, until="2027-01-01")
    )


def agreement(role: ControllerRole, *recipients: str) -> Agreement:
    parties = [PartyId(one) for one in (HOUSE, *recipients)]
    return Agreement(
        id=AgreementId("agr-0000000000000001"),
        package=Package.RESEARCH,
        proposer=parties[0],
        sources=frozenset({parties[0]}),
        recipients=frozenset(parties[1:]),
        roles=dict.fromkeys(parties, role),
        purposes=frozenset({Purpose.RESEARCH}),
        groups=frozenset({FieldGroup.BASE}),
        granularity=Granularity.AGGREGATE,
        productions=None,
        period_start=None,
        period_end=None,
        minimum_group=10,
        onward=False,
        terms_sha256=SHA,
        valid_from=None,
        valid_until=None,
        accepted=frozenset(parties),
        accepted_at=dict.fromkeys(parties, 1),
        signed_with={},
        ended_by=None,
        refused_by=None,
        seqs=(0, 1),
    )


def test_a_record_tells_the_name_the_channel_and_who_received_data() -> None:
    consent = Book().consent(Purpose.RESEARCH, ConsentAct.GRANTED)
    stood = [
        agreement(ControllerRole.INDEPENDENT, "bureau"),
        agreement(ControllerRole.JOINT, "bureau", "fund"),
    ]
    text = consent_record(consent, name="Lakeside Theatre", channel="box_office", agreements=stood)
    assert "\n" not in text
    record = json.loads(text)
    assert record["@context"] == CONTEXT
    assert record["dpv:hasEntity"][0]["dpv:hasName"] == "Lakeside Theatre"
    assert record["dpv:hasConsentStatus"][0]["dpv:hasIndicationMethod"] == "box_office"
    assert {one["dpv:hasName"]: one["@type"] for one in record["dpv:hasEntity"][2:]} == {
        "bureau": ["dpv:Recipient", "dpv:JointDataControllers", "dpv:ThirdParty"],
        "fund": ["dpv:Recipient", "dpv:JointDataControllers"],
    }
    assert len(record["dpv:hasProcess"]["dpv:hasRecipient"]) == 4
    assert PROOF not in record
    assert OPENING.hex() not in text


def iris(value: Any) -> Iterator[str]:
    """Every compact IRI that is written, as a name or as a value."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name not in {"@context", PROOF}:
                yield name
                yield from iris(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from iris(inner)
    elif isinstance(value, str):
        yield value


def test_every_term_that_is_written_is_one_of_the_vocabularies() -> None:
    whole = [*every_receipt()]
    consent = Book().consent(Purpose.RESEARCH, ConsentAct.GRANTED)
    stood = [agreement(role, role.value) for role in ControllerRole]
    whole.append(json.loads(consent_record(consent, name="L", channel="web", agreements=stood)))
    prefixes = {name for name, value in CONTEXT.items() if isinstance(value, str)}
    written = {one for given in whole for one in iris(given) if one.partition(":")[0] in prefixes}
    own = {one for one in written if one.startswith("ci:")}
    assert own == {"ci:act", "ci:sha256"}
    assert written - own == {*TERMS.split()}


def test_a_term_as_a_value_is_read_as_a_term() -> None:
    """In JSON-LD a bare text stays a text, unless the context says that the property leads to something."""

    def held(value: Any, under: str) -> Iterator[tuple[str, str]]:
        match value:
            case dict():
                for name, inner in value.items():
                    if name not in {"@context", PROOF}:
                        yield from held(inner, name)
            case list():
                for inner in value:
                    yield from held(inner, under)
            case str() if re.match(r"(dpv|pd|loc|eu-gdpr|legal-eu|urn|https):", value):
                yield under, value

    for given in every_receipt():
        for under, value in held(given, ""):
            names = {"@id", "@type", "dct:identifier", "dpv:hasIdentifier"}
            assert under in names or CONTEXT[under] == {"@type": "@id"}, (under, value)
    assert CONTEXT["dpv"] == "https://w3id.org/dpv#"
    assert not [one for one in CONTEXT if one.partition(":")[0] not in {*CONTEXT, "@version"}]


def test_all_that_the_guide_demands_is_there() -> None:
    for given in every_receipt():
        record = given["dpv:hasRecordOfActivity"]
        parts = {
            "receipt": given,
            "record": record,
            "process": record["dpv:hasProcess"],
            "notice": record["dpv:hasNotice"],
            "controller": record["dpv:hasEntity"][0],
            "event": record["dpv:hasConsentStatus"][0],
        }
        for name, wanted in MANDATORY.items():
            assert {*wanted.split()} <= parts[name].keys(), name
        assert given["dct:conformsTo"] == "https://w3id.org/dpv/schema/dpv-27560#receipt-record"
        assert record["dct:conformsTo"] == "https://w3id.org/dpv/schema/dpv-27560#record"


def test_without_a_notice_no_conformance_is_claimed() -> None:
    book, purpose = Book(), Purpose.OWN_INSIGHT
    said = canonical(payload(purpose, ConsentAct.OBJECTED, notice=None, notice_version=None))
    body = {
        **told(purpose),
        "notice": None,
        "notice_version": None,
        "commitment": sealing.commitment(OPENING, said),
    }
    given = book.receipt(Consent(ORIGIN, book.say(EntryType.CONSENT_OBJECTED, body), said, OPENING))
    assert book.check(given).endswith("objected to own_insight (version 1) at lakeside, under no notice.")
    record = given["dpv:hasRecordOfActivity"]
    for one in (given, record):
        assert "dct:conformsTo" not in one
    assert "dpv:hasNotice" not in record
    assert "dpv:hasLegalBasis" not in record


def test_a_guardian_is_told_with_the_last_day() -> None:
    book = Book()
    consent = book.consent(Purpose.OWN_MARKETING, ConsentAct.GRANTED, guardian=True, until="2027-01-01")
    given = book.receipt(consent)
    assert "a guardian granted own_marketing" in book.check(given)
    assert book.check(given).endswith(", until 2027-01-01.")
    record = given["dpv:hasRecordOfActivity"]
    assert record["dpv:hasDataSubject"]["@type"] == "dpv:Child"
    [event] = record["dpv:hasConsentStatus"]
    assert event["dpv:isIndicatedBy"] == "dpv:GuardianOfDataSubject"
    assert event["dpv:hasDuration"] == {"@type": "dpv:UntilTimeDuration", "rdf:value": "2027-01-01"}


def test_what_version_1_writes_never_changes() -> None:
    """A receipt of today is written again in ten years: another text here needs another version, beside this one."""
    assert FORMAT == "cultuurinzicht/consent-receipt/1"
    digest = hashlib.sha256()
    for given in every_receipt():
        readable = {name: value for name, value in given.items() if name != PROOF}
        digest.update(json.dumps(readable, sort_keys=True).encode())
    assert digest.hexdigest() == "6fef333804cae38b5577fc8701d8524b8ebedf00d69fb8d4026b746d29d8e349"


# the page


def test_the_example_of_the_page_is_what_is_written_and_verifies() -> None:
    book = Book()
    consent = book.consent(Purpose.OWN_MARKETING, ConsentAct.WITHDRAWN)
    text = (PAGE.parent / "examples" / "consent-receipt.jsonld").read_text(encoding="utf-8")
    assert text == consent_receipt(consent, book.proofs()) + "\n"
    page = PAGE.read_text(encoding="utf-8")
    assert book.signer.verifier_key in page
    assert book.check(json.loads(text)) in page
    excerpt = json.loads(page.split("```json\n")[1].split("```")[0])
    whole = json.loads(text)
    assert {name: whole["dpv:hasRecordOfActivity"][name] for name in excerpt} == excerpt


def test_the_page_tells_every_mapping() -> None:
    def quoted(words: tuple[str, ...]) -> str:
        return " ".join(f"`{one}`" for one in words)

    page = PAGE.read_text(encoding="utf-8")
    for name, use in USES.items():
        assert f"| `{name}` | `{use.broader}` | {quoted(use.data)} | {quoted(use.processing)} |" in page
    for name, data in PERSONAL_DATA.items():
        assert f"| `{name}` | {quoted(data)} |" in page
    for name, states in STATES.items():
        assert f"| `{name}` | {quoted(states)} |" in page


# what is refused


def test_no_readable_word_can_be_changed_left_out_or_added() -> None:
    book = Book()
    given = book.receipt(
        book.consent(Purpose.OWN_MARKETING, ConsentAct.GRANTED, guardian=True, until="2027-01-01")
    )
    book.check(given)
    paths = [path for path in leaves(given) if path[0] != PROOF]
    assert len(paths) > 100
    for path in paths:
        for change in (alter, leave_out, add):
            with pytest.raises(Refused):
                book.check(changed(given, path, change))


def test_nothing_in_the_proof_can_be_changed_or_left_out() -> None:
    book = Book()
    given = book.receipt(batch(book, [*IN_BATCH])[2])
    book.check(given)
    for path in leaves(given[PROOF], (PROOF,)):
        with pytest.raises(Refused):
            book.check(changed(given, path, alter))
        with pytest.raises(Refused):
            book.check(changed(given, path, lambda inner, name: inner.pop(name)))
    instead: tuple[Any, ...] = (None, "", 0, -1, [], {}, True, "\ud800")
    for name in given[PROOF]:
        for value in instead:
            if given[PROOF][name] != value:
                with pytest.raises(Refused):
                    book.check({**given, PROOF: {**given[PROOF], name: value}})


def test_a_name_that_stands_twice_is_refused() -> None:
    book = Book()
    text = json.dumps(book.receipt(book.consent(Purpose.OWN_MARKETING, ConsentAct.WITHDRAWN)))
    twice = text.replace('"ci:act":', '"ci:act": "granted", "ci:act":', 1)
    assert json.loads(twice) == json.loads(text)
    with pytest.raises(Refused, match="two things under one name"):
        check_receipts(twice.encode(), book.trust())


def test_parts_of_other_receipts_do_not_fit() -> None:
    """Each is proven, and each is not of this consent."""
    book = Book()
    ours = book.consent(Purpose.OWN_MARKETING, ConsentAct.GRANTED)
    theirs = book.consent(Purpose.RESEARCH, ConsentAct.WITHDRAWN)
    other_house, _ = book.rules(Purpose.OWN_MARKETING, house="harbour")
    later, newer = book.rules(Purpose.OWN_MARKETING)
    whole = book.receipt(ours)
    book.check(whole)
    wrong = {
        "of another entry": replace(ours, entry=theirs.entry),
        "of another person": replace(ours, payload=theirs.payload),
        "of another house": replace(ours, notice=other_house),
        "published later": replace(ours, notice=later),
        "recorded later": replace(ours, basis=newer),
        "of another purpose": replace(ours, basis=theirs.basis),
        "no notice": replace(ours, notice=None),
        "no rule": replace(ours, notice=ours.basis),
        "in no batch": replace(ours, place=0),
    }
    for reason, consent in wrong.items():
        with pytest.raises(ReceiptNotWritten):
            consent_receipt(consent, book.proofs())
        proof = copy.deepcopy(whole[PROOF])
        proofs = book.proofs()
        for name, entry in (("notice", consent.notice), ("basis", consent.basis)):
            proof[name] = entry and {
                "position": entry.seq,
                "entry": entry.line.decode(),
                "proof": proofs[entry.seq],
            }
        entry = consent.entry
        proof |= {"position": entry.seq, "entry": entry.line.decode(), "proof": proofs[entry.seq]}
        proof["payload"] = consent.payload.decode()
        proof["batch"] = None if consent.place is None else {"index": consent.place, "path": []}
        with pytest.raises(Refused):
            book.check({**whole, PROOF: proof})
        assert reason


def test_a_rule_of_another_ledger_is_refused() -> None:
    """Both ledgers are believed: the policy may name several."""
    ours, theirs = Book(), Book(Signer("other.example/ledger", key(2)))
    consent = ours.consent(Purpose.OWN_MARKETING, ConsentAct.GRANTED)
    theirs.rules(Purpose.OWN_MARKETING)
    given = ours.receipt(consent)
    entry = theirs.entries[0]
    given[PROOF]["notice"] = {"position": 0, "entry": entry.line.decode(), "proof": theirs.proofs()[0]}
    policy = verify.read_policy(
        "".join(f"log {one.signer.verifier_key}\n" for one in (ours, theirs)).encode() + b"quorum none\n"
    )
    with pytest.raises(Refused, match="another ledger"):
        check_consent_receipt(given, Trust(None, policy, None, 0.0))


@pytest.mark.parametrize(
    "changes",
    [
        {"act": "refused"},
        {"act": "given"},
        {"act": ["granted"]},
        {"purpose": "research"},
        {"notice": "other"},
        {"notice_version": 2},
        {"day": "2026-03-03"},
        {"day": "2026-02-30"},
        {"day": None},
        {"guardian": None},
        {"guardian": 1},
        {"until": "2027-01-01"},
        {"until": "soon"},
        {"channel": "Kees, at the till"},
    ],
)
def test_an_operator_who_sealed_something_else_is_found(changes: dict[str, Json]) -> None:
    """The commitment opens, and what it holds is not what the ledger was told."""
    book, purpose = Book(), Purpose.OWN_MARKETING
    notice, basis = book.rules(purpose)
    said = canonical({**payload(purpose, ConsentAct.GRANTED), **changes})
    body = {**told(purpose), "commitment": sealing.commitment(OPENING, said)}
    entry = book.say(EntryType.CONSENT_GRANTED, body)
    consent = Consent(ORIGIN, entry, said, OPENING, notice=notice, basis=basis)
    with pytest.raises(ReceiptNotWritten):
        book.receipt(consent)
    honest = book.receipt(book.consent(purpose, ConsentAct.GRANTED))
    proofs = book.proofs()
    proof = honest[PROOF] | {
        "position": entry.seq,
        "entry": entry.line.decode(),
        "proof": proofs[entry.seq],
        "payload": said.decode(),
    }
    with pytest.raises(Refused, match="payload"):
        book.check({**honest, PROOF: proof})


# batches


def test_each_person_of_a_batch_has_a_receipt_of_its_own() -> None:
    book = Book()
    consents = batch(book, [*IN_BATCH, ConsentAct.GRANTED])
    subjects = set()
    for number, (consent, act) in enumerate(zip(consents, [*IN_BATCH, ConsentAct.GRANTED], strict=True)):
        given = book.receipt(consent)
        assert book.check(given).startswith(
            f"It says: on 2026-02-11 the person {VERBS[act.value]} own_marketing"
        )
        assert given["@id"].endswith(f":{consent.entry.seq}:{number}")
        subjects.add(given["dpv:hasRecordOfActivity"]["dpv:hasDataSubject"]["@id"])
    assert len(subjects) == len(consents)


def test_a_batch_proves_no_act_that_it_counts_as_none() -> None:
    book = Book()
    (consent,) = batch(book, [ConsentAct.OBJECTED])
    honest = book.receipt(consent)
    granted = canonical(payload(Purpose.OWN_MARKETING, ConsentAct.GRANTED, day="2026-02-11"))
    root = leaf_hash(bytes.fromhex(sealing.commitment(consent.opening, granted))).hex()
    entry = book.say(EntryType.CONSENT_BATCH, {**consent.entry.body, "root": root})
    forged = replace(consent, entry=entry, payload=granted)
    assert honest
    with pytest.raises(ReceiptNotWritten):
        book.receipt(forged)


def test_a_place_in_a_batch_is_proven() -> None:
    book = Book()
    consents = batch(book, [*IN_BATCH, ConsentAct.GRANTED])
    given = book.receipt(consents[1])
    for index, path in ((0, consents[1].path), (1, consents[0].path), (1, ()), (5, consents[1].path)):
        told_elsewhere = {"index": index, "path": [one.hex() for one in path]}
        with pytest.raises(Refused):
            book.check({**given, PROOF: {**given[PROOF], "batch": told_elsewhere}})
    renewed = replace(consents[0], payload=canonical(payload(Purpose.OWN_MARKETING, ConsentAct.RENEWED)))
    with pytest.raises(ReceiptNotWritten):
        book.receipt(renewed)


# the command


def test_the_command_says_what_is_proven_and_refuses_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    book = Book()
    given = book.receipt(book.consent(Purpose.OWN_MARKETING, ConsentAct.WITHDRAWN))
    file = tmp_path / "receipt.jsonld"

    def run(text: str, *more: str) -> tuple[int, str]:
        file.write_text(text, encoding="utf-8")
        return verify.main([str(file), *more]), capsys.readouterr().out

    believed = ("--key", book.signer.verifier_key)
    code, said = run(json.dumps(given), *believed)
    assert code == 0
    assert "(consent.withdrawn, 2026-03-02) is in the ledger test.example/ledger" in said
    assert "the person withdrew own_marketing" in said
    assert run(json.dumps([given, given]), *believed)[0] == 0
    path = ("dpv:hasRecordOfActivity", "dpv:hasConsentStatus", 0, "ci:act")
    for text in (
        json.dumps(changed(given, path, alter)),
        json.dumps({name: value for name, value in given.items() if name != PROOF}),
        json.dumps({**given, PROOF: {**given[PROOF], "format": "cultuurinzicht/consent-receipt/2"}}),
        json.dumps({**given, PROOF: []}),
        "[" * 100_000,
        "",
    ):
        code, said = run(text, *believed)
        assert code == 1
        assert said.startswith("does not hold: ")
        assert said.count("\n") == 1
        assert "Error" not in said
    assert run(json.dumps(given))[0] == 1
    other = Signer(ORIGIN, key(9)).verifier_key
    assert run(json.dumps(given), "--key", other)[0] == 1
