"""Showing raw counts to a caller. expect: arg-type"""

from insight.figures import RawCount
from schema.figure import Shown, shown


def leak(raw: RawCount) -> Shown:
    return shown(raw)
