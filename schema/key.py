"""Keys with which houses sign, as GraphQL takes and shows them."""

from __future__ import annotations

from typing import Annotated

import strawberry

from consent_ledger.passkeys import Assertion
from consent_ledger.permit import Refusal
from consent_ledger.vocabulary import Assurance, KeyCause, Scope, SigningAlgorithm
from resolvers.keys import KeyChanged, KeyOfHouse, Prepared, Registration
from schema.directives import OPEN, requires
from schema.octets import octet_text, octets
from schema.receipt import Receipt, receipt
from schema.refused import Refused, refused
from schema.words import describe

READ = requires(Scope.AGREEMENTS_READ)
SIGN = requires(Scope.AGREEMENTS_SIGN)

describe(
    SigningAlgorithm,
    "How a key signs, by the names of RFC 7518 and RFC 8037.",
    {
        SigningAlgorithm.ES256: "ECDSA on P-256 with SHA-256 (COSE -7): most passkeys.",
        SigningAlgorithm.EDDSA: "Ed25519 (COSE -8): many security keys.",
        SigningAlgorithm.RS256: "RSA of 2,048 bits or more with SHA-256 (COSE -257).",
    },
)
describe(
    KeyCause,
    "Why a key no longer signs.",
    {
        KeyCause.ROTATED: "Another key took its place.",
        KeyCause.LOST: "It was lost, or somebody else may have it.",
        KeyCause.LEFT: "Who held it no longer signs for the house.",
    },
)
describe(
    Assurance,
    "How an act of a house is proven.",
    {
        Assurance.OPERATOR_ATTESTED: "On the operator's word: the platform recorded that the house said so.",
        Assurance.PASSKEY: "By a key of the house itself; anybody can check it from the export.",
    },
)


@strawberry.input(
    description="What an authenticator gave for a challenge (WebAuthn, `navigator.credentials.get`).",
    directives=OPEN,
)
class AssertionInput:
    key: strawberry.ID = strawberry.field(description="The key that signed, such as `key-0123456789abcdef`.")
    authenticator_data: str = strawberry.field(description="`response.authenticatorData`, in base64url.")
    client_data: str = strawberry.field(description="`response.clientDataJSON`, in base64url.")
    signature: str = strawberry.field(description="`response.signature`, in base64url.")

    def assertion(self) -> Assertion:
        """The assertion in the ledger's words. Raises `OctetsRefused`."""
        return Assertion(
            self.key, octets(self.authenticator_data), octets(self.client_data), octets(self.signature)
        )


@strawberry.type(description="A key with which the own house signs.", directives=READ)
class SigningKey:
    key: strawberry.ID = strawberry.field(description="Its name in the ledger; says nothing of anybody.")
    algorithm: SigningAlgorithm = strawberry.field(description="How it signs.")
    rp_id: str = strawberry.field(description="The site to which it is bound.")
    enrolment: Assurance = strawberry.field(
        description="Approved by a key that stood, or enrolled on the operator's word."
    )
    is_live: bool = strawberry.field(description="Whether it stands; a retired one signs no more.")
    since: int = strawberry.field(description="The entry that registered it.")
    label: str | None = strawberry.field(
        description="Whose it is, in the house's own words; null when that was forgotten."
    )
    credential_id: str | None = strawberry.field(
        description="By which a browser finds it, in base64url; null when that was forgotten."
    )


@strawberry.type(description="The keys of the own house.", directives=READ)
class SigningKeys:
    rp_id: str = strawberry.field(description="The site for which a new key is made.")
    keys: list[SigningKey] = strawberry.field(description="In the order of their registration.")


def signing_keys(rp_id: str, found: list[KeyOfHouse]) -> SigningKeys:
    """The keys of a house as GraphQL shows them."""
    return SigningKeys(rp_id=rp_id, keys=[_signing_key(one) for one in found])


def _signing_key(found: KeyOfHouse) -> SigningKey:
    standing, known = found.standing, found.known
    return SigningKey(
        key=strawberry.ID(found.key),
        algorithm=standing.algorithm,
        rp_id=standing.rp_id,
        enrolment=enrolment(is_attested=standing.enrolled_by_operator),
        is_live=standing.is_live,
        since=standing.seq,
        label=None if known is None else known.label,
        credential_id=None if known is None else known.credential_id,
    )


