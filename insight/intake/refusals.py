"""
What intake refuses, in one shape: a code, a plain sentence, and the next step.

No value of a file ever stands in a refusal: a value may be a name, an address or a postcode.
Lines, columns that our own mapping asks for, and byte offsets are what a person needs to find it.
"""

from __future__ import annotations


class IntakeRefused(Exception):
    """Nothing of this delivery was stored. Carries `code`, `sentence` and `fix`."""

    def __init__(self, code: str, sentence: str, fix: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.fix = fix


class FileRefused(IntakeRefused):
    """The file cannot be read as a table. `line` counts the header as 1; `offset` is in bytes from 0."""

    def __init__(
        self, code: str, sentence: str, fix: str, *, line: int | None = None, offset: int | None = None
    ) -> None:
        super().__init__(code, sentence, fix)
        self.line = line
        self.offset = offset


class MappingRefused(IntakeRefused):
    """The mapping is unknown, or is not a valid mapping."""
