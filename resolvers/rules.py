"""
The rules of the house: what a house tells its visitors and on which lawful basis it acts; what purposes mean.

Each is an entry that names its text by SHA-256; the text of what is public stands beside the ledger, word
for word, and is shown only while it still gives that checksum. Versions follow each other by themselves. A
house speaks for itself alone; purposes are the steward's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from hashlib import sha256

from sqlalchemy import Connection, insert, select

from consent_ledger.bodies import PARTY
from consent_ledger.database import reading
from consent_ledger.entry import Draft, EntryType, Json, read
from consent_ledger.ledger_rows import recorded
from consent_ledger.log import Acknowledgement, Rider
from consent_ledger.pages import Wanted, page
from consent_ledger.permit import Failing, Refusal
from consent_ledger.question import decisions_question, governing_question, rules_question
from consent_ledger.records import RecordedBasis, day, number, texts
from consent_ledger.register import published_text
from consent_ledger.spoken import taken_back
from consent_ledger.standing import invalidate
from consent_ledger.state import IllegalEntry
from consent_ledger.vocabulary import LawfulBasis, PartyId, Position, Purpose, Reason
from insight.rulebook import purpose_words, rulebook, text_sha256
from resolvers.gate import Inquiry, Receipt, entry_key
from resolvers.house import House

LONGEST = 20_000
"""Signs of one text in one language, at most."""

_ATTEMPTS = 8
_MANY = 1_000


class RuleRefused(Exception):
    """The rule cannot be recorded. Carries a code and a plain sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Texts:
    """The same said in Dutch and in English."""

    nl: str
    en: str

    def check(self) -> None:
        """Raises `RuleRefused` for what nobody could read, or what could be read in two ways."""
        for text in (self.nl, self.en):
            if not text.strip() or len(text) > LONGEST:
                raise RuleRefused("TEXT", f"A text has 1 to {LONGEST} signs, in Dutch and in English.")
            if not text.replace("\n", " ").isprintable():
                raise RuleRefused("TEXT", "A text has letters, signs and line ends, and nothing hidden.")

    @property
    def sha256(self) -> str:
        """How an entry names it."""
        return text_sha256(self.nl, self.en)


@dataclass(frozen=True, slots=True)
class Published:
    """What was published, in which version, and the receipt of that."""

    version: int
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Invalidated:
    """That a notice was found wrong, and of how many persons the consent no longer counts."""

    persons: int
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class ToldNotice:
    """A version of a notice; without texts where none were kept, or where they were changed."""

    notice: str
    version: int
    purposes: tuple[Purpose, ...]
    since: date
    is_wrong: bool
    text_sha256: str
    nl: str | None
    en: str | None
    position: Position


@dataclass(frozen=True, slots=True)
class Basis:
    """On which lawful basis a house acts for one purpose."""

    purpose: Purpose
    recorded: RecordedBasis


def publish_notice(
    ask: Inquiry, notice: str, text: Texts, purposes: Sequence[Purpose], *, since: date | None, key: str
) -> Published | Refusal:
    """
    Tell the visitors of the caller's own house of these purposes, from `since` on (none: from today).

    The next version of the notice by itself. Repeatable under the same key. Raises `RuleRefused`,
    `IllegalEntry` for a day that has passed, and `EntryRefused` for a name that is none.
    """
    permit = ask.ask(rules_question(ask.caller.party))
    if isinstance(permit, Refusal):
        return permit
    text.check()
    idem = entry_key("notice", ask, key)
    body: dict[str, Json] = {
        "controller": permit.controller,
        "notice": notice,
        "text_sha256": text.sha256,
        "purposes": [*sorted({purpose.value for purpose in purposes})],
    }
    begins = None if since is None else datetime.combine(since, time.min, UTC)

    def draft(version: int) -> tuple[Draft, Rider | None]:
        made = Draft(EntryType.NOTICE_PUBLISHED, ask.actor, idem, {**body, "version": version}, vf=begins)
        return with_text(made, text.nl, text.en)

    told = ask.snapshot.state.notice_versions.get((permit.controller, notice), 0)
    return _versioned(ask, idem, told + 1, draft)


