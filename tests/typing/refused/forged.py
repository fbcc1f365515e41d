"""Making a permit by hand. expect: call-arg"""

from consent_ledger.permit import Permit, Read


def forge() -> Permit[Read]:
    return Permit()
