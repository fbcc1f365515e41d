"""Making a permit with the fields one would like. expect: call-arg"""

from consent_ledger.permit import Permit, Read


def forge() -> Permit[Read]:
    return Permit(controller="vrijenoot")