def enrolment(*, is_attested: bool) -> Assurance:
    """How it is proven that a key is the house's."""
    return Assurance.OPERATOR_ATTESTED if is_attested else Assurance.PASSKEY


@strawberry.input(description="A new key that is to be registered.", directives=OPEN)
class PrepareSigningKeyInput:
    algorithm: SigningAlgorithm = strawberry.field(description="How it signs.")
    public_key: str = strawberry.field(description="`response.getPublicKey()`, in base64url.")


@strawberry.type(description="What a new key signs to prove itself.", directives=SIGN)
class SigningKeyPrepared:
    key: strawberry.ID = strawberry.field(description="The name under which it is to be registered.")
    rp_id: str = strawberry.field(description="The site to which it is bound.")
    challenge: str = strawberry.field(
        description="What the new key and the one that approves it sign, in base64url."
    )


PrepareSigningKeyPayload = Annotated[
    SigningKeyPrepared | Refused,
    strawberry.union("PrepareSigningKeyPayload", description="The challenge, or why it was refused."),
]


def prepared(done: Prepared | Refusal) -> SigningKeyPrepared | Refused:
    """A prepared key as GraphQL shows it."""
    if isinstance(done, Refusal):
        return refused(done)
    return SigningKeyPrepared(
        key=strawberry.ID(done.key), rp_id=done.rp_id, challenge=octet_text(done.challenge)
    )


@strawberry.input(description="Register the key that was prepared.", directives=OPEN)
class RegisterSigningKeyInput:
    idempotency_key: str = strawberry.field(description="Your own key; repeating it changes nothing.")
    key: strawberry.ID = strawberry.field(description="The name that was given when it was prepared.")
    algorithm: SigningAlgorithm = strawberry.field(description="How it signs.")
    public_key: str = strawberry.field(description="SubjectPublicKeyInfo (DER), in base64url.")
    rp_id: str = strawberry.field(description="The site to which it is bound.")
    credential_id: str = strawberry.field(
        description="By which a browser finds it, in base64url. Not in the ledger."
    )
    label: str = strawberry.field(description="Whose it is, in your own words. Not in the ledger.")
    possession: AssertionInput = strawberry.field(description="By the new key itself.")
    approval: AssertionInput | None = strawberry.field(
        default=None, description="By a key of the house that stands; none only while there is none."
    )

    def registration(self) -> Registration:
        """What is registered, in the ledger's words. Raises `OctetsRefused`."""
        return Registration(
            key=self.key,
            algorithm=self.algorithm,
            public_key=octets(self.public_key),
            rp_id=self.rp_id,
            credential_id=octets(self.credential_id),
            label=self.label,
            possession=self.possession.assertion(),
            approval=None if self.approval is None else self.approval.assertion(),
        )


@strawberry.input(description="Let a key sign no more.", directives=OPEN)
class RetireSigningKeyInput:
    idempotency_key: str = strawberry.field(description="Your own key; repeating it changes nothing.")
    key: strawberry.ID = strawberry.field(description="The key.")
    cause: KeyCause = strawberry.field(description="Why.")


@strawberry.type(description="A key was registered or retired, from the next request on.", directives=SIGN)
class SigningKeyChanged:
    key: strawberry.ID = strawberry.field(description="The key.")
    receipt: Receipt = strawberry.field(description="The entry, and the proof that it is in the ledger.")


SigningKeyPayload = Annotated[
    SigningKeyChanged | Refused,
    strawberry.union("SigningKeyPayload", description="What was changed, or why it was refused."),
]


def key_changed(done: KeyChanged | Refusal) -> SigningKeyChanged | Refused:
    """A change of keys as GraphQL shows it."""
    if isinstance(done, Refusal):
        return refused(done)
    return SigningKeyChanged(key=strawberry.ID(done.key), receipt=receipt(done.receipt))


@strawberry.type(description="It is no longer known whose key it was.", directives=SIGN)
class KeyHolderForgotten:
    key: strawberry.ID = strawberry.field(description="The key; it stays in the ledger.")
    was_known: bool = strawberry.field(description="Whether there was something to forget.")


KeyHolderPayload = Annotated[
    KeyHolderForgotten | Refused,
    strawberry.union("KeyHolderPayload", description="What was forgotten, or why it was refused."),
]