def publish_purpose(
    ask: Inquiry,
    purpose: Purpose,
    bases: Sequence[LawfulBasis],
    text: Texts,
    *,
    is_high_risk: bool,
    key: str,
) -> Published | Refusal:
    """
    Say what a purpose means from now on, and on which lawful bases it is possible; the steward alone.

    The next version of the purpose by itself. A basis that a house recorded before stands until it records
    another. Repeatable under the same key. Raises `RuleRefused`.
    """
    permit = ask.ask(governing_question())
    if isinstance(permit, Refusal):
        return permit
    text.check()
    if not bases:
        raise RuleRefused("BASIS", "A purpose is possible on one lawful basis at least.")
    idem = entry_key("purpose", ask, key)
    body: dict[str, Json] = {
        "purpose": purpose.value,
        "text_sha256": text.sha256,
        "bases": [*sorted({basis.value for basis in bases})],
        "high_risk": is_high_risk,
    }

    def draft(version: int) -> tuple[Draft, Rider | None]:
        made = Draft(EntryType.PURPOSE_PUBLISHED, ask.actor, idem, {**body, "version": version})
        return with_text(made, text.nl, text.en)

    known = ask.snapshot.state.purposes.get(purpose)
    return _versioned(ask, idem, 1 if known is None else known.version + 1, draft)


def invalidate_notice(ask: Inquiry, notice: str, version: int, *, key: str) -> Invalidated | Refusal:
    """
    Say that a notice of the caller's own house was wrong: what was given under it no longer counts, at once.

    Whoever decided anew since, under another notice, is left as decided. Repeatable under the same key;
    the number is that of now, so that who was erased since is not in it. Raises `IllegalEntry` for a
    version that was never published or was found wrong before.
    """
    permit = ask.ask(rules_question(ask.caller.party))
    if isinstance(permit, Refusal):
        return permit
    controller, today = permit.controller, permit.at.date()

    def ride(connection: Connection, position: Position) -> None:
        invalidate(connection, controller, notice, version, position, today)

    body: dict[str, Json] = {"controller": controller, "notice": notice, "version": version}
    idem = entry_key("wrong", ask, key)
    draft = Draft(EntryType.NOTICE_INVALIDATED, ask.actor, idem, body)
    done = ask.house.ledger.append(draft, rider=ride)
    with reading(ask.house.engine) as now:
        return Invalidated(taken_back(permit, now, done.position), Receipt.of(done))


def record_basis(
    ask: Inquiry,
    purpose: Purpose,
    basis: LawfulBasis,
    *,
    assessment: str | None = None,
    assessment_sha256: str | None = None,
    key: str,
) -> Receipt | Refusal:
    """
    Record on which lawful basis the caller's own house acts for a purpose, as published last.

    Of an impact assessment the ledger keeps the checksum alone; its text is not kept. Repeatable under the
    same key. Refused as DPIA_MISSING for a purpose of high risk without an assessment. Raises
    `RuleRefused`, and `IllegalEntry` for a basis that is not possible.
    """
    permit = ask.ask(rules_question(ask.caller.party))
    if isinstance(permit, Refusal):
        return permit
    published = ask.snapshot.state.purposes.get(purpose)
    if published is None:
        raise RuleRefused("UNKNOWN_PURPOSE", "This purpose has not been published on this platform.")
    if assessment is not None and assessment_sha256 is not None:
        raise RuleRefused("ASSESSMENT", "Give the assessment or its SHA-256, not both.")
    if assessment is not None and not assessment.strip():
        raise RuleRefused("ASSESSMENT", "The assessment is empty.")
    dpia = (
        sha256(assessment.encode("utf-8", "surrogatepass")).hexdigest() if assessment else assessment_sha256
    )
    if published.is_high_risk and dpia is None:
        return Refusal(permit.controller, purpose, (Failing(Reason.DPIA_MISSING, (purpose.value,)),), (), ())
    idem = entry_key("basis", ask, key)
    earlier = _earlier(ask, idem)
    body: dict[str, Json] = {
        "controller": permit.controller,
        "purpose": purpose.value,
        "purpose_version": published.version if earlier is None else earlier.get("purpose_version"),
        "basis": basis.value,
        "dpia_sha256": dpia,
    }
    return Receipt.of(ask.house.ledger.append(Draft(EntryType.BASIS_RECORDED, ask.actor, idem, body)))


