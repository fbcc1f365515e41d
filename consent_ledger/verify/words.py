"""
The closed words and forms of what an entry may say, and how a rule is written.

A rule is a name from the tables below. Behind it `?` means or null, `*` a list in ascending order without
repetition, `+` such a list, not empty.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from datetime import date
from itertools import pairwise
from typing import Any

MAX_INTEGER = 2**53 - 1

DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
SECOND = DAY + r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z"

TEXTS = {
    "type": r"[a-z_]{1,32}(\.[a-z_]{1,32}){1,3}(/[0-9]{1,3})?",
    "idem": r"[A-Za-z0-9._:/-]{1,128}",
    "origin": r"[a-z0-9][a-z0-9.-]{0,127}(/[A-Za-z0-9._-]{1,64}){0,8}",
    "party": r"[a-z0-9-]{2,40}",
    "client": r"[A-Za-z0-9_-]{1,64}",
    "agreement": r"agr-[0-9a-f]{16}",
    "import": r"imp-[0-9a-f]{16}",
    "release": r"rel-[0-9a-f]{16}",
    "key": r"key-[0-9a-f]{16}",
    "production": r"[a-z0-9-]{1,64}",
    "name": r"[a-z0-9][a-z0-9._-]{1,63}",
    "version": r"(0|[1-9][0-9]{0,5})(\.(0|[1-9][0-9]{0,5})){0,2}",
    "host": r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?",
    "sha256": r"[0-9a-f]{64}",
    "public_key": r"([0-9a-f]{2}){32,1024}",
    "authenticator_data": r"([0-9a-f]{2}){37}",
    "client_data": r"([0-9a-f]{2}){1,1024}",
    "signature": r"([0-9a-f]{2}){1,1024}",
    "day": DAY,
    "month": r"[0-9]{4}-(0[1-9]|1[0-2])",
    "decimal": r"(0|[1-9][0-9]{0,8})(\.[0-9]{1,18})?",
    # closed words
    "format": "cultuurinzicht/ledger/1",
    "party_kind": "institution|partner|auditor|steward|operator|vendor|platform",
    "client_kind": "institution_app|connector|partner|auditor|steward|visitor|platform",
    "purpose": "own_insight|sector_benchmark|segmentation|audience_overlap|own_marketing|partner_marketing"
    "|personal_recommendation|web_link|research|accountability|official_statistics|service_message"
    "|ticket_fulfilment",
    "basis": "eu-gdpr:A6-1-[abcef]",
    "package": "own_app|benchmark_pool|tour|city_pass|research|accountability",
    "group": "base|spend|place|age|booking|channel|segment|reference",
    "granularity": "STATISTIC|AGGREGATE|PSEUDONYMOUS|REFERENCE",  # from coarse to fine
    "role": "source|recipient|both",
    "controller_role": "independent|joint|processor",
    "assurance": "operator_attested|passkey",
    "algorithm": "ES256|EdDSA|RS256",
    "cause": "rotated|lost|left",
    "mode": "stay_out|forget_me",
    "right": "access|rectification|erasure|restriction|portability|objection",
    "outcome": "done|partly|refused",
    "scope": r"audiences:read(\.(spend|place|age|booking|channel|segment))?|(catalogue|benchmarks|overlap)"
    r":read|imports:read|(segments|consent|agreements):(read|write)|agreements:sign|references:export"
    r"|tickets:write|ledger:(read|export)|(institution|clients):manage|governance:write|me:(read|consent)"
    r"|offline_access",
    "unit": "tickets|visits",
    "bucket": "r0|r1_9|r10_99|r100_999|r1000_9999|r10000_up",
    "reason": "CLIENT_SUSPENDED|ROLE_FORBIDS|INSUFFICIENT_SCOPE|NOT_MEMBER|DPIA_MISSING|NO_AGREEMENT"
    "|AGREEMENT_ENDED|(PURPOSE|FIELD|GRANULARITY)_NOT_COVERED|CONSENT_(UNKNOWN|REFUSED|WITHDRAWN|EXPIRED)"
    "|OBJECTION|RESTRICTED|ERASED|GUARDIAN_NEEDED|BELOW_(K|DENOMINATOR)|TOO_FEW_PEERS|DOMINANCE"
    "|COMPLEMENTARY|BUDGET_SPENT|NOT_RECIPROCAL|HISTORY_TOO_SHORT|DEFINITION_MISMATCH"
    "|NO_SAFE_PEER_GROUP_NEAR_CRITERIA|(COMBINATION|STATISTIC)_NOT_OFFERED|PERIOD_FINER_THAN_PUBLISHED"
    "|MARGIN_TOO_WIDE|NOT_YET_PUBLISHED|NO_CONSENT",
}
NUMBERS = {
    "count": range(MAX_INTEGER + 1),
    "number": range(1, 1_000_001),
    "blocks": range(1_000_001),
    "sample": range(1, 1_001),
    "later_epoch": range(2, 1_000_001),
}
OBJECTS = {
    "actor": "client party",
    "state": "size=count root=sha256 seqs=count*",
    "part": "party role controller_role",
    "terms": "parties=part+ purposes=purpose+ groups=group* granularity productions=production*?"
    " period_start=day? period_end=day? minimum_group=number onward=flag",
    "assertion": "key authenticator_data client_data signature",
}


def fields(said: str) -> dict[str, str]:
    """The rule of each field, from how a table writes it: `name=rule`, or `name` where both are called alike."""
    return {name: rule or name for name, _, rule in (one.partition("=") for one in said.split())}


@functools.cache
def rules(said: str) -> dict[str, Callable[[Any], bool]]:
    """The test of each field."""
    return {name: rule(one) for name, one in fields(said).items()}


@functools.cache
def rule(name: str) -> Callable[[Any], bool]:
    """Whether a value may stand where the tables say `name`."""
    if name == "flag":
        return lambda value: isinstance(value, bool)
    if name in NUMBERS:
        return lambda value: type(value) is int and value in NUMBERS[name]
    if name in OBJECTS:
        inner = rules(OBJECTS[name])
        return lambda value: (
            isinstance(value, dict)
            and value.keys() == inner.keys()
            and all(fits(value[field]) for field, fits in inner.items())
        )
    if name in TEXTS:
        matches = re.compile(TEXTS[name]).fullmatch
        return lambda value: (
            isinstance(value, str) and bool(matches(value)) and (name != "day" or is_day(value))
        )
    one, least = rule(name[:-1]), int(name.endswith("+"))
    if name.endswith("?"):
        return lambda value: value is None or one(value)
    return lambda value: (
        isinstance(value, list) and len(value) >= least and all(map(one, value)) and _ascends(value)
    )


@functools.lru_cache(4_096)
def is_day(text: str) -> bool:
    """Whether the calendar has this day."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


@functools.lru_cache(4_096)
def is_moment(text: str) -> bool:
    """Whether a time or day that is formed like one is of a day of the calendar; the last ones are remembered."""
    return is_day(text[:10])


def _ascends(values: list[Any]) -> bool:
    order = [one["party"] if isinstance(one, dict) else one for one in values]
    return all(one < two for one, two in pairwise(order))


def flat(name: str) -> str | None:
    """
    The one way to write, in canonical JSON, a value for which `rule(name)` holds, as a pattern with one group.

    None for lists, objects and days, for which no pattern is enough. Numbers of the greatest length are left
    out: what the pattern takes, the rule takes, and not always the other way.
    """
    if name == "flag":
        return "(true|false)"
    if name in NUMBERS:
        low, high = NUMBERS[name].start, NUMBERS[name].stop - 1
        digits = f"[1-9][0-9]{{0,{len(str(high)) - 2}}}"
        return f"({digits})" if low == 1 else f"(0|{digits})" if low == 0 else None
    if name in TEXTS and name != "day":
        inner = re.sub(r"\((?!\?)", "(?:", TEXTS[name])
        return f'"({inner})"'
    if name.endswith("?") and (inner := flat(name[:-1]) or ""):
        return f"(?:null|{inner})"
    return None
