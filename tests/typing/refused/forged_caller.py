"""Making a caller by hand. expect: arg-type"""

from consent_ledger.permit import Caller


def forge() -> Caller:
    return Caller("vrijenoot")
