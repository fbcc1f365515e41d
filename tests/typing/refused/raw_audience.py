"""Showing an audience that was measured and not released. expect: arg-type"""

from consent_ledger.vocabulary import Purpose
from insight.figures import RawAudience
from schema.audience import Audience, audience
from schema.refused import Refused


def leak(raw: RawAudience) -> Audience | Refused:
    return audience(raw, Purpose.OWN_INSIGHT)
