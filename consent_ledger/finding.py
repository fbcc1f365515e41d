"""What a comparison of the ledger with itself found: one sentence, with a code for programs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was recorded. The sentence names positions and columns, never a value."""

    code: str
    sentence: str


class CannotLook(Exception):
    """What is to be compared cannot be read at all. The text is one plain sentence."""

    code = "CANNOT_LOOK"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
