"""
The states of consent, as the W3C Data Privacy Vocabulary 2 names them, and the steps between them.

    from          granted   renewed   refused   withdrawn   wrong notice   past its day
    Unknown       Given     -         Refused   Withdrawn   (as it was)    (as it was)
    Given         Given     Renewed   Refused   Withdrawn   Invalidated    Expired
    Renewed       Given     Renewed   Refused   Withdrawn   Invalidated    Expired
    Expired       Given     Renewed   Refused   Withdrawn   Invalidated    Expired
    Refused       Given     -         Refused   Withdrawn   (as it was)    (as it was)
    Withdrawn     Given     -         Refused   Withdrawn   (as it was)    (as it was)
    Invalidated   Given     -         Refused   Withdrawn   Invalidated    (as it was)

What stops is possible from everywhere: nobody is refused a withdrawal because nothing was given. What
gives again needs something that was given. Objection (GDPR 21) and restriction (18) are no states of
consent; they stand beside it, and `objected` counts as a step to Withdrawn for what rests on consent.

A request that got no answer is not recorded, so the vocabulary's `ConsentRequested` never occurs.
"""

from __future__ import annotations

from enum import StrEnum

from consent_ledger.vocabulary import ConsentAct


class ConsentState(StrEnum):
    """Where consent stands for one person, purpose and controller; the value is the term's name in DPV."""

    UNKNOWN = "ConsentUnknown"
    GIVEN = "ConsentGiven"
    RENEWED = "RenewedConsentGiven"
    REFUSED = "ConsentRefused"
    WITHDRAWN = "ConsentWithdrawn"
    EXPIRED = "ConsentExpired"
    INVALIDATED = "ConsentInvalidated"

    @property
    def iri(self) -> str:
        """The term as a compact IRI."""
        return f"dpv:{self.value}"

    @property
    def is_valid(self) -> bool:
        """Whether data may be used on it (`dpv:ConsentStatusValidForProcessing`)."""
        return self in {ConsentState.GIVEN, ConsentState.RENEWED}


class StepRefused(Exception):
    """From this state there is no such step. Carries a code and a plain sentence."""

    code = "STEP_REFUSED"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


_LASTING = frozenset(
    {ConsentState.GIVEN, ConsentState.RENEWED, ConsentState.EXPIRED},
)
"""From which consent is renewed, and which a wrong notice takes away."""


def after(state: ConsentState, act: ConsentAct) -> ConsentState:
    """
    The state after this act.

    Raises `StepRefused` for a renewal of what was never given, or no longer stood when it was renewed.
    """
    match act:
        case ConsentAct.GRANTED:
            return ConsentState.GIVEN
        case ConsentAct.RENEWED:
            if state not in _LASTING:
                raise StepRefused("Only consent that was given can be renewed; ask for it anew.")
            return ConsentState.RENEWED
        case ConsentAct.REFUSED:
            return ConsentState.REFUSED
        case ConsentAct.WITHDRAWN | ConsentAct.OBJECTED:
            return ConsentState.WITHDRAWN
        case ConsentAct.RESTRICTED | ConsentAct.LIFTED:
            return state


def expired(state: ConsentState) -> ConsentState:
    """The state when the day came until which it was given."""
    return ConsentState.EXPIRED if state.is_valid else state


def invalidated(state: ConsentState) -> ConsentState:
    """The state when the notice under which it was given proves wrong."""
    return ConsentState.INVALIDATED if state in _LASTING else state
