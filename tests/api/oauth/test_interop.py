"""Client libraries that others wrote, against a server on a real socket."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from joserfc.jwk import KeySet
from oauthlib.oauth2 import BackendApplicationClient, InvalidClientError, InvalidScopeError
from requests_oauthlib import OAuth2Session

from tests.api.oauth.stage import House, served


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def address(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # oauthlib knows no loopback exception
    with served(house) as url:
        yield url


def test_requests_oauthlib_fetches_and_uses_a_token(house: House, address: str) -> None:
    document = requests.get(f"{address}/.well-known/oauth-authorization-server", timeout=5).json()
    client = BackendApplicationClient(client_id="vrijenoot-app", scope=["audiences:read"])
    with OAuth2Session(client=client) as session:
        token = session.fetch_token(
            document["token_endpoint"],
            client_id="vrijenoot-app",
            client_secret=house.secrets["vrijenoot-app"],
        )
        assert token["scope"] == ["audiences:read"]
        answer = session.get(f"{address}/graphql").json()
    assert answer == {"party": "vrijenoot", "scopes": ["audiences:read"]}


def test_requests_oauthlib_by_post(house: House, address: str) -> None:
    secret = house.client("kade-post", "de-kade", auth_method="client_secret_post")
    with OAuth2Session(client=BackendApplicationClient(client_id="kade-post")) as session:
        session.fetch_token(f"{address}/oauth/token", client_secret=secret, include_client_id=True)
        assert session.get(f"{address}/graphql").json()["party"] == "de-kade"


def test_requests_oauthlib_understands_our_refusals(house: House, address: str) -> None:
    stranger = BackendApplicationClient(client_id="nobody")
    with OAuth2Session(client=stranger) as session, pytest.raises(InvalidClientError):
        session.fetch_token(f"{address}/oauth/token", client_id="nobody", client_secret="x")
    client = BackendApplicationClient(client_id="vrijenoot-app", scope=["ledger:export"])
    with OAuth2Session(client=client) as session, pytest.raises(InvalidScopeError):
        session.fetch_token(
            f"{address}/oauth/token",
            client_id="vrijenoot-app",
            client_secret=house.secrets["vrijenoot-app"],
        )


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_authlibs_client_fetches_uses_and_revokes_a_token(house: House, address: str, method: str) -> None:
    secret = house.client("kade-app", "de-kade", auth_method=method)
    with AuthlibSession(
        "kade-app", secret, token_endpoint_auth_method=method, revocation_endpoint_auth_method=method
    ) as session:
        token = session.fetch_token(f"{address}/oauth/token", grant_type="client_credentials")
        assert session.get(f"{address}/graphql").json()["party"] == "de-kade"
        assert session.revoke_token(f"{address}/oauth/revoke", token["access_token"]).status_code == 200
        answer = requests.get(
            f"{address}/graphql",
            headers={"Authorization": f"Bearer {token['access_token']}"},
            timeout=5,
        )
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_authlibs_resource_server_accepts_our_token(house: House, address: str) -> None:
    """RFC 9068 as another implementation reads it."""

    class Validator(JWTBearerTokenValidator):  # type: ignore[misc]  # Authlib has no types
        def get_jwks(self) -> KeySet:
            return KeySet.import_key_set(requests.get(f"{address}/oauth/jwks.json", timeout=5).json())

    answer = requests.post(
        f"{address}/oauth/token",
        data={"grant_type": "client_credentials"},
        auth=("vrijenoot-app", house.secrets["vrijenoot-app"]),
        timeout=5,
    ).json()
    validator = Validator(issuer=address, resource_server=f"{address}/graphql")
    claims = validator.authenticate_token(answer["access_token"])
    assert claims is not None
    # its own clock is the machine's and ours stands still: dates are tested elsewhere
    assert (claims["iss"], claims["aud"], claims["client_id"]) == (
        address,
        f"{address}/graphql",
        "vrijenoot-app",
    )


def test_blocking_and_revoking_reach_a_running_server(house: House, address: str) -> None:
    def fetch() -> dict[str, str]:
        answer = requests.post(
            f"{address}/oauth/token",
            data={"grant_type": "client_credentials"},
            auth=("vrijenoot-app", house.secrets["vrijenoot-app"]),
            timeout=5,
        )
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def status(headers: dict[str, str]) -> int:
        return requests.get(f"{address}/graphql", headers=headers, timeout=5).status_code

    revoked, kept = fetch(), fetch()
    assert (status(revoked), status(kept)) == (200, 200)
    requests.post(
        f"{address}/oauth/revoke",
        data={"token": revoked["Authorization"].split()[1]},
        auth=("vrijenoot-app", house.secrets["vrijenoot-app"]),
        timeout=5,
    ).raise_for_status()
    assert (status(revoked), status(kept)) == (401, 200)
    house.block("vrijenoot-app")
    assert status(kept) == 401


def test_while_many_guess_a_known_client_gets_its_token(house: House, address: str) -> None:
    statuses: list[int] = []

    def guess() -> None:
        for _ in range(2):
            answer = requests.post(
                f"{address}/oauth/token",
                data={"grant_type": "client_credentials"},
                auth=("nobody", "guess"),
                timeout=20,
            )
            statuses.append(answer.status_code)

    def known() -> int:
        return requests.post(
            f"{address}/oauth/token",
            data={"grant_type": "client_credentials"},
            auth=("vrijenoot-app", house.secrets["vrijenoot-app"]),
            timeout=20,
        ).status_code

    assert known() == 200
    threads = [threading.Thread(target=guess) for _ in range(24)]
    for thread in threads:
        thread.start()
    honest = [known() for _ in range(5)]
    for thread in threads:
        thread.join()
    assert honest == [200] * 5
    assert set(statuses) <= {401, 503}
    assert 401 in statuses
