"""
Reads of the truth. Every public function takes a `Permit[Read]` first and finds in it whose rows,
which productions and from which day of sale it may give; nothing beside the permit widens that.
"""

from __future__ import annotations

from consent_ledger.permit import Permit, Read
from consent_ledger.question import Subject


class WrongPermit(Exception):
    """A permit for one subject was brought to the rows of another."""

    code = "WRONG_PERMIT"

    def __init__(self, subject: Subject) -> None:
        super().__init__(f"a permit about {subject.value} does not open these rows")


def require(permit: Permit[Read], *subjects: Subject) -> None:
    """Refuse a permit that is about something else, such as a catalogue permit for ticket lines."""
    if permit.subject not in subjects:
        raise WrongPermit(permit.subject)
