"""The states of consent: every step that is possible, every one that is not, and the words of DPV."""

from __future__ import annotations

import re

import pytest

from consent_ledger import consent_states
from consent_ledger.consent_states import ConsentState, StepRefused, after, expired, invalidated
from consent_ledger.vocabulary import ConsentAct

_COLUMNS = ("granted", "renewed", "refused", "withdrawn", "wrong notice", "past its day")
_AS_IT_WAS = "(as it was)"


def table() -> dict[ConsentState, dict[str, str]]:
    """The table in the module's docstring, which is the contract."""
    lines = [line.strip() for line in (consent_states.__doc__ or "").splitlines()]
    found = {}
    for line in lines:
        words = re.split(r" {2,}", line)
        if len(words) == len(_COLUMNS) + 1 and words[0] != "from":
            found[state(words[0])] = dict(zip(_COLUMNS, words[1:], strict=True))
    return found


def state(word: str) -> ConsentState:
    return ConsentState[word.upper()]


def test_the_table_tells_of_every_state() -> None:
    assert set(table()) == set(ConsentState)


@pytest.mark.parametrize("begin", ConsentState)
def test_every_step_is_as_the_table_says(begin: ConsentState) -> None:
    row = table()[begin]
    for word in ("granted", "renewed", "refused", "withdrawn"):
        act = ConsentAct(word)
        if row[word] == "-":
            with pytest.raises(StepRefused) as refused:
                after(begin, act)
            assert refused.value.sentence
        else:
            assert after(begin, act) is state(row[word])
    assert after(begin, ConsentAct.OBJECTED) is ConsentState.WITHDRAWN
    for act in (ConsentAct.RESTRICTED, ConsentAct.LIFTED):
        assert after(begin, act) is begin, "they stand beside consent"
    for change, word in ((invalidated, "wrong notice"), (expired, "past its day")):
        same = row[word] == _AS_IT_WAS
        assert change(begin) is (begin if same else state(row[word]))


def test_what_stops_is_possible_from_everywhere() -> None:
    for begin in ConsentState:
        for act in (ConsentAct.WITHDRAWN, ConsentAct.REFUSED, ConsentAct.OBJECTED):
            assert not after(begin, act).is_valid


def test_only_what_was_given_is_valid() -> None:
    assert {one for one in ConsentState if one.is_valid} == {ConsentState.GIVEN, ConsentState.RENEWED}


def test_the_words_are_those_of_dpv() -> None:
    assert {one.iri for one in ConsentState} == {
        "dpv:ConsentUnknown",
        "dpv:ConsentGiven",
        "dpv:RenewedConsentGiven",
        "dpv:ConsentRefused",
        "dpv:ConsentWithdrawn",
        "dpv:ConsentExpired",
        "dpv:ConsentInvalidated",
    }
