"""A cast passes the types, so lint refuses it. lint: a cast to a closed value"""

from typing import cast

from consent_ledger.permit import Permit, Read


def forge(anything: object) -> Permit[Read]:
    return cast("Permit[Read]", anything)
