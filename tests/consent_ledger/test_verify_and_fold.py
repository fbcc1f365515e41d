"""
The verifier against the fold: small random ledgers hold; with one entry forced in, the verifier refuses
exactly when the fold would have refused to write it.

The verifier shares no line with the fold, so each is the other's check. Where it asks for more than the
fold, the reason stands in `MORE`.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from consent_ledger import bodies, export, verify, vocabulary
from consent_ledger.clock import SimulatedClock
from consent_ledger.database import reading
from consent_ledger.entry import Actor, Draft, Entry, EntryRefused, EntryType, RowBucket, canonical, read
from consent_ledger.passkeys import acceptance_challenge, key_challenge
from consent_ledger.records import instant
from consent_ledger.state import IllegalEntry, State, UnknownEntry
from consent_ledger.tree import Tree, leaf_hash
from consent_ledger.verify import Refused, Unknown
from consent_ledger.verify import bodies as verify_bodies
from consent_ledger.verify import words as verify_words
from consent_ledger.vocabulary import PLATFORM, ClientId, PartyId
from tests.consent_ledger.authenticator import Authenticator, encoded
from tests.consent_ledger.ledgers import SHA, START, sqlite_place
from tests.consent_ledger.test_entry import BODIES
from tests.consent_ledger.test_verify import SIGNER

ROOT = ("never had",)
MORE: dict[str, tuple[str, ...]] = {
    # the fold knows no roots of earlier sizes
    "refusal.recorded": ROOT,
    "refusal.recorded/2": ROOT,
    "disclosure.recorded": ROOT,
}
"""What the verifier asks beyond the fold, by type."""
TURNS, EACH, MORE_OF_THEM = 120, 7, 24
RICH = ["key.registered", "basis.recorded", "consent.granted", "agreement.accepted", "agreement.accepted/2"]
"""Types that can be wrong in more ways than others."""


CODES = {
    *(
        "BODY_REFUSED",
        "ENVELOPE",
        "IDEMPOTENCY_CONFLICT",
        "UNKNOWN_PARTY",
        "ALREADY_REGISTERED",
        "FOREIGN_CLIENT",
    ),
    *(
        "UNKNOWN_CLIENT",
        "VERSION",
        "BASIS",
        "UNKNOWN_PURPOSE",
        "UNKNOWN_NOTICE",
        "ALREADY_PROPOSED",
        "ONE_SIDED",
    ),
    *("NOT_A_PARTY", "BACK_DATED", "AGREEMENT_EXPIRED", "UNKNOWN_AGREEMENT", "REFS", "AGREEMENT_ENDED"),
    *("OTHER_TERMS", "ALREADY_ACCEPTED", "ALREADY_SEALED", "UNKNOWN_RELEASE", "ASSURANCE", "DECISION"),
    *("OTHER_KEY", "NOT_APPROVED", "UNKNOWN_KEY", "SIGNATURE_REFUSED", "WRONG_NOTICE", "ALREADY_INVALID"),
    *("ALREADY_REQUESTED", "UNKNOWN_REQUEST", "DUE", "EPOCH"),
}
"""Every code under which an entry at its place is refused: each must have been met."""


class Pen:
    """Writes drafts that fit what stands; a wild one errs in about one field of nine."""

    def __init__(self, dice: random.Random, entries: list[Entry], state: State, *, wild: bool) -> None:
        self.dice = dice
        self.entries = entries
        self.state = state
        self.wild = wild

    def one(self, right: list[Any], *wrong: Any) -> Any:
        """One of what is right here, or, wildly, of what is wrong."""
        if wrong and self.wild and self.dice.random() < 1 / 9:
            return self.dice.choice(wrong)
        return self.dice.choice(right or (list(wrong) if self.wild else []))

    def some(self, words: list[str]) -> list[str]:
        return sorted(self.dice.sample(words, self.dice.randint(1, min(3, len(words)))))

    def member(self) -> Any:
        parties = self.state.parties
        shut = [party for party in parties if not parties[party].is_open]
        return self.one([party for party in parties if parties[party].is_open], "nobody", "platform", *shut)

    def draft(self, kinds: list[str]) -> Draft:
        """Raises `IndexError` when nothing fits what stands."""
        kind = self.dice.choice(kinds)
        body, actor, refs = WRITE[kind](self)
        who = self.one([PLATFORM, actor], "nobody", *self.state.parties)
        now = instant(self.entries[-1].rt)
        moment = self.dice.choice(
            [timedelta(days=-400), timedelta(seconds=-1), timedelta(days=2), timedelta(days=900)]
        )
        vf = vt = None
        if kind == "agreement.proposed" and self.dice.random() < 0.3:
            vt = now + moment if self.wild else START + timedelta(days=30)
        if kind in {"agreement.proposed", "notice.published"} and self.dice.random() < 0.3:
            vf = now + moment if self.wild else START + timedelta(days=20)
        return Draft(
            EntryType(kind),
            Actor(PartyId(who), ClientId(self.one(["app", "desk"], "Jan de Vries"))),
            self.one([f"k{self.dice.getrandbits(64):x}"], *(entry.idem for entry in self.entries[-3:])),
            body,
            self.one([refs], (), (len(self.entries) // 2,)),
            vf,
            vt,
        )

    # what is said, in whose name, and of which earlier entries

    def registered(self) -> Any:
        name = self.one([f"house-{self.dice.randrange(9)}"], "platform", *self.state.parties)
        kind = self.one(["institution", "partner"], "friend")
        return {"party": name, "kind": kind, "organisation": name, "sandbox": True}, PLATFORM, ()

    def closed(self) -> Any:
        rarely = self.member() if self.dice.random() < 0.2 else "nobody"
        return {"party": rarely}, PLATFORM, ()

    def granted(self) -> Any:
        party = self.member()
        client = self.one([f"app-of-{party}"], *self.state.clients)
        scopes = self.one([self.some(list(vocabulary.Scope))], ["audiences:sell"])
        return {"client": client, "party": party, "kind": "partner", "scopes": scopes}, party, ()

    def revoked(self) -> Any:
        clients = [(client, known.party) for client, known in self.state.clients.items()]
        client, party = self.one(clients, ("app-of-house-1", "house-2"), ("none", "house-1"))
        return {"client": client, "party": party}, party, ()

    def purpose(self) -> Any:
        name = self.one(PURPOSES, "selling")
        known = self.state.purposes.get(name)
        version = self.one([known.version + 1 if known else 1], 1, 2, 7)
        bases = self.some(list(vocabulary.LawfulBasis))
        says = {"purpose": name, "version": version, "text_sha256": SHA, "bases": bases, "high_risk": False}
        return says, PLATFORM, ()

    def basis(self) -> Any:
        name = self.one(list(self.state.purposes), *PURPOSES)
        known = self.state.purposes.get(name)
        says = {
            "controller": self.member(),
            "purpose": name,
            "purpose_version": self.one([known.version if known else 1], 1, 2),
            "basis": self.one(sorted(known.bases) if known else [], *vocabulary.LawfulBasis),
            "dpia_sha256": None,
        }
        return says, says["controller"], ()

    def notice(self) -> Any:
        controller, name = self.member(), self.dice.choice(["visitors", "members"])
        version = self.state.notice_versions.get((controller, name), 0) + 1
        says = {
            "controller": controller,
            "notice": self.one([name], "we may call you"),
            "version": self.one([version], 1, 2, 3),
            "text_sha256": SHA,
            "purposes": self.some(PURPOSES),
        }
        return says, controller, ()

    def consent(self) -> Any:
        controller = self.member()
        purpose = self.one(list(self.state.purposes), *PURPOSES)
        known = self.state.purposes.get(purpose)
        told = [(name, at) for (of, name), at in self.state.notice_versions.items() if of == controller]
        wrong = [(name, at) for of, name, at in self.state.wrong_notices if of == controller]
        odd = [("visitors", 1), ("visitors", 9), ("members", None), *wrong * 3]
        name, version = self.one([(None, None), *told], *odd)
        says = {
            "controller": controller,
            "purpose": purpose,
            "purpose_version": self.one([known.version if known else 1], 1, 2, 3),
            "notice": name,
            "notice_version": version,
            "commitment": self.one([SHA], "jan@example.nl"),
        }
        return says, controller, ()

    def imported(self) -> Any:
        institution = self.member()
        says: dict[str, Any] = dict.fromkeys(("received", "created", "updated", "unchanged"), 1)
        says |= {"import": "imp-0000000000000001", "institution": institution, "unit": "tickets"}
        says |= {"source": self.one(["pretix"], "Jan's list"), "file_sha256": SHA, "report_sha256": SHA}
        return says, institution, ()

    def batch(self) -> Any:
        says, controller, _ = self.consent()
        del says["commitment"]
        counts = {act: self.one([self.dice.randrange(9)], 0) for act in ("refused", "withdrawn", "objected")}
        return {**says, **counts, "granted": self.one([0, 3], 0, -1), "root": SHA}, controller, ()

    def invalidated(self) -> Any:
        told = [(of, name, at) for (of, name), at in self.state.notice_versions.items()]
        wrong = list(self.state.wrong_notices)
        right = [one for one in told if one not in wrong]
        of, name, at = self.one(right, *told, *wrong * 3, ("house-1", "visitors", 7))
        return {"controller": of, "notice": name, "version": self.one([at], 1, 9)}, of, ()

    def today(self, days: int = 0) -> str:
        return str(instant(self.entries[-1].rt).date() + timedelta(days=days))

    def erased(self) -> Any:
        controller = self.member()
        says = {"controller": controller, "request_sha256": SHA, "mode": self.one(["stay_out"], "stay")}
        says["effective_by"] = self.one([self.today(30)], self.today(-1), self.today(), "2026-02-30")
        return says, controller, ()

    def stopped(self) -> Any:
        return {"request_sha256": self.one([SHA], "jan@example.nl")}, PLATFORM, ()

    def requested(self) -> Any:
        controller = self.member()
        request = f"{self.dice.getrandbits(256):064x}"
        of, request = self.one([(controller, request)], *self.state.rights)
        due = self.one([self.today(9)], self.today(31), self.today(32), self.today(-1), self.today())
        return {"controller": of, "request_sha256": request, "right": "access", "due": due}, of, ()

    def request(self) -> tuple[Any, Any]:
        waits = [name for name, known in self.state.rights.items() if known.outcome is None]
        found: tuple[Any, Any] = self.one(waits, ("house-1", SHA), *self.state.rights)
        return found

    def extended(self) -> Any:
        of, request = self.request()
        known = self.state.rights.get((of, request))
        due = known.due if known else instant(self.entries[-1].rt).date()
        asked = known.requested if known else due
        right, wrong = due + timedelta(days=9), (due, asked + timedelta(days=93), asked + timedelta(days=92))
        says = {"controller": of, "request_sha256": request, "due": str(self.one([right], *wrong))}
        return says, of, ()

    def replied(self) -> Any:
        of, request = self.request()
        return {"controller": of, "request_sha256": request, "outcome": self.one(["partly"], "no")}, of, ()

    def rotated(self) -> Any:
        epoch = self.state.epoch + 1
        return {"epoch": self.one([epoch], epoch - 1, epoch + 1, 1)}, PLATFORM, ()

    def destroyed(self) -> Any:
        left = [one for one in range(1, self.state.epoch) if one not in self.state.destroyed_epochs]
        return {"epoch": self.one(left, 1, self.state.epoch, self.state.epoch + 1)}, PLATFORM, ()

    # signatures

    def live(self, party: Any) -> list[str]:
        return [name for name, one in self.state.keys.items() if one.party == party and one.is_live]

    def signed(self, key: str, challenge: bytes) -> Any:
        """A signature of this key, or something that only looks like one."""
        other = self.dice.choice(list(PASSKEYS))
        over, flags = self.one([challenge], sha256(b"other").digest()), self.one([5], 4, 1, 0x45, 0x15)
        members: dict[str, object] = self.one(
            [{}],
            {"type": "webauthn.create"},
            {"crossOrigin": True},
            {"origin": "https://elsewhere.example"},
            {"note": "Jan"},
            {"challenge": encoded(challenge) + "="},
        )
        passkey = PASSKEYS[self.one([key], other)]
        rp_id = self.one([None], "elsewhere.example")
        made = passkey.sign(over, key=self.one([key], other), flags=flags, members=members, rp_id=rp_id)
        return made.body()

    def keyed(self) -> Any:
        with_key = [one.party for one in self.state.keys.values() if one.is_live]
        party = self.dice.choice([*with_key, self.member()])
        key = f"key-{self.dice.getrandbits(64):016x}"
        algorithm = self.dice.choice(["ES256", "EdDSA"])
        PASSKEYS[key] = Authenticator.make(algorithm)
        key = self.one([key], *self.state.keys)
        says: dict[str, Any] = {
            "party": party,
            "key": key,
            "algorithm": self.one([PASSKEYS[key].algorithm], "RS256", "ES512"),
            "public_key": self.one([PASSKEYS[key].public_key.hex()], "00" * 40),
            "rp_id": self.one(["localhost"], "example.org"),
        }
        told = {name: says[name] for name in ("party", "key", "algorithm", "rp_id")}
        over = key_challenge(ledger=self.state.origin, public_key_hex=says["public_key"], **told)
        live = self.live(party)
        approves: Any = self.one(live or [None], *self.state.keys)
        if self.wild and self.dice.random() < 0.3:
            approves = None
        says["possession"] = self.signed(key, over)
        says["approval"] = None if approves is None else self.signed(approves, over)
        return says, party, ()

    def retired(self) -> Any:
        live = [(name, one.party) for name, one in self.state.keys.items() if one.is_live]
        every = [(name, one.party) for name, one in self.state.keys.items()]
        name, party = self.one(live if self.wild or self.dice.random() < 0.3 else [], *every)
        return (
            {"party": self.one([party], "house-1"), "key": name, "cause": self.one(["lost"], "tired")},
            party,
            (),
        )

    def signed_accepted(self) -> Any:
        says, party, refs = self.answered(accepts=True)
        key = self.one(self.live(party), *self.state.keys)
        del says["assurance"]
        says["preview_sha256"] = SHA
        told = {name: says[name] for name in ("agreement", "party", "preview_sha256")}
        one = self.state.agreements.get(told["agreement"])
        digest = SHA if one is None else one.terms_sha256
        over = acceptance_challenge(ledger=self.state.origin, terms_sha256=digest, **told)
        if self.one([False], True):
            says["preview_sha256"] = sha256(b"another preview").hexdigest()
        return {**says, "assertion": self.signed(key, over)}, party, refs

    def sealed(self) -> Any:
        says: dict[str, Any] = dict.fromkeys(("tables_sha256", "certificate_sha256", "input_sha256"), SHA)
        says |= {"release": self.one([f"rel-{self.dice.getrandbits(64):016x}"], *self.state.releases)}
        says |= {"policy": "unnoised-1", "blocks": 3, "rho": "0.5", "period_start": "2026-01"}
        return says | {"period_end": self.one(["2026-01", "2026-02"], "2025-12")}, PLATFORM, ()

    def retracted(self) -> Any:
        return {"release": self.one(list(self.state.releases), "rel-ffffffffffffffff")}, PLATFORM, ()

    def proposed(self) -> Any:
        who = sorted({self.member() for _ in range(self.dice.choice([1, 2, 2, 2, 3]))})
        roles = ["source", "recipient", "both", "recipient", "source"]
        turn = self.dice.randrange(2)
        parts = [
            {"party": one, "role": roles[at + turn], "controller_role": "independent"}
            for at, one in enumerate(who)
        ]
        terms: dict[str, Any] = {
            "parties": parts,
            "purposes": self.some(PURPOSES),
            "groups": self.some(list(vocabulary.FieldGroup)),
            "granularity": self.dice.choice(list(vocabulary.Granularity)),
            "productions": self.one([None, ["faust"]], ["Faust!"]),
            "period_start": self.one([None, "2026-01-01"], "2026-02-30"),
            "period_end": self.one([None, "2026-12-31"], "2025-01-01"),
            "minimum_group": self.one([10], 0),
            "onward": False,
        }
        says = {
            "agreement": self.one([f"agr-{self.dice.getrandbits(64):016x}"], *self.state.agreements),
            "package": "tour",
            "proposer": self.one([who[0]], "house-1", "platform"),
            "terms": terms,
            "terms_sha256": self.one([sha256(canonical(terms)).hexdigest()], SHA),
        }
        answered = [one.seqs[:1] for one in self.state.agreements.values() if says["proposer"] in one.parties]
        return says, says["proposer"], self.dice.choice([(), *answered])

    def answered(self, *, accepts: bool) -> Any:
        known = list(self.state.agreements.values())
        fits = [
            (one, party)
            for one in known
            for party in sorted(one.parties)
            if not one.is_over and (not accepts or party not in one.accepted)
        ]
        one, party = self.one(fits, *((one, self.member()) for one in known))
        says = {"agreement": self.one([one.id], "agr-ffffffffffffffff"), "party": party}
        if accepts:
            says["assurance"] = self.one(["operator_attested"], "passkey", "he nodded")
            says["terms_sha256"] = self.one([one.terms_sha256], SHA)
        return says, party, one.seqs[:1]

    def accepted(self) -> Any:
        return self.answered(accepts=True)

    def ended(self) -> Any:
        return self.answered(accepts=False)

    def exported(self) -> Any:
        says = {"recipient": "platform", "client": "platform", "start": self.one([0], 99)}
        return says | {"stop": self.dice.randrange(9)}, PLATFORM, ()

    def decided(self) -> Any:
        now = instant(self.entries[-1].rt)
        agreed = [
            (one, party, controller)
            for one in self.state.agreements.values()
            for party in sorted(one.recipients)
            for controller in sorted(one.sources)
            if one.is_active(now) and f"app-of-{party}" in self.state.clients
        ]
        every = ((one, self.member(), self.member()) for one in self.state.agreements.values())
        one, recipient, controller = self.one(agreed, *every)
        tree = Tree()
        for entry in self.entries:
            tree.append(leaf_hash(entry.line))
        size = self.one([tree.size], 1, tree.size + 9)
        says: dict[str, Any] = {
            "request_sha256": SHA,
            "recipient": recipient,
            "client": self.one([f"app-of-{recipient}"], "app"),
            "controllers": self.one([[controller]], [], ["nobody"]),
            "agreements": self.one([[one.id]], [], ["agr-ffffffffffffffff"]),
            "basis": {
                "size": size,
                "root": self.one([tree.root(min(size, tree.size)).hex()], SHA),
                "seqs": self.one([list(one.seqs[:1])], [], [0, tree.size + 3]),
            },
        }
        return says, recipient, one

    def refusal(self) -> Any:
        says, recipient, _ = self.decided()
        return says | {"reasons": self.one([["NO_AGREEMENT"]], ["BECAUSE"])}, recipient, ()

    def told_refusal(self) -> Any:
        says, recipient, _ = self.refusal()
        groups = self.one([["base"], []], ["diary"])
        says |= {"purposes": self.one([["research"]], []), "groups": groups}
        return says | {"granularity": self.one(["STATISTIC"], "PERSON")}, recipient, ()

    def sample(self) -> Any:
        shown = [one.seq for one in self.entries if one.type == "disclosure.recorded"]
        says = {
            "disclosure": self.one(shown, 0, len(self.entries), len(self.entries) + 4),
            "recipient": self.one(["platform", *self.state.parties], "nobody"),
            "client": "app",
            "seed": SHA,
            "number": self.one([10], 0),
        }
        return says, says["recipient"], ()

    def disclosure(self) -> Any:
        says, recipient, one = self.decided()
        says |= {
            "purposes": self.one([self.some(sorted(one.purposes))], ["research"], []),
            "groups": self.one([self.some(sorted(one.groups))], ["spend"], []),
            "granularity": self.one([one.granularity.value], "REFERENCE", "PERSON"),
            "rows": "r10_99",
            "persons": self.one(["r1_9"], 9, -1),
            "subjects": SHA,
        }
        return says, recipient, ()


PURPOSES = ["own_insight", "research", "sector_benchmark"]
WRITE: dict[str, Callable[[Pen], Any]] = {
    "party.registered": Pen.registered,
    "party.closed": Pen.closed,
    "scope.granted": Pen.granted,
    "scope.revoked": Pen.revoked,
    "purpose.published": Pen.purpose,
    "basis.recorded": Pen.basis,
    "notice.published": Pen.notice,
    **{f"consent.{act}": Pen.consent for act in ("granted", "withdrawn", "objected")},
    "consent.batch": Pen.batch,
    "notice.invalidated": Pen.invalidated,
    "subject.stopped": Pen.stopped,
    "right.requested": Pen.requested,
    "right.extended": Pen.extended,
    "right.answered": Pen.replied,
    "vault.kek_rotated": Pen.rotated,
    "vault.kek_destroyed": Pen.destroyed,
    "key.registered": Pen.keyed,
    "key.retired": Pen.retired,
    "agreement.accepted/2": Pen.signed_accepted,
    "refusal.recorded/2": Pen.told_refusal,
    "sample.opened": Pen.sample,
    "import.accepted": Pen.imported,
    "subject.erased": Pen.erased,
    "release.sealed": Pen.sealed,
    "release.retracted": Pen.retracted,
    "agreement.proposed": Pen.proposed,
    "agreement.accepted": Pen.accepted,
    "agreement.refused": Pen.ended,
    "agreement.ended": Pen.ended,
    "export.issued": Pen.exported,
    "disclosure.recorded": Pen.disclosure,
    "refusal.recorded": Pen.refusal,
}
OFTEN = [
    *("agreement.accepted", "agreement.proposed", "disclosure.recorded", "scope.granted"),
    *("agreement.accepted/2", "key.registered", "consent.granted", "right.requested"),
]
KINDS = [*WRITE, *OFTEN * 3]
PASSKEYS: dict[str, Authenticator] = {}
"""By the id of the key."""


def write(folder: Path, lines: list[bytes]) -> Path:
    """An export of these lines, signed by the operator."""
    tree = Tree()
    for line in lines:
        tree.append(leaf_hash(line))
    (folder / "export.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    (folder / "checkpoint").write_text(SIGNER.sign(tree.size, tree.root()), encoding="utf-8")
    (folder / "key").write_text(f"{SIGNER.verifier_key}\n", encoding="utf-8")
    return folder


def grown(folder: Path, seed: int) -> list[Entry]:
    """What a real ledger recorded of a lawful pen; it holds as the ledger itself exported it."""
    dice, clock = random.Random(seed), SimulatedClock(START)
    with sqlite_place(folder, clock) as place:
        ledger = place.create()
        with reading(place.engine) as connection:
            entries = list(ledger.entries(connection, 0, 1))
        for turn in range(TURNS):
            pen = Pen(dice, entries, place.pin(ledger).state, wild=False)
            try:
                done = ledger.append(pen.draft(KINDS if turn > 9 else ["party.registered"]))
            except (IllegalEntry, IndexError):
                continue  # registered already, back-dated; or nothing fits yet
            entries.append(read(done.line))
            if dice.random() < 0.2:
                clock.advance(timedelta(days=dice.randrange(4), seconds=1))
        export.write(ledger, place.engine, folder / "export")
    assert verify.verify(folder / "export").size == len(entries)
    return entries


def forged(draft: Draft, seq: int, rt: str) -> bytes:
    """The line that records a draft, whatever it says."""
    is_personal = draft.type.startswith(("consent.", "subject.", "right."))

    def told(moment: Any) -> str | None:
        return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")

    return canonical(
        {
            "v": "cultuurinzicht/entry/1",
            "seq": seq,
            "rt": rt[:10] if is_personal else rt,
            "type": draft.type,
            "actor": {"party": draft.actor.party, "client": draft.actor.client},
            "idem": draft.idem,
            "vf": told(draft.vf),
            "vt": told(draft.vt),
            "refs": draft.refs,
            "body": draft.body,
        }
    )


def refusal_of(line: bytes, entries: list[Entry], state: State) -> str:
    """Under which code the ledger would have refused to write this; empty when it would have written it."""
    try:
        entry = read(line)
        if any((one.actor, one.idem) == (entry.actor, entry.idem) for one in entries):
            return "IDEMPOTENCY_CONFLICT"
        state.apply([entry])
    except (EntryRefused, IllegalEntry) as refused:
        return refused.code
    return ""


def reason(folder: Path) -> str:
    """Why the verifier refuses; empty when it does not."""
    try:
        verify.verify(folder)
    except Refused as refused:
        return str(refused)
    return ""


def test_one_entry_forced_in_is_refused_exactly_when_the_fold_refuses_it(tmp_path: Path) -> None:
    seen: Counter[str] = Counter()
    more: Counter[str] = Counter()
    for seed in range(3):
        (tmp_path / f"{seed}").mkdir()
        entries = grown(tmp_path / f"{seed}", seed)
        assert len(entries) > 40
        states = [State.start()]
        for entry in entries:
            states.append(states[-1].apply([entry]))
        dice = random.Random(seed)
        for kind in [*sorted(WRITE) * EACH, *RICH * MORE_OF_THEM]:
            size = dice.randrange(len(entries) // 3, len(entries) + 1)
            before, state = entries[:size], states[size]
            now = next(one.rt for one in reversed(before) if len(one.rt) > 10)
            now = max(now, f"{before[-1].rt[:10]}T00:00:00Z")
            try:
                line = forged(Pen(dice, before, state, wild=True).draft([kind]), size, now)
            except IndexError:
                continue
            code = refusal_of(line, before, state)
            seen[code] += 1
            write(tmp_path, [*(one.line for one in before), line])
            said = reason(tmp_path)
            asked = [one for one in MORE.get(kind, ()) if one in said]
            more.update(asked)
            assert bool(said) == bool(code or asked), f"fold: {code}, verifier: {said}, of {line!r}"
    assert seen[""] > 200
    assert CODES - seen.keys() == set()
    assert more


def test_an_entry_of_a_later_version_stops_both(tmp_path: Path) -> None:
    entries = grown(tmp_path, 7)
    line = entries[-1].line.replace(b'"type":"', b'"type":"later.').replace(b'"idem":"', b'"idem":"later')
    line = line.replace(f'"seq":{len(entries) - 1}'.encode(), f'"seq":{len(entries)}'.encode())
    with pytest.raises(UnknownEntry):
        State.start().apply([*entries, read(line)])
    write(tmp_path, [*(one.line for one in entries), line])
    with pytest.raises(Unknown, match="root and its signature hold"):
        verify.verify(tmp_path)


# The words and the forms, without a ledger around them


WORDS: dict[str, type[StrEnum]] = {
    "party_kind": vocabulary.PartyKind,
    "client_kind": vocabulary.ClientKind,
    "purpose": vocabulary.Purpose,
    "basis": vocabulary.LawfulBasis,
    "package": vocabulary.Package,
    "group": vocabulary.FieldGroup,
    "granularity": vocabulary.Granularity,
    "controller_role": vocabulary.ControllerRole,
    "assurance": vocabulary.Assurance,
    "scope": vocabulary.Scope,
    "bucket": RowBucket,
    "reason": vocabulary.Reason,
}


def test_the_verifier_knows_the_words_of_the_vocabulary_and_no_other() -> None:
    every = {word.value for words in WORDS.values() for word in words}
    near = {f"{word}{end}" for word in every for end in ("", "x", ".age", ":read", "\n")} | {
        word[:-1] for word in every
    }
    for name, words in WORDS.items():
        assert {word for word in near if verify_words.rule(name)(word)} == {word.value for word in words}, (
            name
        )
    assert verify_bodies.BODIES.keys() == {kind.value for kind in EntryType}
    assert verify_words.TEXTS["granularity"].split("|") == [*vocabulary.GRANULARITY_ORDER]


def test_the_verifier_knows_the_patterns_of_the_bodies() -> None:
    ours = {
        "party": bodies.PARTY,
        "client": bodies.CLIENT,
        "origin": bodies.ORIGIN,
        "name": bodies._NAME,
        "version": bodies._VERSION,
        "production": bodies._PRODUCTION,
        "sha256": bodies._HASH,
        "month": bodies._MONTH,
        "decimal": bodies._DECIMAL,
    }
    assert {name: verify_words.TEXTS[name] for name in ours} == {
        name: one.pattern for name, one in ours.items()
    }


@pytest.mark.parametrize("kind", list(EntryType))
def test_no_field_of_any_body_takes_free_text_here_either(kind: EntryType) -> None:
    whole = (
        {**BODIES[kind], "agreements": ["agr-0123456789abcdef"]}
        if "agreements" in BODIES[kind]
        else BODIES[kind]
    )
    verify_bodies.check_body(kind, whole, 1)
    wrongs: list[Any] = ["Jan de Vries, jan@example.nl", "", 1.5, {}, [[]], -1, 2**53, ["b", "a"]]
    for path in places(whole):
        for wrong in wrongs:
            body = json.loads(json.dumps(whole))
            inner = body
            for step in path[:-1]:
                inner = inner[step]
            inner[path[-1]] = wrong
            with pytest.raises(Refused) as refused:
                verify_bodies.check_body(kind, body, 1)
            assert "Jan" not in str(refused.value)


def places(value: Any) -> list[tuple[Any, ...]]:
    """The path to every value in a body, and to every object and list."""
    if not isinstance(value, dict | list):
        return []
    found: list[tuple[Any, ...]] = []
    for step, item in value.items() if isinstance(value, dict) else enumerate(value):
        found += [(step,), *((step, *more) for more in places(item))]
    return found
