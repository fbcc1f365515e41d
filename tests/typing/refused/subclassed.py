"""Extending a permit. expect: misc"""

from consent_ledger.permit import Permit, Read


class Wider(Permit[Read]):
    pass
