"""Why an export does not hold."""

from __future__ import annotations


class Refused(Exception):
    """What was given does not hold; the text is the plain reason."""

    verdict = "does not hold"


class Unknown(Refused):
    """Lines, root and signature hold, but an entry is of a later version: what stands cannot be told."""

    verdict = "cannot be told"
