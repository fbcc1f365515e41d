"""A link in a ticket mail can only stop; a one-time link opens once, for a while."""

from __future__ import annotations

import base64
import threading
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from consent_ledger.database import reading
from consent_ledger.keyring import Keyring
from consent_ledger.vault import LinkKind, Vault, VaultRefused, links, room, sealing
from consent_ledger.vault.tables import vault_link
from consent_ledger.vocabulary import PartyId
from tests.consent_ledger.vault.copies import copy_of, values

THEA = PartyId("thea")
MAIL = " Ada.de.Vries@voorbeeld.example"
DAY = date(2026, 11, 22)


def test_a_stop_link_says_who_and_where(vault: Vault, vault_engine: Engine) -> None:
    token = vault.seal_link(THEA, MAIL, LinkKind.STOP, issued=DAY)
    link = vault.open_link(token)
    assert (link.controller, link.identifier, link.kind, link.issued) == (
        THEA,
        "ada.de.vries@voorbeeld.example",
        LinkKind.STOP,
        DAY,
    )
    assert token.isascii()
    assert not set(token) & set("+/=?&# ")
    assert "vries" not in repr(link)
    assert vault.seal_link(THEA, MAIL, issued=DAY) != token
    with reading(vault_engine) as connection:
        assert connection.scalar(select(func.count()).select_from(vault_link)) == 0


def test_a_stop_link_opens_years_later_and_after_the_vaults_key_has_changed(
    vault: Vault, vault_engine: Engine, keyring: Keyring
) -> None:
    token = vault.seal_link(THEA, MAIL, issued=DAY)
    vault.rotate()
    vault.destroy_epoch(1)
    assert Vault.open(vault_engine, Keyring.open(keyring._folder)).open_link(token).issued == DAY


def test_a_changed_or_foreign_link_is_refused(vault: Vault, tmp_path: Path) -> None:
    token = vault.seal_link(THEA, MAIL)
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    changed = [
        base64.urlsafe_b64encode(raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]).decode()
        for place in range(len(raw))
    ]
    for wrong in (*changed, token[:-4], token[4:], "", "a", "aaa=", "é", "\ud800", token + "\n", "A" * 5_000):
        with pytest.raises(VaultRefused) as caught:
            vault.open_link(wrong)
        assert caught.value.code == "LINK_UNREADABLE"
        assert vault.redeem_link(wrong) is None


def test_no_kind_but_stop_is_sealed(vault: Vault) -> None:
    with pytest.raises(ValueError, match="open"):
        vault.seal_link(THEA, MAIL, "open")  # type: ignore[arg-type]
    token = vault.issue_link(MAIL, 30)
    with pytest.raises(VaultRefused):
        vault.open_link(token)
    assert vault.redeem_link(vault.seal_link(THEA, MAIL)) is None


def test_a_one_time_link_gives_its_address_once(vault: Vault, vault_engine: Engine) -> None:
    token = vault.issue_link(MAIL, 30)
    other = vault.issue_link("b@x.example", 30)
    assert vault.redeem_link(token) == "ada.de.vries@voorbeeld.example"
    assert vault.redeem_link(token) is None
    assert vault.redeem_link(other) == "b@x.example"


def test_the_vault_cannot_open_what_nobody_asked_back(
    vault: Vault, vault_engine: Engine, keyring: Keyring
) -> None:
    token = vault.issue_link(MAIL, 30)
    for value in values(copy_of(vault_engine)):
        assert token not in str(value)
        assert "vries" not in str(value)
    with reading(vault_engine) as connection:
        sealed = connection.scalar(select(vault_link.c.identifier)) or b""
    for file in keyring._folder.iterdir():
        with pytest.raises(VaultRefused):
            sealing.unseal(sealing.link_key(file.read_bytes()), sealed, b"cultuurinzicht/one-time-link/1\0")


def test_a_one_time_link_ends_and_is_swept(
    vault: Vault, vault_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = room.seconds()
    token = vault.issue_link(MAIL, 30)
    monkeypatch.setattr(links, "seconds", lambda: now + 30 * 60 - 60)
    late = vault.issue_link(MAIL, 30)
    monkeypatch.setattr(links, "seconds", lambda: now + 30 * 60 + 60)
    assert vault.redeem_link(token) is None
    vault.issue_link("b@x.example", 30)
    with reading(vault_engine) as connection:
        assert connection.scalar(select(func.count()).select_from(vault_link)) == 2, "the ended one is gone"
    assert vault.redeem_link(late) is not None


def test_of_many_who_open_it_at_once_one_gets_it(vault: Vault) -> None:
    token = vault.issue_link(MAIL, 30)
    given: list[str | None] = []
    start = threading.Barrier(8)

    def redeem() -> None:
        start.wait()
        given.append(vault.redeem_link(token))

    threads = [threading.Thread(target=redeem) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(given) == 8
    assert [one for one in given if one is not None] == ["ada.de.vries@voorbeeld.example"]
