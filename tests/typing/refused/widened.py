"""Widening a permit. expect: misc"""

from consent_ledger.permit import Permit, Read
from consent_ledger.vocabulary import PartyId


def widen(permit: Permit[Read]) -> None:
    permit.controller = PartyId("another")
