"""Institutions: the public register, and who the caller is."""

from __future__ import annotations

from consent_ledger.bodies import PARTY
from consent_ledger.parties import Party, parties, party
from consent_ledger.permit import Refusal
from consent_ledger.question import catalogue_question
from consent_ledger.vocabulary import PartyId
from insight.store.tickets import Production, productions
from resolvers.gate import Inquiry


def institution(ask: Inquiry, wanted: PartyId) -> Party | None:
    """What the public register says of one organisation; None when there is none of this id."""
    return party(ask.connection, wanted) if PARTY.fullmatch(wanted) else None


def institutions(ask: Inquiry, *, after: PartyId | None, first: int) -> list[Party]:
    """The register in order of id, from after `after`; from its start after what is no id."""
    if after is not None and PARTY.fullmatch(after) is None:
        after = None  # PostgreSQL refuses a text with a zero byte
    return parties(ask.connection, after, first)


def own_productions(ask: Inquiry) -> list[Production] | Refusal:
    """The caller's own productions, in order of reference."""
    permit = ask.ask(catalogue_question(ask.caller.party))
    return permit if isinstance(permit, Refusal) else list(productions(permit, ask.connection))
