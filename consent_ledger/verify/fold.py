"""What an entry can say at its place: nothing is accepted that was not proposed, nobody speaks for another."""

from __future__ import annotations

from collections.abc import Callable

from consent_ledger.verify.agreements import agreements
from consent_ledger.verify.bodies import BODIES
from consent_ledger.verify.consents import consents, rulebook
from consent_ledger.verify.decisions import decisions, releases, samples
from consent_ledger.verify.line import Entry
from consent_ledger.verify.members import keys, members
from consent_ledger.verify.persons import epochs, erasures, rights
from consent_ledger.verify.refused import Refused
from consent_ledger.verify.standing import PLATFORM, Rules, Standing

_MEMBER = {
    **dict.fromkeys(("basis.recorded", "notice.published", "notice.invalidated"), "controller"),
    **dict.fromkeys(("party.closed", "scope.granted", "key.registered"), "party"),
    "import.accepted": "institution",
}
"""The field that names a member."""
_ONCE_MEMBER = dict.fromkeys(("subject.erased", "right.requested"), "controller")
"""The field that names a member, or one that has left: what it holds of somebody, it still answers for."""
_SPEAKER = {
    **dict.fromkeys(("agreement.accepted", "agreement.accepted/2", "agreement.refused"), "party"),
    **dict.fromkeys(("agreement.ended", "key.registered", "key.retired"), "party"),
    **dict.fromkeys(("disclosure.recorded", "refusal.recorded", "refusal.recorded/2"), "recipient"),
    **dict.fromkeys(("right.requested", "right.extended", "right.answered"), "controller"),
    **dict.fromkeys(("subject.erased", "notice.invalidated"), "controller"),
    **dict.fromkeys(("basis.recorded", "notice.published"), "controller"),
    **dict.fromkeys(("party.closed", "scope.granted", "scope.revoked"), "party"),
    "import.accepted": "institution",
    "export.issued": "recipient",
    "sample.opened": "recipient",
    "agreement.proposed": "proposer",
}
"""The field that names who says it: that organisation or the platform must have said it."""
_PLATFORM_ALONE = frozenset(
    {"vault.kek_rotated", "vault.kek_destroyed", "release.sealed", "release.retracted"},
)
_COMMON_RULES = frozenset(
    {
        *("party.registered", "purpose.published", "definition.published", "segments.published"),
        "policy.published",
    },
)
"""What the platform says, or one of its stewards."""
_Steps = Callable[[Standing, Entry], Rules]
_STEPS: dict[str, _Steps] = {
    **dict.fromkeys(("ledger", "party", "scope"), members),
    "key": keys,
    **dict.fromkeys(("purpose", "basis", "notice"), rulebook),
    "consent": consents,
    "subject": erasures,
    "right": rights,
    "vault": epochs,
    "agreement": agreements,
    **dict.fromkeys(("release", "export"), releases),
    **dict.fromkeys(("disclosure", "refusal"), decisions),
    "sample": samples,
}
"""By the first word of a type."""


class Fold:
    """Takes entries in order; `standing` is what stands after them."""

    def __init__(self, origin: str) -> None:
        self.standing = Standing(origin)
        self.recorded = ""
        self.unknown = ""
        """The first entry of an unknown type, in words: behind it nothing is followed."""
        self._last_time = ""
        self._keys: dict[tuple[str, str], set[str]] = {}  # by actor: all that it used

    def take(self, entry: Entry) -> None:
        """Take the next entry. Raises `Refused`."""
        rt = entry.rt
        if rt != self.recorded:
            if rt[:10] < self.recorded[:10] or (len(rt) > 10 and rt < self._last_time):
                raise Refused(f"Entry {entry.seq} was recorded before the one that precedes it.")
            self.recorded, self._last_time = rt, rt if len(rt) > 10 else self._last_time
        actor = entry.party
        used = self._keys.get((actor, entry.client))
        if used is None:
            used = self._keys[actor, entry.client] = set()
        if entry.idem in used:
            raise Refused(f"Entry {entry.seq} has a key that the same application had used before.")
        used.add(entry.idem)
        if (entry.kind == "ledger.created") != (entry.seq == 0):
            raise Refused("A ledger is created by its first entry, and only there.")
        if entry.kind not in BODIES:
            self.unknown = self.unknown or f"entry {entry.seq} is of {entry.kind}"
        if self.unknown:
            return
        standing = self.standing
        if actor != PLATFORM and not standing.is_member(actor):
            raise Refused(f"Entry {entry.seq} cannot be: who acts is no member of the platform.")
        rules = _BY_TYPE[entry.kind](standing, entry)
        for holds, otherwise in rules:
            if not holds:
                raise Refused(f"Entry {entry.seq} cannot be: {otherwise}.")


def _named(standing: Standing, entry: Entry) -> Rules:
    """What holds of those whom an entry names, whatever else it says."""
    kind, actor, body = entry.kind, entry.party, entry.body
    if kind in _MEMBER:
        yield standing.is_member(body[_MEMBER[kind]]), "it is about no member of the platform"
    if kind in _ONCE_MEMBER:
        yield standing.was_member(body[_ONCE_MEMBER[kind]]), "it is about no member of the platform"
    if kind in _SPEAKER:
        yield actor in {body[_SPEAKER[kind]], PLATFORM}, "it was said in the name of another"
    if kind in _PLATFORM_ALONE:
        yield actor == PLATFORM, "only the platform says so"
    if kind in _COMMON_RULES:
        is_said = actor == PLATFORM or actor in standing.stewards
        yield is_said, "only the platform and its stewards make the common rules"


def _both(kind: str, steps: _Steps | None) -> _Steps:
    """The rules for a type; for the most frequent one, which names nobody in these ways, only its own."""
    if steps is None:
        return _named
    if not any(kind in table for table in (_MEMBER, _ONCE_MEMBER, _SPEAKER, _PLATFORM_ALONE, _COMMON_RULES)):
        return steps

    def both(standing: Standing, entry: Entry) -> Rules:
        yield from _named(standing, entry)
        yield from steps(standing, entry)

    return both


_BY_TYPE = {kind: _both(kind, _STEPS.get(kind.partition(".")[0])) for kind in BODIES}
