"""Organisations, their applications and their keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from consent_ledger.entry import Entry, EntryType
from consent_ledger.fold.errors import IllegalEntry
from consent_ledger.fold.fold import TAKES, Fold, ending, governs, speaks_for
from consent_ledger.passkeys import Assertion, AssertionRefused, check_assertion, key_challenge
from consent_ledger.records import Client, HouseKey, Party, texts
from consent_ledger.vocabulary import (
    PLATFORM,
    ClientId,
    ClientKind,
    PartyId,
    PartyKind,
    Scope,
    SigningAlgorithm,
)


def created(fold: Fold, entry: Entry) -> None:
    fold.set("origin", str(entry.body["origin"]))
    fold.set("is_sandbox", bool(entry.body["sandbox"]))


def party_registered(fold: Fold, entry: Entry) -> None:
    party = PartyId(str(entry.body["party"]))
    governs(fold, entry)
    if party in fold.see("parties") or party == PLATFORM:
        raise IllegalEntry("ALREADY_REGISTERED", "an organisation with this id is registered already")
    fold.put(
        "parties",
        party,
        Party(
            PartyKind(str(entry.body["kind"])),
            PartyId(str(entry.body["organisation"])),
            sandbox=bool(entry.body["sandbox"]),
            is_open=True,
            seq=entry.seq,
        ),
    )


def party_closed(fold: Fold, entry: Entry) -> None:
    party = PartyId(str(entry.body["party"]))
    known = fold.open_party(party)
    speaks_for(entry, party)
    fold.put("parties", party, replace(known, is_open=False, seq=entry.seq, ending=ending(entry)))


def scope_granted(fold: Fold, entry: Entry) -> None:
    client, party = ClientId(str(entry.body["client"])), PartyId(str(entry.body["party"]))
    fold.open_party(party)
    speaks_for(entry, party)
    known = fold.see("clients").get(client)
    if isinstance(known, Client) and known.party != party:
        raise IllegalEntry("FOREIGN_CLIENT", "this application belongs to another organisation")
    fold.put(
        "clients",
        client,
        Client(
            party,
            ClientKind(str(entry.body["kind"])),
            frozenset(Scope(scope) for scope in texts(entry.body["scopes"])),
            is_live=True,
            seq=entry.seq,
            ending=known.ending if isinstance(known, Client) else None,
        ),
    )


def scope_revoked(fold: Fold, entry: Entry) -> None:
    client = ClientId(str(entry.body["client"]))
    known = fold.see("clients").get(client)
    if not isinstance(known, Client) or known.party != entry.body["party"]:
        raise IllegalEntry("UNKNOWN_CLIENT", "this application is not registered for this organisation")
    speaks_for(entry, known.party)
    revoked = replace(known, is_live=False, scopes=frozenset(), seq=entry.seq, ending=ending(entry))
    fold.put("clients", client, revoked)


def key_registered(fold: Fold, entry: Entry) -> None:
    """
    A key signs for a house when it proves itself and a key of the house that stands approves it.

    Only where none stands (the first, or after a loss) does the operator enrol one, and that shows.
    """
    party, key = PartyId(str(entry.body["party"])), str(entry.body["key"])
    fold.open_party(party)
    speaks_for(entry, party)
    if key in fold.see("keys"):
        raise IllegalEntry("ALREADY_REGISTERED", "a key with this id is registered already")
    new = HouseKey(
        party,
        SigningAlgorithm(str(entry.body["algorithm"])),
        bytes.fromhex(str(entry.body["public_key"])),
        str(entry.body["rp_id"]),
        enrolled_by_operator=entry.body["approval"] is None,
        is_live=True,
        seq=entry.seq,
    )
    challenge = key_challenge(
        ledger=fold.see("origin"),
        party=party,
        key=key,
        algorithm=new.algorithm,
        public_key_hex=new.public_key.hex(),
        rp_id=new.rp_id,
    )
    possession = asserted(entry.body["possession"])
    if possession.key != key:
        raise IllegalEntry("OTHER_KEY", "the key did not prove itself")
    signed_by(fold, possession, new, challenge)
    if entry.body["approval"] is None:
        if any(one.party == party and one.is_live for one in fold.see("keys").values()):
            raise IllegalEntry("NOT_APPROVED", "a further key is approved by one that this house has")
    else:
        approval = asserted(entry.body["approval"])
        signed_by(fold, approval, standing_key(fold, approval.key, party), challenge)
    fold.put("keys", key, new)


def key_retired(fold: Fold, entry: Entry) -> None:
    party, key = PartyId(str(entry.body["party"])), str(entry.body["key"])
    speaks_for(entry, party)
    fold.put("keys", key, replace(standing_key(fold, key, party), is_live=False))


def asserted(value: object) -> Assertion:
    """The assertion in a body, whose form was checked when it was read."""
    assert isinstance(value, Mapping)
    return Assertion.of(value)


def standing_key(fold: Fold, key: str, party: PartyId) -> HouseKey:
    """The key of this id, when it is of this house and stands."""
    known = fold.see("keys").get(key)
    if not isinstance(known, HouseKey) or known.party != party or not known.is_live:
        raise IllegalEntry("UNKNOWN_KEY", "this house has no such key that stands")
    return known


def signed_by(fold: Fold, assertion: Assertion, key: HouseKey, challenge: bytes) -> None:
    """Return when `assertion` is the signature of this key over this challenge."""
    try:
        check_assertion(
            assertion,
            algorithm=key.algorithm,
            public_key=key.public_key,
            rp_id=key.rp_id,
            challenge=challenge,
            is_sandbox=fold.see("is_sandbox"),
        )
    except AssertionRefused as refused:
        raise IllegalEntry("SIGNATURE_REFUSED", refused.sentence) from None


TAKES.update(
    {
        EntryType.LEDGER_CREATED: created,
        EntryType.PARTY_REGISTERED: party_registered,
        EntryType.PARTY_CLOSED: party_closed,
        EntryType.SCOPE_GRANTED: scope_granted,
        EntryType.SCOPE_REVOKED: scope_revoked,
        EntryType.KEY_REGISTERED: key_registered,
        EntryType.KEY_RETIRED: key_retired,
    }
)
