"""Secrets are made once, kept for their user alone, and never replaced."""

from __future__ import annotations

import os
import pickle
import stat
import threading
from pathlib import Path

import pytest

from consent_ledger.keyring import Keyring, KeyringRefused


def test_a_secret_is_made_once_and_kept(tmp_path: Path) -> None:
    first = Keyring.open(tmp_path / "keys").secret("vault")
    assert len(first) == 32
    assert Keyring.open(tmp_path / "keys").secret("vault") == first


def test_two_names_are_two_secrets(tmp_path: Path) -> None:
    keyring = Keyring.open(tmp_path / "keys")
    assert keyring.secret("vault") != keyring.secret("oauth")


def test_only_its_user_can_enter_and_read(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        Keyring.open(tmp_path / "keys").secret("ledger")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["ledger.key"]
    assert stat.S_IMODE((tmp_path / "keys" / "ledger.key").stat().st_mode) == 0o600


def test_many_at_once_get_the_same_secret(tmp_path: Path) -> None:
    Keyring.open(tmp_path / "keys")
    found: list[bytes] = []
    start = threading.Barrier(8)

    def ask() -> None:
        keyring = Keyring.open(tmp_path / "keys")  # one each, as processes have
        start.wait()
        found.append(keyring.secret("vault"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["vault.key"]


def test_a_secret_is_never_shown(tmp_path: Path) -> None:
    keyring = Keyring.open(tmp_path / "keys")
    secret = keyring.secret("vault")
    assert secret.hex() not in repr(keyring)
    assert repr(secret) not in repr(keyring)
    with pytest.raises(TypeError):
        pickle.dumps(keyring)


def refusal(folder: Path, name: str = "vault") -> KeyringRefused:
    with pytest.raises(KeyringRefused) as caught:
        Keyring.open(folder).secret(name)
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_folder_open_to_others_is_refused(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys").chmod(0o750)
    assert refusal(tmp_path / "keys").code == "KEYS_EXPOSED"


def test_a_file_open_to_others_is_refused(tmp_path: Path) -> None:
    Keyring.open(tmp_path / "keys").secret("vault")
    (tmp_path / "keys" / "vault.key").chmod(0o640)
    assert refusal(tmp_path / "keys").code == "KEYS_EXPOSED"


def test_a_damaged_secret_is_refused_and_not_replaced(tmp_path: Path) -> None:
    Keyring.open(tmp_path / "keys").secret("vault")
    path = tmp_path / "keys" / "vault.key"
    for damaged in (b"", b"x" * 31, b"x" * 33):
        path.write_bytes(damaged)
        assert refusal(tmp_path / "keys").code == "KEY_DAMAGED"
        assert path.read_bytes() == damaged


def test_a_place_where_no_folder_can_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert refusal(tmp_path / "file").code == "FOLDER_NOT_WRITABLE"
    assert refusal(tmp_path / "file" / "keys").code == "FOLDER_NOT_WRITABLE"
    assert refusal(tmp_path / "none" / "keys").code == "FOLDER_MISSING"


@pytest.mark.parametrize("name", ["", "../vault", "Vault", "a/b", "a.b", "-a", "a" * 50])
def test_a_name_that_could_leave_the_folder_is_no_name(tmp_path: Path, name: str) -> None:
    assert refusal(tmp_path / "keys", name).code == "KEY_NAME"


def test_a_crash_before_the_secret_has_its_name_leaves_it_to_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise OSError("power")

    keyring = Keyring.open(tmp_path / "keys")
    with monkeypatch.context() as patch:
        patch.setattr(os, "link", die)
        with pytest.raises(KeyringRefused):
            keyring.secret("vault")
    assert list((tmp_path / "keys").iterdir()) == []
    assert len(keyring.secret("vault")) == 32


# the keys of epochs


def test_what_is_missing_is_not_made_where_it_must_exist(tmp_path: Path) -> None:
    keyring = Keyring.open(tmp_path / "keys")
    with pytest.raises(KeyringRefused) as caught:
        keyring.existing("vault-epoch-1")
    assert caught.value.code == "KEY_MISSING"
    assert list((tmp_path / "keys").iterdir()) == []
    made = keyring.secret("vault-epoch-1")
    assert keyring.existing("vault-epoch-1") == made
    assert Keyring.open(tmp_path / "keys").existing("vault-epoch-1") == made


def test_a_destroyed_epoch_is_overwritten_and_gone(tmp_path: Path) -> None:
    keyring = Keyring.open(tmp_path / "keys")
    keyring.secret("vault-epoch-1")
    other = keyring.secret("vault-epoch-2")
    path = tmp_path / "keys" / "vault-epoch-1.key"
    (tmp_path / "beside").hardlink_to(path)  # the same blocks, under a name that stays
    assert keyring.destroy("vault-epoch-1")
    assert (tmp_path / "beside").read_bytes() == bytes(32)
    assert [file.name for file in (tmp_path / "keys").iterdir()] == ["vault-epoch-2.key"]
    with pytest.raises(KeyringRefused):
        keyring.existing("vault-epoch-1")
    assert keyring.existing("vault-epoch-2") == other
    assert not keyring.destroy("vault-epoch-1")


def test_a_crash_while_a_key_is_destroyed_is_gone_on_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring = Keyring.open(tmp_path / "keys")
    keyring.secret("vault-epoch-1")

    def die(*_: object) -> None:
        raise OSError("power")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", die)
        with pytest.raises(KeyringRefused) as caught:
            keyring.destroy("vault-epoch-1")
    assert caught.value.code == "KEY_NOT_DESTROYED"
    assert (tmp_path / "keys" / "vault-epoch-1.key").read_bytes() == bytes(32), "overwritten first"
    assert keyring.destroy("vault-epoch-1")
    assert list((tmp_path / "keys").iterdir()) == []


@pytest.mark.parametrize("name", ["vault", "ledger", "vault-epoch", "../vault-epoch-1", "vault-epoch-", "-1"])
def test_only_the_key_of_an_epoch_is_destroyed(tmp_path: Path, name: str) -> None:
    keyring = Keyring.open(tmp_path / "keys")
    keyring.secret("vault")
    with pytest.raises(KeyringRefused) as caught:
        keyring.destroy(name)
    assert caught.value.code == "KEY_NAME"
    assert [file.name for file in (tmp_path / "keys").iterdir()] == ["vault.key"]


def test_a_forgotten_secret_is_read_again(tmp_path: Path) -> None:
    keyring = Keyring.open(tmp_path / "keys")
    before = keyring.secret("vault-epoch-1")
    Keyring.open(tmp_path / "keys").destroy("vault-epoch-1")
    assert keyring.existing("vault-epoch-1") == before, "held in memory"
    keyring.forget("vault-epoch-1")
    with pytest.raises(KeyringRefused):
        keyring.existing("vault-epoch-1")
