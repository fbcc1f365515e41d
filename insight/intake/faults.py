"""
The closed list of what can be wrong with a row, and of what is accepted with a remark.

Sentences are fixed: none holds a value of the row. The list is documentation too; a code, once
published, keeps its meaning.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final


class Unreadable(ValueError):
    """A cell is not what its field needs. Carries a code of `FAULTS` or `REMARKS`, never the value."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


FAULTS: Final = MappingProxyType(
    {
        "MISSING_VALUE": "The cell is empty; this field needs a value.",
        "UNMAPPED_VALUE": "The mapping does not know this word; add it to the mapping's values.",
        "BAD_VALUE": "The value is not one of the words of this field.",
        "BAD_REFERENCE": "Not a reference: up to 64 letters, digits and the signs . _ : / # -.",
        "BAD_TEXT": "The text is longer than 200 characters or holds control characters.",
        "PERSONAL_TITLE": "The title holds an e-mail address, or nine or more digits in a row (spaces, dashes, "
        "brackets and + aside); take the title of the production, without whoever booked it.",
        "BAD_TIME": "Not a date and time in the form that the mapping states.",
        "BAD_DAY": "Not a calendar day in the form that the mapping states.",
        "BAD_ZONE": "Not a time zone of the IANA list, such as Europe/Amsterdam.",
        "REPEATED_HOUR": "This local time occurs twice when summer time ends; export with an offset.",
        "SKIPPED_HOUR": "This local time does not exist: it is skipped when summer time begins.",
        "BAD_AMOUNT": "Not an amount in the decimal form that the mapping states.",
        "AMBIGUOUS_AMOUNT": "The amount reads differently with a decimal comma and a decimal point.",
        "BROKEN_CENT": "The amount is not a whole number of cents.",
        "NEGATIVE_AMOUNT": "The amount is below zero; a refund is a status, not a negative line.",
        "AMOUNT_TOO_LARGE": "More than ten million euros on one line; check the column and decimal mark.",
        "BAD_CURRENCY": "Only amounts in EUR are kept.",
        "BAD_NUMBER": "Not a whole number from 0 to 10,000,000.",
        "BAD_POSTCODE": "Not the four digits of a Dutch postcode.",
        "BAD_COUNTRY": "Not a country code of two letters (ISO 3166-1).",
        "BAD_IDENTIFIER": "Longer than 254 characters, or holds control characters.",
        "CONFLICTING_ROWS": "This key stands in the file more than once, with other content.",
        "TWO_ZONES": "This performance stands in the file with two time zones.",
    }
)
"""Why a row is refused."""

REMARKS: Final = MappingProxyType(
    {
        "DEFAULTED": "The mapping does not know this word; its default was taken.",
        "FIRST_OF_REPEATED_HOUR": "A local time that occurs twice was taken as the first of the two.",
        "NOT_A_POSTCODE": "Not a Dutch postcode; the line is kept without one.",
        "UNKNOWN_POSTCODE": "No such postcode area is known; the line is kept without one.",
        "COUNTRY_UNREAD": "Not a country code; the line is kept without one.",
        "ORDERED_IN_FUTURE": "Ordered later than now; check the time zone of the export.",
        "ATTENDED_NOT_SOLD": "An entry scan on a line that is not sold was not kept.",
        "NO_FINAL_NEWLINE": "The last line has no line end; check that the file is complete.",
    }
)
"""What is accepted, and said."""
