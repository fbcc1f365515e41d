"""Institutions: the public register, and who the caller is."""

from __future__ import annotations

from consent_ledger.parties import Party, parties, party
from consent_ledger.permit import Refusal
from consent_ledger.question import catalogue_question
from consent_ledger.vocabulary import PartyId
from insight.store.tickets import Production, productions
from resolvers.gate import Inquiry


def institution(ask: Inquiry, wanted: PartyId) -> Party | None:
    """What the public register says of one organisation."""
    return party(ask.connection, wanted)


def institutions(ask: Inquiry, *, after: PartyId | None, first: int) -> list[Party]:
    """The register in order of id, from after `after`."""
    return parties(ask.connection, after, first)


def own_productions(ask: Inquiry) -> list[Production] | Refusal:
    """The caller's own productions, in order of reference."""
    permit = ask.ask(catalogue_question(ask.caller.party))
    return permit if isinstance(permit, Refusal) else list(productions(permit, ask.connection))
