"""Revocation: a client ends its own token, and nobody else's."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from consent_ledger.clock import SimulatedClock
from consent_ledger.database import reading
from consent_ledger.register import revoked_token
from tests.api.oauth.stage import House
from tests.api.oauth.test_bearer import fetch
from tests.api.oauth.test_token import basic, refused


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def opens(http: TestClient, token: str) -> bool:
    return http.get("/graphql", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def revoke(http: TestClient, house: House, client: str = "vrijenoot-app", **form: str):  # type: ignore[no-untyped-def]
    return http.post("/oauth/revoke", data=form, headers=basic(client, house.secrets[client]))


def test_a_revoked_token_is_refused_at_the_very_next_request(http: TestClient, house: House) -> None:
    token, other = fetch(http, house), fetch(http, house)
    assert opens(http, token)
    answer = revoke(http, house, token=token)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert not opens(http, token)
    assert opens(http, other)


def test_revoking_twice_is_revoking_once(http: TestClient, house: House) -> None:
    token = fetch(http, house)
    assert revoke(http, house, token=token).status_code == 200
    assert revoke(http, house, token=token).status_code == 200
    assert not opens(http, token)


def test_the_revocation_holds_in_a_process_that_verified_the_token_before(
    http: TestClient, house: House
) -> None:
    other = house.oauth()
    token = fetch(http, house)
    with reading(house.engine) as connection:
        assert other.credential(connection, f"Bearer {token}").party == "vrijenoot"
    revoke(http, house, token=token)
    with reading(house.engine) as connection, pytest.raises(Exception, match="revoked"):
        other.credential(connection, f"Bearer {token}")


def test_an_unknown_malformed_or_foreign_signed_token_counts_as_revoked(
    http: TestClient, house: House
) -> None:
    for token in ("unknown", "a.b.c", "é", fetch(http, house)[:-4] + "AAAA", "x" * 9000):
        answer = revoke(http, house, token=token)
        assert (answer.status_code, answer.json()) == (200, {})


def test_another_clients_token_stays(http: TestClient, house: House) -> None:
    house.client("kade-app", "de-kade")
    token = fetch(http, house)
    refused(revoke(http, house, "kade-app", token=token), 400, "invalid_grant")
    assert opens(http, token)


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "made_up", "é\\"])
def test_an_unknown_hint_is_ignored(http: TestClient, house: House, hint: str) -> None:
    token = fetch(http, house)
    assert revoke(http, house, token=token, token_type_hint=hint).status_code == 200
    assert not opens(http, token)


def test_only_an_authenticated_client_can_revoke(http: TestClient, house: House) -> None:
    token = fetch(http, house)
    refused(http.post("/oauth/revoke", data={"token": token}), 401, "invalid_client")
    wrong = basic("vrijenoot-app", "wrong")
    refused(http.post("/oauth/revoke", data={"token": token}, headers=wrong), 401, "invalid_client")
    secret = house.secrets["vrijenoot-app"]
    post = {"token": token, "client_id": "vrijenoot-app", "client_secret": secret}
    refused(http.post("/oauth/revoke", data=post), 401, "invalid_client")  # registered for basic
    assert opens(http, token)


def test_a_request_without_token_is_refused(http: TestClient, house: House) -> None:
    refused(revoke(http, house), 400, "invalid_request")
    refused(revoke(http, house, token=""), 400, "invalid_request")


def test_entries_of_expired_tokens_leave_the_list(
    http: TestClient, house: House, clock: SimulatedClock
) -> None:
    def listed() -> int:
        with reading(house.engine) as connection:
            return int(connection.execute(select(func.count()).select_from(revoked_token)).scalar_one())

    revoke(http, house, token=fetch(http, house))
    assert listed() == 1
    clock.advance(timedelta(seconds=661))
    revoke(http, house, token=fetch(http, house))
    assert listed() == 1


def test_a_token_that_has_ended_needs_no_place_on_the_list(
    http: TestClient, house: House, clock: SimulatedClock
) -> None:
    token = fetch(http, house)
    clock.advance(timedelta(seconds=600))
    assert revoke(http, house, token=token).status_code == 200
    with reading(house.engine) as connection:
        assert connection.execute(select(revoked_token.c.jti)).all() == []
