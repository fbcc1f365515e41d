"""
Visitors: who comes in by a link, and what a visitor may do alone.

Two doors. A *stop link* stands in every ticket mail and can only stop, at the house that sent it or
everywhere: whoever reads the mail holds it too, and it tells nothing. A *one-time link* goes to the address
that somebody typed; it opens a session of half an hour, in which the visitor reads and decides everything
about nobody else. Neither is kept by us in a form that names anybody.

Who the visitor is to each house is asked of the vault with every request. Nobody has to be known: who is
not finds an empty record, and can be kept out all the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from hashlib import sha256

from sqlalchemy.engine import Connection

from consent_ledger.caller import Caller
from consent_ledger.database import reading
from consent_ledger.entry import read
from consent_ledger.parties import VerifiedLink, admit_visitor, party
from consent_ledger.permit import Failing, Permit, Refusal, Write
from consent_ledger.question import desk_question, own_act_question, own_record_question
from consent_ledger.standing import Stand, stand
from consent_ledger.vault import Link, Vault, VaultRefused
from consent_ledger.vocabulary import (
    PLATFORM,
    ClientKind,
    ConsentAct,
    ConsentChannel,
    ErasureMode,
    PartyId,
    PersonRef,
    Purpose,
    Reason,
    Scope,
)
from resolvers.consent import (
    GIVING,
    ConsentNotRecorded,
    Decision,
    is_address,
    is_recorded,
    record_decision,
)
from resolvers.gate import Inquiry, Receipt, entry_key, inquiry, request_digest
from resolvers.house import House
from resolvers.own_records import told_by, was_told
from resolvers.persons import erase, stop_everything

MOST_LINKS = 1_000
"""Links made in one request, at most."""

SESSION_MINUTES = 30
LINK_MINUTES = 30
NOTICE_MINUTES = 24 * 60
"""How long the link holds in a mail that nobody asked for: it is read when the mailbox is."""

_STOPPING = frozenset({ConsentAct.WITHDRAWN, ConsentAct.OBJECTED, ConsentAct.REFUSED})
_NOBODY = PersonRef("")
"""In nobody's records: what is asked about it is refused like what is asked about somebody else."""


