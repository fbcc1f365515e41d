"""A session holds half an hour for whoever has its token; links are not sent to an address without end."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import Engine, func, select

from consent_ledger.database import reading
from consent_ledger.keyring import Keyring
from consent_ledger.vault import Vault, sealing, sessions
from consent_ledger.vault.tables import vault_sent, vault_session

MAIL, OTHER = "ada@voorbeeld.example", "grace@voorbeeld.example"


def rows(engine: Engine) -> tuple[int, int]:
    with reading(engine) as connection:
        sessions_, sent = (
            connection.scalar(select(func.count()).select_from(table))
            for table in (vault_session, vault_sent)
        )
    return int(sessions_ or 0), int(sent or 0)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The second that sessions believe in; the test moves it."""
    clock = [1_800_000_000]
    monkeypatch.setattr(sessions, "seconds", lambda: clock[0])
    return clock


def test_a_session_tells_whose_it_is_until_it_ends(vault: Vault, now: list[int]) -> None:
    token = vault.begin_session(f" {MAIL.upper()}", 30)
    assert vault.session(token) == MAIL
    now[0] += 30 * 60 - 1
    assert vault.session(token) == MAIL
    now[0] += 1
    assert vault.session(token) is None
    assert not vault.end_session(token)


def test_an_ended_session_opens_nothing(vault: Vault) -> None:
    token, other = vault.begin_session(MAIL, 30), vault.begin_session(MAIL, 30)
    assert vault.end_session(token)
    assert vault.session(token) is None
    assert not vault.end_session(token)
    assert vault.session(other) == MAIL


def test_a_token_that_was_never_given_opens_nothing(vault: Vault) -> None:
    token = vault.begin_session(MAIL, 30)
    wrong = (
        token[:-1] + ("0" if token[-1] != "0" else "1"),
        token.upper(),
        token + "\n",
        token[3:],
        "",
        "\ud800",
    )
    assert [vault.session(one) for one in wrong] == [None] * len(wrong)


def test_a_copy_of_the_vault_with_its_keyring_opens_no_session(
    vault: Vault, vault_engine: Engine, keyring: Keyring
) -> None:
    token = vault.begin_session(MAIL, 30)
    with reading(vault_engine) as connection:
        [(hashed, sealed, _)] = connection.execute(select(vault_session)).all()
    assert token.encode() not in (hashed, sealed)
    assert MAIL.encode() not in sealed
    for name in ("vault", "stop", "visitor-link", "link-sent"):
        with pytest.raises(sealing.VaultRefused):
            sealing.unseal(
                sealing.session_key(keyring.secret(name)), sealed, b"cultuurinzicht/visitor-session/1\0"
            )


def test_links_go_to_an_address_once_a_minute_and_five_times_a_day(vault: Vault, now: list[int]) -> None:
    assert vault.may_send(MAIL)
    assert not vault.may_send(MAIL.upper())
    now[0] += 59
    assert not vault.may_send(MAIL)
    assert vault.may_send(OTHER)
    given = 1
    for _ in range(20):
        now[0] += 60
        given += vault.may_send(MAIL)
    assert given == 5
    now[0] += 86_400
    assert vault.may_send(MAIL)


def test_of_two_who_ask_at_once_one_link_is_sent(vault: Vault) -> None:
    given: list[bool] = []
    asking = [threading.Thread(target=lambda: given.append(vault.may_send(MAIL))) for _ in range(4)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert sorted(given) == [False, False, False, True]


def test_what_is_over_leaves_no_row(vault: Vault, vault_engine: Engine, now: list[int]) -> None:
    vault.begin_session(MAIL, 30)
    vault.may_send(MAIL)
    vault.sweep(lambda _: False)
    assert rows(vault_engine) == (1, 1)
    now[0] += 86_400
    vault.sweep(lambda _: False)
    assert rows(vault_engine) == (0, 0)


def test_that_a_link_was_sent_is_forgotten(vault: Vault, vault_engine: Engine) -> None:
    vault.may_send(MAIL)
    vault.may_send(OTHER)
    vault.forget_sent(MAIL)
    assert rows(vault_engine) == (0, 1)
    assert vault.may_send(MAIL)
