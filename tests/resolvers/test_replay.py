"""Decisions told again that stand on what was true once, and had ended long before they were recorded."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from consent_ledger.records import instant
from consent_ledger.replay import replay
from insight.criteria import Criteria
from resolvers.audiences import AudienceAsked, audience
from tests.resolvers.scene import LAKESIDE, RESEARCH, Scene, caller, research


@pytest.mark.parametrize(("seconds", "holds"), [(120, True), (121, False)])
def test_a_decision_on_what_had_ended_long_before_is_found(scene: Scene, seconds: int, holds: bool) -> None:
    """Its basis is old and true; what ended in between is found among the entries that follow it."""
    scene.bring(LAKESIDE, [{"identifier": f"p{number}@example.org"} for number in range(12)])
    agreement = scene.agree(research(), "lakeside-app", "bureau-app")
    with scene.inquiry(caller("bureau-app")) as inquiry:
        audience(inquiry, AudienceAsked(LAKESIDE, RESEARCH, None, Criteria(), frozenset({"bookers"})))
    *before, disclosed = [entry.line for entry in scene.entries()]
    told = json.loads(disclosed)
    scene.end(agreement, "lakeside-app")
    ended = json.loads(scene.entries()[-1].line)
    told["seq"], ended["seq"] = ended["seq"], told["seq"]
    told["rt"] = (instant(ended["rt"]) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    forged = [
        *before,
        *(json.dumps(one, sort_keys=True, separators=(",", ":")).encode() for one in (ended, told)),
    ]
    [again] = replay(lambda: forged)
    assert again.holds is holds
    late = f"entry {ended['seq']} had ended what it stands on, longer ago than a request lives"
    assert again.findings == (() if holds else (late,))