class VisitorRefused(Exception):
    """It cannot be done. Carries a code, a plain sentence and what to do next."""

    def __init__(self, code: str, sentence: str, next_step: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.next_step = next_step


class Where(StrEnum):
    """Where a stop link stops."""

    HERE = "here"
    EVERYWHERE = "everywhere"


@dataclass(frozen=True, slots=True)
class Visitor:
    """A visitor as admitted for one request; the address is in no other value."""

    caller: Caller
    identifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Stopped:
    """The entries by which a visitor stopped everything."""

    receipts: tuple[Receipt, ...]


@dataclass(frozen=True, slots=True)
class LinkUsed:
    """
    What a stop link did. Nothing but the day is for whoever holds the link; the rest is for the person's own mailbox.

    `is_news`: everything was stopped everywhere, and not all of it stood so before.
    """

    day: date
    link: Link
    is_news: bool


@dataclass(frozen=True, slots=True)
class StopNotice:
    """What the person is told by mail: whose link stopped everything, and a one-time link to look at it."""

    identifier: str = field(repr=False)
    house: str
    link: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The entries of an erasure, and by when nothing of the person is left; None where nobody was known."""

    mode: ErasureMode
    receipts: tuple[Receipt, ...]
    effective_by: date | None


# links


def create_links(ask: Inquiry, emails: Sequence[str]) -> list[str | None] | Refusal:
    """
    A stop link for each address, for the house's ticket mails, in their order; None where it is no address.

    Nothing is stored, and nobody is made known: a link holds as long as the platform's keys do.
    """
    permit = ask.ask(desk_question(ask.caller.party))
    if isinstance(permit, Refusal):
        return permit
    if ask.caller.kind is not ClientKind.INSTITUTION_APP:
        return _refused(permit.controller, Failing(Reason.ROLE_FORBIDS))
    if len(emails) > MOST_LINKS:
        raise VisitorRefused(
            "TOO_MANY", f"At most {MOST_LINKS} links are made at once.", "Ask for them in several requests."
        )
    vault, issued = ask.house.vault, permit.at.date()
    return [
        _address(ask.house, vault.seal_link(permit.controller, email, issued=issued))
        if is_address(email)
        else None
        for email in emails
    ]


def one_time_link(house: House, identifier: str) -> str | None:
    """
    A link to be mailed to this address and shown to nobody; None when one went there a moment ago, or five today.

    Whether any house knows the address plays no part.
    """
    if not house.vault.may_send(identifier):
        return None
    return _address(house, house.vault.issue_link(identifier, LINK_MINUTES))


def begin_session(house: House, token: str) -> str | None:
    """The token of a session, for the token of a one-time link; None when that opens nothing (any more)."""
    identifier = house.vault.redeem_link(token)
    return None if identifier is None else house.vault.begin_session(identifier, SESSION_MINUTES)


def in_session(vault: Vault, token: str) -> Visitor | None:
    """The visitor of a session, by what the vault knows now; None when it was ended or has expired."""
    identifier = vault.session(token)
    if identifier is None:
        return None
    return _visitor(token, identifier, vault.references(identifier), may_only_stop=False)


def read_stop_link(house: House, token: str) -> Link:
    """What a stop link says; changes nothing. Raises `VaultRefused`, for every link that is not whole alike."""
    return house.vault.open_link(token)


# stopping


def stop_by_link(house: House, token: str, where: Where, *, request_id: str) -> LinkUsed:
    """
    Stop every use, at the house of the link or everywhere; durable on return, effective from the next request on.

    Repeatable: who was stopped already is, and nothing is written. A house that does not know the person yet
    keeps the objection for later. What is sealed says whose link it was. Raises `VaultRefused` when the link
    is not whole.
    """
    link = read_stop_link(house, token)
    persons = _here(house, link, token) if where is Where.HERE else house.vault.references(link.identifier)
    visitor = _visitor(token, link.identifier, persons, may_only_stop=True)
    digest = request_digest(request_id.encode())
    with (
        reading(house.engine) as connection,
        inquiry(house, visitor.caller, connection, request_sha256=digest, request_id=request_id) as ask,
    ):
        # of what stands now: clicked twice it is one act, and after a new consent another one
        said = [(*of, list(found.said)) for of, found in _standing(ask, connection)]
        key = sha256(json.dumps([where, said]).encode()).hexdigest()
        everywhere = link.identifier if where is Where.EVERYWHERE else None
        done = stop_everything(
            ask, visitor.caller.persons, identifier=everywhere, key=key, link_of=link.controller
        )
        # at once with another click both bring news: the mail comes twice rather than not at all
        is_news = everywhere is not None and any(one.position >= ask.snapshot.size for one in done)
        return LinkUsed(ask.snapshot.at.date(), link, is_news)


def stop_notice(house: House, link: Link) -> StopNotice:
    """
    What goes to the address in the link when it stopped everything, whoever pressed the button.

    Not counted with the links that were asked for: whoever asks for those could keep this one back.
    """
    with reading(house.engine) as connection:
        found = party(connection, link.controller)
    token = house.vault.issue_link(link.identifier, NOTICE_MINUTES)
    name = link.controller if found is None else found.name
    return StopNotice(link.identifier, name, _address(house, token))


def stop_all(ask: Inquiry, *, key: str) -> Stopped:
    """Stop every use at every house, those of later too; durable on return, repeatable by the key."""
    identifier = _identifier(ask)
    receipts = stop_everything(ask, ask.caller.persons, identifier=identifier, key=_own(ask, key))
    return Stopped(receipts)


def _here(house: House, link: Link, token: str) -> list[tuple[PartyId, PersonRef]]:
    """Who it is at the house of the link; made known there, unless the person is kept out everywhere."""
    person = house.vault.find(link.controller, link.identifier)
    if person is None:
        if house.vault.stopped([link.identifier]):
            return []
        # pending under a key that gets no entry: the entries of the acts lay their claims on the person
        [person] = house.vault.persons(link.controller, [link.identifier], under=f"stop-link-{_named(token)}")
    return [(link.controller, person)]


def _standing(
    ask: Inquiry, connection: Connection
) -> Iterator[tuple[tuple[PartyId, PersonRef, Purpose], Stand]]:
    """Where the visitor stands for each purpose that a house recorded, by what `connection` sees."""
    for controller, person in sorted(ask.caller.persons):
        for purpose in sorted(of for by, of in ask.snapshot.state.bases if by == controller):
            permit = ask.ask(own_act_question(controller, person, purpose))
            if isinstance(permit, Permit):
                yield (controller, person, purpose), stand(permit, connection, person)


# deciding and being forgotten


def decide_own(
    ask: Inquiry, controller: PartyId, purpose: Purpose, act: ConsentAct, *, key: str
) -> Receipt | Refusal:
    """
    Record what the visitor decides about one purpose at one house that knows the visitor.

    Giving and taking back are one request each. What is given is given under the notice that the house
    published last and that was not found wrong. While a guardian decides for a child, until the day that the
    guardian said, the child gives nothing itself; it takes back at any time. Raises what `record_decision`
    raises.
    """
    permit = _own_permit(ask, controller, purpose)
    if isinstance(permit, Refusal):
        return permit
    if act not in _STOPPING and (refusal := _may_more(ask, controller)) is not None:
        return refusal
    own = _own(ask, key)
    under = entry_key("consent", ask, own)
    is_fresh = act in GIVING and not is_recorded(ask, under)
    if is_fresh and _guardian_decides(ask, permit):
        return Refusal(controller, purpose, (Failing(Reason.GUARDIAN_NEEDED),), (), ())
    notice, version = _notice(ask, permit, under) if act in GIVING else (None, None)
    decision = Decision(
        controller,
        purpose,
        act,
        _identifier(ask),
        ConsentChannel.PAGE,
        notice=notice,
        notice_version=version,
    )
    return record_decision(ask, permit, decision, key=own)


def _notice(ask: Inquiry, permit: Permit[Write], under: str) -> tuple[str | None, int | None]:
    """The notice under which something is given: of a repeated request the one that was sealed first."""
    controller, purpose = permit.controller, permit.purpose
    try:
        sealed = json.loads(ask.house.vault.opening(under, controller=controller).payload)
    except VaultRefused:
        told = told_by(ask, controller, purpose)
    else:
        return sealed["notice"], sealed["notice_version"]
    if told is not None:
        return told.notice, told.version
    if was_told(ask, controller, purpose):
        raise ConsentNotRecorded(
            "WRONG_NOTICE",
            "Each notice of this was found wrong, so nothing can be given until the house publishes another.",
        )
    return None, None


def _guardian_decides(ask: Inquiry, permit: Permit[Write]) -> bool:
    """Whether a guardian gave this for the visitor until a day to come; taking it back does not end that."""
    [person] = [of for controller, of in ask.caller.persons if controller == permit.controller]
    for opening in ask.house.vault.said(permit.controller, person):
        said = json.loads(opening.payload)
        until = said.get("until")
        if (
            said.get("guardian")
            and said.get("purpose") == permit.purpose.value
            and until is not None
            and date.fromisoformat(until) > permit.at.date()
        ):
            return True
    return False


def erase_own(
    ask: Inquiry, controller: PartyId | None, *, mode: ErasureMode, key: str
) -> Forgotten | Refusal:
    """
    Erase the visitor at one house, or at every house that knows the visitor; each house is final by itself.

    *Stay out* keeps the person out of every house, those of later too. Repeatable: after a crash the same
    key erases what was not erased yet. A link that can only stop does not erase.
    """
    known, identifier = dict(ask.caller.persons), _identifier(ask)
    chosen = sorted(known) if controller is None else [controller]
    if (refusal := _may_more(ask, controller or PLATFORM)) is not None:
        return refusal
    permits = []
    for each in chosen:
        permit = _own_permit(ask, each, Purpose.ACCOUNTABILITY)
        if isinstance(permit, Refusal):
            return permit
        permits.append(permit)
    own = _own(ask, key)
    receipts = [
        erase(ask, permit, known[permit.controller], mode=mode, key=own, identifier=identifier)
        for permit in permits
    ]
    ends = [date.fromisoformat(str(read(one.entry.encode()).body["effective_by"])) for one in receipts]
    if mode is ErasureMode.STAY_OUT:
        receipts += stop_everything(ask, frozenset(), identifier=identifier, key=own)
    if controller is None:
        ask.house.vault.forget_sent(identifier)
    return Forgotten(mode, tuple(receipts), max(ends, default=None))


def _own_permit(ask: Inquiry, controller: PartyId, purpose: Purpose) -> Permit[Write] | Refusal:
    person = dict(ask.caller.persons).get(controller, _NOBODY)
    return ask.ask(own_act_question(controller, person, purpose))


def _may_more(ask: Inquiry, controller: PartyId) -> Refusal | None:
    """Why not, for whoever came in by a link that can only stop: such a link does not read either."""
    if controller != PLATFORM:
        person = dict(ask.caller.persons).get(controller, _NOBODY)
        answer = ask.ask(own_record_question(controller, person))
        return answer if isinstance(answer, Refusal) else None
    if Scope.ME_READ in ask.caller.scopes:
        return None
    return _refused(controller, Failing(Reason.INSUFFICIENT_SCOPE, (Scope.ME_READ.value,)))


def _refused(controller: PartyId, failing: Failing) -> Refusal:
    return Refusal(controller, Purpose.ACCOUNTABILITY, (failing,), (), ())


def _identifier(ask: Inquiry) -> str:
    if ask.identifier is None:
        raise VisitorRefused(
            "NO_VISITOR",
            "This is for visitors alone, who come in by a link to their own address.",
            "Ask for a link at /v1/visitor/link.",
        )
    return ask.identifier


def _visitor(
    token: str, identifier: str, persons: Sequence[tuple[PartyId, PersonRef]], *, may_only_stop: bool
) -> Visitor:
    link = VerifiedLink(_named(token), frozenset(persons), may_only_stop)
    return Visitor(admit_visitor(link), identifier)


def _named(token: str) -> str:
    """By what a request names the token it came with: from it nobody gets the token."""
    return sha256(f"visitor\0{token}".encode()).hexdigest()[:32]


def _own(ask: Inquiry, key: str) -> str:
    """Keys are the visitor's own: all visitors act under one name in the ledger."""
    return f"{ask.caller.token}\0{key}"


def _address(house: House, token: str) -> str:
    return f"{house.base_url}/v/{token}"
