"""Keys of houses through the door: how a house gets its first, gives more, and loses them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from api.errors import INTERNAL, problem_of
from consent_ledger.entry import Draft, EntryType
from consent_ledger.keys_of_houses import KeyRefused, NewKey, new_key_id, register_key
from consent_ledger.permit import Refusal
from consent_ledger.state import IllegalEntry
from consent_ledger.vocabulary import KeyCause, Reason, Scope, SigningAlgorithm
from resolvers import keys as door
from tests.consent_ledger.authenticator import Authenticator
from tests.resolvers.scene import LAKESIDE, OPERATOR, Scene, caller
from tests.resolvers.signer import Signer

HERE = "localhost"


@pytest.fixture
def lakeside(scene: Scene) -> Signer:
    return Signer(scene, "lakeside-app")


def refusal(act: Callable[[], object]) -> str:
    """The code that a client is told of what `act` raises."""
    with pytest.raises(Exception) as raised:  # noqa: PT011 -- what it must be is said by `problem_of`
        act()
    told = problem_of(raised.value)
    assert told is not INTERNAL, repr(raised.value)
    assert "Signe" not in told.sentence
    return told.code


def attested(signer: Signer) -> dict[str, bool]:
    return {one.key: one.standing.enrolled_by_operator for one in signer.own_keys() if one.standing.is_live}


def test_the_first_key_is_enrolled_on_the_operators_word_and_a_second_by_the_first(lakeside: Signer) -> None:
    first = lakeside.enrol()
    second = lakeside.enrol(Authenticator.make("EdDSA"), approved_by=first)
    third = lakeside.enrol(Authenticator.make("RS256"), approved_by=second)
    assert attested(lakeside) == {first: True, second: False, third: False}


def test_a_second_key_that_no_key_approves_is_refused(lakeside: Signer) -> None:
    first = lakeside.enrol()
    assert refusal(lakeside.enrol) == "NOT_APPROVED"
    device = Authenticator.make()
    given = lakeside.registration(device, lakeside.prepare(device), approved_by=first)
    other = lakeside.prepare(device)  # the approval is for another name
    assert refusal(lambda: lakeside.register(replace(given, key=other.key))) == "ASSERTION_CHALLENGE"
    mine = lakeside.registration(device, other)
    unproven = replace(mine, possession=replace(mine.possession, key=first))
    assert refusal(lambda: lakeside.register(unproven)) == "KEY_NOT_PROVEN"
    assert refusal(lambda: lakeside.register(replace(mine, approval=given.approval))) == "ASSERTION_CHALLENGE"
    assert list(attested(lakeside)) == [first]


def test_of_two_first_keys_at_once_one_is_the_first(lakeside: Signer) -> None:
    devices = [Authenticator.make() for _ in range(4)]
    given = [lakeside.registration(device, lakeside.prepare(device)) for device in devices]
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(partial(outcome, lakeside), given))
    assert sorted(outcomes) == ["NOT_APPROVED"] * 3 + ["registered"]
    assert list(attested(lakeside).values()) == [True]


def outcome(signer: Signer, given: door.Registration) -> str:
    try:
        signer.register(given)
    except IllegalEntry as refused:
        return refused.code
    return "registered"


def test_nobody_approves_for_another_house(scene: Scene, lakeside: Signer) -> None:
    harbour = Signer(scene, "harbour-app")
    stranger = harbour.enrol()
    first = lakeside.enrol()
    lakeside.devices[stranger] = harbour.devices[stranger]
    assert refusal(lambda: lakeside.enrol(approved_by=stranger)) == "UNKNOWN_KEY"
    assert list(attested(lakeside)) == [first]
    assert [one.key for one in harbour.own_keys()] == [stranger]


def test_a_lost_key_signs_no_more_and_approves_nothing(lakeside: Signer) -> None:
    first = lakeside.enrol()
    lakeside.retire(first, KeyCause.LOST)
    assert attested(lakeside) == {}
    assert refusal(lambda: lakeside.enrol(approved_by=first)) == "UNKNOWN_KEY"


def test_after_the_loss_of_all_keys_the_next_is_a_first_one_again(lakeside: Signer) -> None:
    first = lakeside.enrol()
    second = lakeside.enrol(approved_by=first)
    lakeside.retire(first, KeyCause.ROTATED)
    third = lakeside.enrol(approved_by=second)
    assert attested(lakeside) == {second: False, third: False}
    for lost in (second, third):
        lakeside.retire(lost, KeyCause.LOST)
    fourth = lakeside.enrol()
    assert attested(lakeside) == {fourth: True}


def test_the_platform_can_stop_a_key_that_a_house_reports_lost(scene: Scene, lakeside: Signer) -> None:
    first = lakeside.enrol()
    once = door.retire_reported_key(scene.house, LAKESIDE, first, KeyCause.LOST)
    assert door.retire_reported_key(scene.house, LAKESIDE, first, KeyCause.LOST).position == once.position
    assert scene.entries()[-1].actor == OPERATOR
    assert attested(lakeside) == {}
    assert scene.rows("select retired_position from passkey") == [(scene.size() - 1,)]


def test_a_key_is_retired_once_and_by_its_own_house(scene: Scene, lakeside: Signer) -> None:
    first = lakeside.enrol()
    harbour = Signer(scene, "harbour-app")
    assert refusal(lambda: harbour.retire(first, KeyCause.LOST)) == "UNKNOWN_KEY"
    assert refusal(lambda: lakeside.retire("lost", KeyCause.LOST)) == "KEY_ID"
    once = lakeside.retire(first, KeyCause.LEFT, key="r")
    assert lakeside.retire(first, KeyCause.LEFT, key="r").receipt.position == once.receipt.position
    assert refusal(lambda: lakeside.retire(first, KeyCause.LEFT)) == "UNKNOWN_KEY"


def test_registering_is_repeatable_under_its_key(scene: Scene, lakeside: Signer) -> None:
    device = Authenticator.make()
    given = lakeside.registration(device, lakeside.prepare(device))
    once = lakeside.register(given, key="k")
    size = scene.size()
    assert lakeside.register(given, key="k").receipt.position == once.receipt.position
    lakeside.retire(once.key, KeyCause.LOST)
    assert lakeside.register(given, key="k").receipt.position == once.receipt.position
    assert scene.size() == size + 1
    assert scene.rows("select count(*) from passkey") == [(1,)]


def test_a_public_key_is_registered_once_also_after_it_was_lost(lakeside: Signer) -> None:
    device = Authenticator.make()
    first = lakeside.enrol(device)
    lakeside.retire(first, KeyCause.LOST)
    assert refusal(lambda: lakeside.enrol(device)) == "KEY_KNOWN"


UNSPEAKABLE: dict[str, tuple[dict[str, Any], str]] = {
    "no name": ({"key": "mine"}, "KEY_ID"),
    "another site": ({"rp_id": "evil.example"}, "KEY_OTHER_SITE"),
    "no label": ({"label": " "}, "KEY_LABEL"),
    "a label of two lines": ({"label": "Signe\nvan der Berg"}, "KEY_LABEL"),
    "a label without end": ({"label": "S" * 81}, "KEY_LABEL"),
    "no credential": ({"credential_id": b""}, "KEY_CREDENTIAL"),
    "a credential without end": ({"credential_id": bytes(1_024)}, "KEY_CREDENTIAL"),
    "another algorithm": ({"algorithm": SigningAlgorithm.EDDSA}, "KEY_REFUSED"),
    "no key": ({"public_key": b"0"}, "KEY_REFUSED"),
    "another key": ({"public_key": Authenticator.make().public_key}, "ASSERTION_CHALLENGE"),
}


def test_what_is_no_registration_is_refused_in_words(scene: Scene, lakeside: Signer) -> None:
    size = scene.size()
    codes = {case: refusal(partial(lakeside.enrol, **changes)) for case, (changes, _) in UNSPEAKABLE.items()}
    assert codes == {case: code for case, (_, code) in UNSPEAKABLE.items()}
    assert scene.size() == size
    assert scene.rows("select count(*) from passkey") == [(0,)]


def test_whose_key_it_is_stands_outside_the_ledger_and_can_be_forgotten(
    scene: Scene, lakeside: Signer
) -> None:
    first = lakeside.enrol()
    (found,) = lakeside.own_keys()
    assert found.known is not None
    assert (found.known.label, found.known.credential_id) == ("Signe van der Berg", "AQID")
    assert not any("Signe" in entry.line.decode() for entry in scene.entries())
    with scene.inquiry(caller("lakeside-app")) as ask, pytest.raises(KeyRefused):
        door.forget_key_holder(ask, first)
    lakeside.retire(first, KeyCause.LEFT)
    for name, was_known in (("harbour-app", False), ("lakeside-app", True), ("lakeside-app", False)):
        with scene.inquiry(caller(name)) as ask:
            assert door.forget_key_holder(ask, first) is was_known
    (found,) = lakeside.own_keys()
    assert found.known is None
    assert found.standing.is_live is False
    assert scene.rows("select count(*) from passkey") == [(0,)]


def test_a_house_sees_its_own_keys_alone(scene: Scene, lakeside: Signer) -> None:
    lakeside.enrol()
    assert Signer(scene, "harbour-app").own_keys() == []


def test_without_the_scope_to_sign_nothing_is_said_of_keys(scene: Scene, lakeside: Signer) -> None:
    device = Authenticator.make()
    given = lakeside.registration(device, lakeside.prepare(device))
    weak = caller("lakeside-app", {Scope.AGREEMENTS_READ, Scope.AGREEMENTS_WRITE})
    size = scene.size()
    with scene.inquiry(weak) as ask:
        answers = [
            door.prepare_key(ask, SigningAlgorithm.ES256, device.public_key),
            door.register_own_key(ask, given, key="k"),
            door.retire_own_key(ask, given.key, KeyCause.LOST, key="k"),
            door.forget_key_holder(ask, given.key),
        ]
    for answer in answers:
        assert isinstance(answer, Refusal)
        assert answer.reason is Reason.INSUFFICIENT_SCOPE
    assert scene.size() == size


def test_keys_stand_after_a_restart_and_in_another_process(scene: Scene, lakeside: Signer) -> None:
    first = lakeside.enrol()
    second = lakeside.enrol(approved_by=first)
    lakeside.retire(first, KeyCause.ROTATED)
    scene.restart()
    assert attested(lakeside) == {second: False}


def test_the_operator_cannot_add_a_key_of_its_own_beside_one_that_stands(
    scene: Scene, lakeside: Signer
) -> None:
    """What the operator can do is enrol a first key; that, and a loss before it, every reader sees."""
    lakeside.enrol()
    own = Authenticator.make()
    new = NewKey(LAKESIDE, new_key_id(), SigningAlgorithm.ES256, own.public_key, HERE, b"x", "operator")
    challenge = new.challenge(scene.house.ledger.origin)
    proof = own.sign(challenge, key=new.key)
    for approval in (None, proof):
        draft, rider = register_key(
            new,
            proof,
            approval,
            ledger=scene.house.ledger.origin,
            is_sandbox=True,
            actor=OPERATOR,
            idem=scene.key(),
        )
        with pytest.raises(IllegalEntry) as raised:
            scene.house.ledger.append(draft, rider=rider)
        assert raised.value.code in {"NOT_APPROVED", "UNKNOWN_KEY"}
    assert len(scene.of_type(EntryType.KEY_REGISTERED)) == 1


def test_the_ledger_checks_a_registration_that_came_past_the_door(scene: Scene, lakeside: Signer) -> None:
    device = Authenticator.make()
    prepared = lakeside.prepare(device)
    lie = device.sign(bytes(32), key=prepared.key)
    body = {
        "party": "lakeside",
        "key": prepared.key,
        "algorithm": "ES256",
        "public_key": device.public_key.hex(),
        "rp_id": prepared.rp_id,
        "possession": lie.body(),
        "approval": None,
    }
    with pytest.raises(IllegalEntry) as raised:
        scene.house.ledger.append(Draft(EntryType.KEY_REGISTERED, OPERATOR, "lie", body))
    assert raised.value.code == "SIGNATURE_REFUSED"
