"""Writing with a permit to read. expect: arg-type"""

from consent_ledger.permit import Permit, Read, Write


def store(permit: Permit[Write]) -> None: ...


def misuse(permit: Permit[Read]) -> None:
    store(permit)
