"""What the platform publishes before any house can join: the same each time, and on each kind of platform."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

from consent_ledger.vocabulary import LawfulBasis, Purpose
from insight.policies import POLICIES, UNNOISED_1, policy_sha256
from insight.rulebook import POSSIBLE, purpose_words, rulebook, text_sha256


def test_the_rules_are_the_same_drafts_each_time() -> None:
    for sandbox in (True, False):
        drafts = rulebook(sandbox=sandbox)
        assert drafts == rulebook(sandbox=sandbox)
        assert len({draft.idem for draft in drafts}) == len(drafts)


def test_exact_totals_are_a_policy_of_sandboxes_alone() -> None:
    def policies(*, sandbox: bool) -> set[object]:
        return {draft.body["policy"] for draft in rulebook(sandbox=sandbox) if "policy" in draft.body}

    assert policies(sandbox=True) == {*POLICIES}
    assert policies(sandbox=True) - policies(sandbox=False) == {UNNOISED_1.id}


def test_every_purpose_has_its_words_in_both_languages_and_a_lawful_basis() -> None:
    for purpose in Purpose:
        dutch, english = purpose_words(purpose)
        assert dutch.endswith(".")
        assert english.endswith(".")
        assert dutch != english
        assert POSSIBLE[purpose]
    assert LawfulBasis.LEGITIMATE_INTEREST not in POSSIBLE[Purpose.OWN_MARKETING]


def test_a_text_has_one_border_between_its_languages() -> None:
    assert text_sha256("a\nb", "c") != text_sha256("a", "b\nc")
    assert text_sha256("a", "b\nc") != text_sha256("a", "bc")
    assert text_sha256("een", "one") == sha256(b"een\none").hexdigest()
    assert text_sha256("een", "one\n") == sha256(rb'{"en":"one\n","nl":"een"}').hexdigest()
    assert text_sha256("een", None) == sha256(b"een").hexdigest()


def test_a_stricter_policy_has_another_checksum() -> None:
    assert policy_sha256(UNNOISED_1) != policy_sha256(replace(UNNOISED_1, organisations=7))
