"""
What each type of entry says, and nothing else. A body never changes: what is new is a new type, or `/2`.

Written as `words` tells.
"""

from __future__ import annotations

from typing import Any

from consent_ledger.verify.refused import Refused
from consent_ledger.verify.words import rules

_SAID = "controller=party purpose purpose_version=number notice=name? notice_version=number?"
_DECIDED = (
    "request_sha256=sha256 recipient=party client controllers=party* agreements=agreement*"
    " reasons=reason* basis=state"
)
ACTS = ("granted", "refused", "withdrawn", "renewed", "objected", "restricted", "lifted")

BODIES = {
    "ledger.created": "format origin sandbox=flag",
    "party.registered": "party kind=party_kind organisation=party sandbox=flag",
    "party.closed": "party",
    "key.registered": "party key algorithm public_key rp_id=host possession=assertion approval=assertion?",
    "key.retired": "party key cause",
    "purpose.published": "purpose version=number text_sha256=sha256 bases=basis+ high_risk=flag",
    "basis.recorded": "controller=party purpose purpose_version=number basis dpia_sha256=sha256?",
    "notice.published": "controller=party notice=name version=number text_sha256=sha256 purposes=purpose+",
    "notice.invalidated": "controller=party notice=name version=number",
    "definition.published": "definition=name version sha256",
    "segments.published": "model=name version sha256",
    "policy.published": "policy=name sha256",
    "agreement.proposed": "agreement package proposer=party terms terms_sha256=sha256",
    "agreement.accepted": "agreement party assurance terms_sha256=sha256",
    "agreement.accepted/2": "agreement party terms_sha256=sha256 preview_sha256=sha256 assertion",
    "agreement.refused": "agreement party",
    "agreement.ended": "agreement party",
    "scope.granted": "client party kind=client_kind scopes=scope*",
    "scope.revoked": "client party",
    **{f"consent.{act}": f"{_SAID} commitment=sha256" for act in ACTS},
    "consent.batch": f"{_SAID} granted=count refused=count withdrawn=count objected=count root=sha256",
    "import.accepted": "import institution=party unit source=party file_sha256=sha256 report_sha256=sha256"
    " received=count created=count updated=count unchanged=count",
    "release.sealed": "release policy=name period_start=month period_end=month tables_sha256=sha256"
    " certificate_sha256=sha256 input_sha256=sha256 blocks rho=decimal",
    "release.retracted": "release",
    "disclosure.recorded": "request_sha256=sha256 recipient=party client controllers=party+ agreements=agreement+"
    " purposes=purpose+ groups=group+ granularity rows=bucket persons=bucket subjects=sha256 basis=state",
    "refusal.recorded": _DECIDED,
    "refusal.recorded/2": f"{_DECIDED} purposes=purpose+ groups=group* granularity",
    "sample.opened": "disclosure=count recipient=party client seed=sha256 number=sample",
    "export.issued": "recipient=party client start=count stop=count",
    "subject.erased": "controller=party request_sha256=sha256 mode effective_by=day",
    "subject.stopped": "request_sha256=sha256",
    "right.requested": "controller=party request_sha256=sha256 right due=day",
    "right.extended": "controller=party request_sha256=sha256 due=day",
    "right.answered": "controller=party request_sha256=sha256 outcome",
    "vault.kek_rotated": "epoch=later_epoch",
    "vault.kek_destroyed": "epoch=number",
}


def is_personal(kind: str) -> bool:
    """Whether an entry is about a person, or a batch of them: then it tells the day alone."""
    return kind.startswith(("consent.", "subject.", "right."))


def check_body(kind: str, body: Any, seq: int) -> None:
    """Return when an entry of this known type may say this. Raises `Refused`, which names no value."""
    expected = rules(BODIES[kind])
    if not isinstance(body, dict) or body.keys() != expected.keys():
        raise Refused(f"Entry {seq} says more or less than its type may.")
    for name, fits in expected.items():
        if not fits(body[name]):
            raise Refused(f"Entry {seq} says something as its {name} that cannot stand there.")
