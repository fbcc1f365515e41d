"""The roots of every change. Each is recorded before it is answered, and holds from the next request on."""

from __future__ import annotations

from typing import Annotated

import strawberry

from consent_ledger.permit import Refusal
from consent_ledger.vocabulary import AgreementId, Scope
from resolvers import agreements as agreement_door
from resolvers import keys as key_door
from resolvers import previews as preview_door
from resolvers import signing as signing_door
from schema.agreement import (
    AGREEMENT,
    AgreementInput,
    AgreementPayload,
    ProposeAgreementInput,
    SignatureInput,
    changed,
)
from schema.consent_roots import ConsentMutations
from schema.context import Asked
from schema.directives import OPEN, any_of, requires
from schema.ids import local_id
from schema.key import (
    KeyHolderForgotten,
    KeyHolderPayload,
    PrepareSigningKeyInput,
    PrepareSigningKeyPayload,
    RegisterSigningKeyInput,
    RetireSigningKeyInput,
    SigningKeyPayload,
    key_changed,
    prepared,
)
from schema.ledger_roots import LedgerMutations
from schema.me_roots import MeMutations
from schema.octets import octets
from schema.person_roots import PersonMutations
from schema.preview import AgreementPreviewPayload, PreviewAgreementInput, preview
from schema.refused import refused
from schema.right_roots import RightMutations
from schema.rules_roots import RuleMutations

WRITE = requires(Scope.AGREEMENTS_WRITE)
SIGN = requires(Scope.AGREEMENTS_SIGN)


@strawberry.type(description="Everything that can be changed.", directives=OPEN)
class Mutation(
    ConsentMutations, RightMutations, MeMutations, PersonMutations, LedgerMutations, RuleMutations
):
    @strawberry.mutation(
        description="Propose an agreement to which you are a party; it stands when every party accepted.",
        directives=WRITE,
    )
    def propose_agreement(
        self,
        info: Asked,
        input: Annotated[ProposeAgreementInput, strawberry.argument(description="What is to be done.")],
    ) -> AgreementPayload | None:
        counters = None if input.counters is None else AgreementId(local_id(AGREEMENT, input.counters))
        done = agreement_door.propose_agreement(
            info.context.ask,
            input.terms.terms(),
            key=input.idempotency_key,
            valid_until=input.valid_until,
            counters=counters,
        )
        return changed(done)

    @strawberry.mutation(
        description=(
            "Show what an agreement would let leave: your own organisation's side of it. What was shown is kept, "
            "so that a signature can name it."
        ),
        directives=SIGN,
    )
    def preview_agreement(
        self,
        info: Asked,
        input: Annotated[PreviewAgreementInput, strawberry.argument(description="What is to be done.")],
    ) -> AgreementPreviewPayload | None:
        wanted = AgreementId(local_id(AGREEMENT, input.agreement))
        return preview(preview_door.make_preview(info.context.ask, wanted))

    @strawberry.mutation(
        description=(
            "Accept an agreement for your own organisation: by its signature, or, with `agreements:write` and "
            "without one, recorded as attested by the operator."
        ),
        directives=any_of(Scope.AGREEMENTS_WRITE, Scope.AGREEMENTS_SIGN),
    )
    def accept_agreement(
        self,
        info: Asked,
        input: Annotated[AgreementInput, strawberry.argument(description="What is to be done.")],
        signature: Annotated[
            SignatureInput | None,
            strawberry.argument(description="By a key of your organisation.", directives=SIGN),
        ] = None,
    ) -> AgreementPayload | None:
        ask, wanted = info.context.ask, AgreementId(local_id(AGREEMENT, input.agreement))
        if signature is None:
            return changed(agreement_door.accept_agreement(ask, wanted, key=input.idempotency_key))
        done = signing_door.sign_agreement(
            ask,
            wanted,
            preview_sha256=signature.preview_sha256,
            assertion=signature.assertion.assertion(),
            key=input.idempotency_key,
        )
        return changed(done)

    @strawberry.mutation(
        description="End an agreement, alone and at once; one that is only proposed is refused by it.",
        directives=WRITE,
    )
    def end_agreement(
        self,
        info: Asked,
        input: Annotated[AgreementInput, strawberry.argument(description="What is to be done.")],
    ) -> AgreementPayload | None:
        wanted = AgreementId(local_id(AGREEMENT, input.agreement))
        return changed(agreement_door.end_agreement(info.context.ask, wanted, key=input.idempotency_key))

    @strawberry.mutation(
        description="Get a name and a challenge for a new key with which your organisation is to sign.",
        directives=SIGN,
    )
    def prepare_signing_key(
        self,
        info: Asked,
        input: Annotated[PrepareSigningKeyInput, strawberry.argument(description="What is to be done.")],
    ) -> PrepareSigningKeyPayload | None:
        return prepared(key_door.prepare_key(info.context.ask, input.algorithm, octets(input.public_key)))

    @strawberry.mutation(
        description=(
            "Register a key with which your organisation signs. A further key is approved by one that stands; "
            "the first is enrolled on the operator's word, and shown so."
        ),
        directives=SIGN,
    )
    def register_signing_key(
        self,
        info: Asked,
        input: Annotated[RegisterSigningKeyInput, strawberry.argument(description="What is to be done.")],
    ) -> SigningKeyPayload | None:
        ask, given = info.context.ask, input.registration()
        return key_changed(key_door.register_own_key(ask, given, key=input.idempotency_key))

    @strawberry.mutation(
        description="Let a key of your organisation sign no more, at once. What it signed before stands.",
        directives=SIGN,
    )
    def retire_signing_key(
        self,
        info: Asked,
        input: Annotated[RetireSigningKeyInput, strawberry.argument(description="What is to be done.")],
    ) -> SigningKeyPayload | None:
        ask = info.context.ask
        return key_changed(key_door.retire_own_key(ask, input.key, input.cause, key=input.idempotency_key))

    @strawberry.mutation(
        description="Forget whose a retired key was, and on which device. The key stays in the ledger.",
        directives=SIGN,
    )
    def forget_key_holder(
        self, info: Asked, key: Annotated[strawberry.ID, strawberry.argument(description="The key.")]
    ) -> KeyHolderPayload | None:
        done = key_door.forget_key_holder(info.context.ask, key)
        return refused(done) if isinstance(done, Refusal) else KeyHolderForgotten(key=key, was_known=done)
