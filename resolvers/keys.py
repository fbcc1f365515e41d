"""Keys with which the caller's own organisation signs: prepare, register, retire, and forget whose they are."""

from __future__ import annotations

from dataclasses import dataclass

from consent_ledger.database import writing
from consent_ledger.entry import Actor
from consent_ledger.keys_of_houses import (
    KeyRefused,
    NewKey,
    Passkey,
    forget_holder,
    new_key_id,
    passkeys,
    register_key,
    retire_key,
)
from consent_ledger.passkeys import Assertion, check_assertion, read_public_key
from consent_ledger.permit import Refusal
from consent_ledger.question import agreements_question, signing_question
from consent_ledger.records import HouseKey
from consent_ledger.vocabulary import PLATFORM, ClientId, KeyCause, PartyId, SigningAlgorithm
from resolvers.gate import Inquiry, Receipt, entry_key
from resolvers.house import House


@dataclass(frozen=True, slots=True)
class Prepared:
    """Under which name a new key is registered, for which site, and what it signs to prove itself."""

    key: str
    rp_id: str
    challenge: bytes


@dataclass(frozen=True, slots=True)
class KeyOfHouse:
    """A key as the ledger has it; `known` is what the register still knows it by."""

    key: str
    standing: HouseKey
    known: Passkey | None


@dataclass(frozen=True, slots=True)
class KeyChanged:
    """A key that was registered or retired, and the receipt of that."""

    key: str
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Registration:
    """What a house hands in to register the key that it prepared."""

    key: str
    algorithm: SigningAlgorithm
    public_key: bytes
    rp_id: str
    credential_id: bytes
    label: str
    possession: Assertion
    approval: Assertion | None


def own_keys(ask: Inquiry) -> list[KeyOfHouse] | Refusal:
    """The keys of the caller's organisation in the order of their registration, retired ones too."""
    permit = ask.ask(agreements_question(ask.caller.party))
    if isinstance(permit, Refusal):
        return permit
    return keys_of(ask, permit.controller)


def keys_of(ask: Inquiry, party: PartyId) -> list[KeyOfHouse]:
    """The keys of a party in the order of their registration. For its own eyes, and the operator's."""
    known = passkeys(ask.connection, party)
    found = [
        KeyOfHouse(key, standing, known.get(key))
        for key, standing in ask.snapshot.state.keys.items()
        if standing.party == party
    ]
    return sorted(found, key=lambda one: one.standing.seq)


def prepare_key(ask: Inquiry, algorithm: SigningAlgorithm, public_key: bytes) -> Prepared | Refusal:
    """
    A name for a new key, and its challenge. Nothing is kept: the name comes back with the registration.

    Raises `AssertionRefused` for what is no public key of this algorithm.
    """
    permit = ask.ask(signing_question(ask.caller.party))
    if isinstance(permit, Refusal):
        return permit
    read_public_key(algorithm, public_key)
    rp_id, key = ask.house.rp_id, new_key_id()
    new = NewKey(permit.controller, key, algorithm, public_key, rp_id, credential_id=b"", label="")
    return Prepared(key, rp_id, new.challenge(ask.house.ledger.origin))


def register_own_key(ask: Inquiry, given: Registration, *, key: str) -> KeyChanged | Refusal:
    """
    Let a new key sign for the caller's organisation, from its entry on.

    Repeatable under the same key of idempotency. Raises `KeyRefused` for another site than this platform's
    or a public key that was registered before, `AssertionRefused` when the new key or the one that
    approves did not sign, and `IllegalEntry` when an approval is missing or by a key that does not stand.
    """
    permit = ask.ask(signing_question(ask.caller.party))
    if isinstance(permit, Refusal):
        return permit
    house, state = ask.house, ask.snapshot.state
    if given.rp_id != house.rp_id:
        raise KeyRefused("KEY_OTHER_SITE", "A key that signs here is made on this platform's own pages.")
    if any(one.public_key == given.public_key and name != given.key for name, one in state.keys.items()):
        raise KeyRefused(
            "KEY_KNOWN", "This key was registered before; make a new one, also after it was retired."
        )
    new = NewKey(
        permit.controller,
        given.key,
        given.algorithm,
        given.public_key,
        given.rp_id,
        given.credential_id,
        given.label,
    )
    if given.approval is not None:
        challenge = new.challenge(house.ledger.origin)
        check_signature(ask, given.approval, permit.controller, challenge)
    draft, rider = register_key(
        new,
        given.possession,
        given.approval,
        ledger=house.ledger.origin,
        is_sandbox=state.is_sandbox,
        actor=ask.actor,
        idem=entry_key("key", ask, key),
    )
    return KeyChanged(given.key, Receipt.of(house.ledger.append(draft, rider=rider)))


def retire_own_key(ask: Inquiry, wanted: str, cause: KeyCause, *, key: str) -> KeyChanged | Refusal:
    """
    Let a key of the caller's organisation sign no more, from its entry on; what it signed stands.

    It needs no signature: whoever lost a key must be able to stop it. Repeatable under the same key of
    idempotency. Raises `IllegalEntry` for a key that is not the organisation's, or does not stand.
    """
    permit = ask.ask(signing_question(ask.caller.party))
    if isinstance(permit, Refusal):
        return permit
    idem = entry_key("retire", ask, key)
    draft, rider = retire_key(permit.controller, wanted, cause, actor=ask.actor, idem=idem)
    return KeyChanged(wanted, Receipt.of(ask.house.ledger.append(draft, rider=rider)))


def retire_reported_key(house: House, party: PartyId, wanted: str, cause: KeyCause) -> Receipt:
    """
    The platform stops a key that a house reported lost: recorded in the platform's name, effective at once.

    Repeatable with the same cause. Raises `KeyRefused` and `IllegalEntry`.
    """
    operator = Actor(PLATFORM, ClientId(PLATFORM))
    draft, rider = retire_key(party, wanted, cause, actor=operator, idem=f"retire-{party}-{wanted}")
    return Receipt.of(house.ledger.append(draft, rider=rider))


def forget_key_holder(ask: Inquiry, wanted: str) -> bool | Refusal:
    """
    Forget whose key it was and on which device: the row outside the ledger goes, the key stays. Repeatable.

    False when there is nothing to forget. Raises `KeyRefused` for a key that still stands.
    """
    permit = ask.ask(signing_question(ask.caller.party))
    if isinstance(permit, Refusal):
        return permit
    standing = ask.snapshot.state.keys.get(wanted)
    if standing is not None and standing.party == permit.controller and standing.is_live:
        raise KeyRefused("KEY_STANDS", "A key that stands cannot be found without this; retire it first.")
    with writing(ask.house.engine) as connection:
        return forget_holder(connection, permit.controller, wanted)


def check_signature(ask: Inquiry, assertion: Assertion, party: PartyId, challenge: bytes) -> None:
    """
    Return when a key of this party made this assertion; whether the key still stands, the ledger judges.

    Raises `KeyRefused` and `AssertionRefused`.
    """
    found = ask.snapshot.state.keys.get(assertion.key)
    if found is None or found.party != party:
        raise KeyRefused("UNKNOWN_KEY", "Your organisation has no such key; see `signingKeys`.")
    check_assertion(
        assertion,
        algorithm=found.algorithm,
        public_key=found.public_key,
        rp_id=found.rp_id,
        challenge=challenge,
        is_sandbox=ask.snapshot.state.is_sandbox,
    )
