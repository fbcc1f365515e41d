"""Signing keys: made once, sealed at rest, and of no use without the keyring."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from api.oauth.keys import SigningKeyRefused, SigningKeys, ensure_active, rotate
from consent_ledger.clock import SimulatedClock
from consent_ledger.database import reading, writing
from consent_ledger.keyring import Keyring
from consent_ledger.register import signing_key
from consent_ledger.signing import KeyState, signing_keys
from tests.api.oauth.stage import House


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def states(house: House) -> list[str]:
    with reading(house.engine) as connection:
        return sorted(key.state for key in signing_keys(connection))


def test_a_second_start_keeps_the_keys_of_the_first(house: House) -> None:
    first = ensure_active(house.engine, house.keyring, house.clock)
    assert ensure_active(house.engine, house.keyring, house.clock) == first
    assert states(house) == ["active", "pending"]


def test_first_starts_at_once_end_with_one_active_key(house: House) -> None:
    with writing(house.engine) as connection:  # as before the first start
        connection.execute(update(signing_key).values(state=KeyState.WITHDRAWN.value))
    with ThreadPoolExecutor(8) as pool:
        kids = set(pool.map(lambda _: ensure_active(house.engine, house.keyring, house.clock), range(8)))
    assert len(kids) == 1
    assert states(house) == ["active", "pending", "withdrawn", "withdrawn"]


def test_the_table_itself_refuses_a_second_active_key(house: House) -> None:
    house.oauth()
    with pytest.raises(IntegrityError), writing(house.engine) as connection:
        connection.execute(update(signing_key).values(state=KeyState.ACTIVE.value))


def test_the_private_part_does_not_stand_in_the_database(house: House) -> None:
    with reading(house.engine) as connection:
        kid, key = SigningKeys(house.keyring).active(connection)
        rows = signing_keys(connection)
    assert key.private_key is not None
    secret = key.private_key.private_numbers().private_value.to_bytes(32, "big")
    for row in rows:
        assert secret not in row.private
        assert '"d"' not in row.public
    assert kid in {row.kid for row in rows}


def test_with_another_keyring_the_server_does_not_start(house: House, tmp_path: Path) -> None:
    with pytest.raises(SigningKeyRefused) as refused:
        ensure_active(house.engine, Keyring.open(tmp_path / "others"), house.clock)
    assert refused.value.code == "SIGNING_KEY_SEALED"


def test_a_sealed_key_moved_under_another_kid_does_not_open(house: House) -> None:
    with reading(house.engine) as connection:
        rows = {row.state: row for row in signing_keys(connection)}
    with writing(house.engine) as connection:
        connection.execute(
            update(signing_key)
            .where(signing_key.c.state == "active")
            .values(private=rows[KeyState.PENDING].private)
        )
    with reading(house.engine) as connection, pytest.raises(SigningKeyRefused):
        SigningKeys(house.keyring).active(connection)


def test_rotation_promotes_the_pending_key_and_makes_the_next(house: House) -> None:
    with reading(house.engine) as connection:
        pending = next(key.kid for key in signing_keys(connection) if key.state is KeyState.PENDING)
    assert rotate(house.engine, house.keyring, house.clock) == pending
    assert states(house) == ["active", "pending", "retired"]
    rotate(house.engine, house.keyring, house.clock, compromised=True)
    assert states(house) == ["active", "pending", "retired", "withdrawn"]


def test_a_key_signs_only_after_every_verifier_could_have_read_it(
    house: House, clock: SimulatedClock
) -> None:
    rotate(house.engine, house.keyring, clock)
    clock.advance(timedelta(seconds=299))
    with pytest.raises(SigningKeyRefused) as refused:
        rotate(house.engine, house.keyring, clock)
    assert refused.value.code == "ROTATED_LATELY"
    assert states(house) == ["active", "pending", "retired"]
    clock.advance(timedelta(seconds=1))
    rotate(house.engine, house.keyring, clock)


def test_keys_open_after_a_restart_elsewhere(house: House, tmp_path: Path) -> None:
    kid = ensure_active(house.engine, house.keyring, house.clock)
    shutil.copytree(tmp_path / "house" / "keys", tmp_path / "restored")
    assert ensure_active(house.engine, Keyring.open(tmp_path / "restored"), house.clock) == kid
