"""Accepting an agreement by signature: a passkey of the house over its terms and the preview that it saw."""

from __future__ import annotations

import json

from consent_ledger.agreements import accept_signed
from consent_ledger.passkeys import Assertion, acceptance_challenge
from consent_ledger.permit import Refusal
from consent_ledger.question import agreements_question, signing_question
from consent_ledger.vocabulary import AgreementId
from insight.store.previews import preview_body
from resolvers.agreements import AgreementRefused, Changed, changed, own_agreement
from resolvers.gate import Inquiry, entry_key
from resolvers.keys import check_signature


def sign_agreement(
    ask: Inquiry, wanted: AgreementId, *, preview_sha256: str, assertion: Assertion, key: str
) -> Changed | Refusal:
    """
    Accept it for the caller's own organisation by a signature that anybody can check from the export.

    1. the caller may sign, and see the organisation's agreements;
    2. this preview was shown to this organisation, of this agreement;
    3. a key of this organisation made this assertion, over these terms and this preview;
    4. the key stands, and the agreement is open: judged where the entry gets its index.

    Repeatable under the same key. Raises `AgreementRefused`, `KeyRefused`, `AssertionRefused` and
    `IllegalEntry`.
    """
    permit = ask.ask(signing_question(ask.caller.party))
    if isinstance(permit, Refusal):
        return permit
    seen = ask.ask(agreements_question(ask.caller.party))
    if isinstance(seen, Refusal):
        return seen
    found = own_agreement(ask, wanted)
    body = preview_body(seen, ask.connection, preview_sha256)
    if body is None or json.loads(body)["agreement"] != found.id:
        raise AgreementRefused(
            "PREVIEW_UNKNOWN",
            "Your organisation was not shown this preview of this agreement; ask for one and sign that.",
        )
    challenge = acceptance_challenge(
        ledger=ask.house.ledger.origin,
        party=permit.controller,
        agreement=found.id,
        terms_sha256=found.terms_sha256,
        preview_sha256=preview_sha256,
    )
    check_signature(ask, assertion, permit.controller, challenge)
    draft = accept_signed(
        found,
        permit.controller,
        preview_sha256=preview_sha256,
        assertion=assertion,
        actor=ask.actor,
        idem=entry_key("accept", ask, key),
    )
    return changed(found.id, ask.house.ledger.append(draft))