def publish_rulebook(house: House) -> int:
    """
    Let the platform publish its rulebook, and keep the texts; returns how many entries are new.

    Repeatable, also by a later version of the program: what stands stays, what is new is added.
    """
    with reading(house.engine) as connection:
        snapshot = house.ledger.pin(connection)
        is_sandbox = snapshot.state.is_sandbox
        snapshot.end()
    drafts: list[tuple[Draft, Rider | None]] = []
    for draft in rulebook(sandbox=is_sandbox):
        words = purpose_words(Purpose(str(draft.body["purpose"]))) if "purpose" in draft.body else None
        drafts.append((draft, None) if words is None else with_text(draft, *words))
    return sum(not done.repeated for done in house.ledger.append_all(drafts))


def notices(ask: Inquiry, institution: PartyId) -> list[ToldNotice]:
    """
    What a house told and tells its visitors, in the order in which it was published. Public.

    Nothing for what is no organisation of this platform.
    """
    state = ask.snapshot.state
    if PARTY.fullmatch(institution) is None or institution not in state.parties:
        return []
    wanted = Wanted(frozenset({EntryType.NOTICE_PUBLISHED}), frozenset({institution}))
    found: list[ToldNotice] = []
    after, more = -1, True
    while more:
        part = page(ask.connection, state, wanted, after=after, first=_MANY)
        for entry in part.entries:
            if entry.body["controller"] != institution:
                continue
            name, version = str(entry.body["notice"]), number(entry.body["version"])
            checksum = str(entry.body["text_sha256"])
            nl, en = kept_text(ask.connection, checksum)
            found.append(
                ToldNotice(
                    name,
                    version,
                    tuple(map(Purpose, texts(entry.body["purposes"]))),
                    day(entry.vf or entry.rt),
                    (institution, name, version) in state.wrong_notices,
                    checksum,
                    nl,
                    en,
                    entry.seq,
                )
            )
        more = part.has_more and part.last is not None
        after = part.last if part.last is not None else after
    return found


def bases(ask: Inquiry, institution: PartyId) -> list[Basis] | Refusal:
    """The lawful bases that stand for a house, by purpose: for the house itself, and for who audits."""
    permit = ask.ask(decisions_question(institution))
    if isinstance(permit, Refusal):
        return permit
    recorded_bases = ask.snapshot.state.bases.items()
    found = [Basis(purpose, one) for (party, purpose), one in recorded_bases if party == permit.controller]
    return sorted(found, key=lambda one: one.purpose)


def with_text(draft: Draft, dutch: str, english: str | None) -> tuple[Draft, Rider | None]:
    """The draft, with the rider that keeps the text which it names; without where it names none, or another."""
    checksum = text_sha256(dutch, english)
    if draft.body.get("text_sha256") != checksum:
        return draft, None

    def keep(connection: Connection, _: Position) -> None:
        known = select(published_text.c.language).where(published_text.c.sha256 == checksum)
        if connection.execute(known).first() is None:  # two houses may tell the same
            words = [("nl", dutch)] if english is None else [("nl", dutch), ("en", english)]
            rows = [{"sha256": checksum, "language": language, "text": text} for language, text in words]
            connection.execute(insert(published_text), rows)

    return draft, keep


def kept_text(connection: Connection, checksum: str) -> tuple[str | None, str | None]:
    """The text that an entry names, in Dutch and English; nothing where it does not give that checksum."""
    rows = connection.execute(select(published_text).where(published_text.c.sha256 == checksum))
    told = {row.language: row.text for row in rows}
    nl, en = told.get("nl"), told.get("en")
    return (nl, en) if nl is not None and text_sha256(nl, en) == checksum else (None, None)


def _versioned(
    ask: Inquiry, idem: str, version: int, draft: Callable[[int], tuple[Draft, Rider | None]]
) -> Published:
    """Append as this version, or as the one under which it was recorded before, or as the next that is free."""
    earlier = _earlier(ask, idem)
    start = version if earlier is None else number(earlier.get("version", version))
    for attempt in range(start, start + _ATTEMPTS):
        made, rider = draft(attempt)
        try:
            done: Acknowledgement = ask.house.ledger.append(made, rider=rider)
        except IllegalEntry as raced:
            if raced.code != "VERSION":
                raise
            continue  # another one was published after this request was pinned
        return Published(attempt, Receipt.of(done))
    raise RuleRefused("VERSION", "Other versions kept being published in between; ask again.")


def _earlier(ask: Inquiry, idem: str) -> dict[str, Json] | None:
    """The body that this caller recorded under this key before, as far as this request sees."""
    for _, _, line in recorded(ask.connection, [(ask.actor.party, ask.actor.client, idem)]).values():
        return dict(read(line).body)
    return None
