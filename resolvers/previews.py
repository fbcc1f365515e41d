"""Previews: what an agreement would let leave, shown to the caller's own organisation before it accepts."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import date

from sqlalchemy.exc import IntegrityError

from consent_ledger.agreements import Agreement
from consent_ledger.database import writing
from consent_ledger.passkeys import acceptance_challenge
from consent_ledger.permit import Period, Refusal
from consent_ledger.question import agreements_question, audience_question, signing_question
from consent_ledger.vocabulary import AgreementId, FieldGroup, PartyId, Purpose, Reason
from insight.audiences import FIGURES
from insight.definitions import definition_of
from insight.previews import Preview, PreviewUse, keep, no_use_of, read_preview, use_of
from insight.store.previews import preview_body
from resolvers.agreements import own_agreement
from resolvers.gate import Inquiry

_OF_THE_CALLER = frozenset(
    {Reason.CLIENT_SUSPENDED, Reason.ROLE_FORBIDS, Reason.INSUFFICIENT_SCOPE, Reason.NOT_MEMBER}
)
"""What fails because of who looks: a preview that left these figures out would show less than would leave."""

_SHOWN = frozenset(definition_of(name).group for name in FIGURES)
"""The field groups of which there are figures."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A preview as it was stored, and the challenge of a signature over it."""

    sha256: str
    body: str
    preview: Preview
    challenge: bytes


def make_preview(ask: Inquiry, wanted: AgreementId) -> Shown | Refusal:
    """
    Run the real engine on the terms, show the caller its own side, and keep what was shown.

    Durable on return; the same figures give the same preview. A refusal when the caller may not sign, or
    may not see the own figures that would leave. Raises `AgreementRefused` for an agreement to which the
    caller is no party, as for one that never was.
    """
    permit = ask.ask(signing_question(ask.caller.party))
    if isinstance(permit, Refusal):
        return permit
    found = own_agreement(ask, wanted)
    uses: list[PreviewUse] = []
    if permit.controller in found.sources:
        for purpose in sorted(found.purposes):
            use = _use(ask, found, purpose)
            if isinstance(use, Refusal):
                return use
            uses.append(use)
    preview = _preview(found, permit.controller, ask.house.today(), tuple(uses))
    with suppress(IntegrityError), writing(ask.house.engine) as connection:  # kept by another at this moment
        keep(permit, connection, preview)
    return _shown(ask, preview.body.decode())


def preview(ask: Inquiry, sha256: str) -> Shown | Refusal | None:
    """The preview of this SHA-256 as it was shown to the caller's organisation; None when it never was."""
    permit = ask.ask(agreements_question(ask.caller.party))
    if isinstance(permit, Refusal):
        return permit
    body = preview_body(permit, ask.connection, sha256)
    return None if body is None else _shown(ask, body)


def _use(ask: Inquiry, agreement: Agreement, purpose: Purpose) -> PreviewUse | Refusal:
    """
    The own figures for one purpose. They are asked as the house itself under that very purpose, so that
    its notice and its visitors' objections count as they would for the recipients.
    """
    if FieldGroup.BASE not in agreement.groups:
        return no_use_of(purpose, Reason.FIELD_NOT_COVERED)  # every audience is asked with its base
    question = audience_question(
        ask.caller.party,
        purpose,
        agreement.groups & _SHOWN,
        granularity=agreement.granularity,
        productions=agreement.productions,
        period=_period(agreement),
        as_shared=True,
    )
    permit = ask.ask(question)
    if isinstance(permit, Refusal):
        failing = {one.reason for one in permit.failing}
        return permit if failing & _OF_THE_CALLER else no_use_of(purpose, permit)
    index = ask.house.indexes.of(permit, ask.connection)
    minimum = agreement.minimum_group
    return use_of(permit, index, agreement.groups, minimum=minimum, today=ask.house.today())


def _period(agreement: Agreement) -> Period | None:
    if agreement.period_start is None and agreement.period_end is None:
        return None
    return Period(agreement.period_start or date.min, agreement.period_end or date.max)


def _preview(agreement: Agreement, party: PartyId, as_of: date, uses: tuple[PreviewUse, ...]) -> Preview:
    gives, receives = party in agreement.sources, party in agreement.recipients
    return Preview(
        agreement=agreement.id,
        party=party,
        terms_sha256=agreement.terms_sha256,
        as_of=as_of,
        sources=tuple(sorted(agreement.sources - {party})) if receives else (),
        recipients=tuple(sorted(agreement.recipients - {party})) if gives else (),
        purposes=tuple(sorted(agreement.purposes)),
        groups=tuple(sorted(agreement.groups)),
        granularity=agreement.granularity,
        productions=None if agreement.productions is None else tuple(sorted(agreement.productions)),
        period_start=agreement.period_start,
        period_end=agreement.period_end,
        minimum_group=agreement.minimum_group,
        onward=agreement.onward,
        uses=uses,
    )


def _shown(ask: Inquiry, body: str) -> Shown:
    preview = read_preview(json.loads(body))
    challenge = acceptance_challenge(
        ledger=ask.house.ledger.origin,
        party=preview.party,
        agreement=preview.agreement,
        terms_sha256=preview.terms_sha256,
        preview_sha256=preview.sha256,
    )
    return Shown(preview.sha256, body, preview, challenge)
