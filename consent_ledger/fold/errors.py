"""Why the fold stops."""

from __future__ import annotations


class UnknownEntry(Exception):
    """An entry of a type this version does not know: the fold stops, proofs still verify."""

    def __init__(self, seq: int) -> None:
        super().__init__(
            f"entry {seq} is of a type that this version does not know; use the version that wrote it"
        )


class IllegalEntry(Exception):
    """The entry says something that cannot be at this point. Carries a code and a plain sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
