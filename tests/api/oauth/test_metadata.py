"""What the server says of itself, held against the standards and against what it does."""

from __future__ import annotations

import pytest
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from starlette.testclient import TestClient

from api.oauth.metadata import OAuthSettingsRefused
from consent_ledger.vocabulary import Scope
from tests.api.oauth.stage import AUDIENCE, ISSUER, House


def test_the_server_metadata_is_valid_by_rfc_8414(http: TestClient) -> None:
    answer = http.get("/.well-known/oauth-authorization-server")
    assert answer.headers["content-type"] == "application/json"
    document = AuthorizationServerMetadata(answer.json())
    document.validate()
    assert document["issuer"] == ISSUER
    assert document["grant_types_supported"] == ["client_credentials"]


def test_every_endpoint_that_is_named_answers(http: TestClient) -> None:
    document = http.get("/.well-known/oauth-authorization-server").json()
    for name in ("token_endpoint", "revocation_endpoint"):
        assert http.post(document[name]).status_code == 400
    assert http.get(document["jwks_uri"]).status_code == 200


def test_no_list_is_empty(http: TestClient) -> None:
    """RFC 8414, 3.2: claims with zero elements must be left out."""
    for path in ("/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource/graphql"):
        assert [] not in http.get(path).json().values()


def test_the_resource_metadata_names_resource_and_server(http: TestClient) -> None:
    document = http.get("/.well-known/oauth-protected-resource/graphql").json()
    assert document["resource"] == AUDIENCE
    assert document["authorization_servers"] == [ISSUER]
    assert set(document["scopes_supported"]) == {scope.value for scope in Scope}
    assert document["bearer_methods_supported"] == ["header"]


def test_the_challenge_leads_to_the_resource_metadata(http: TestClient) -> None:
    answer = http.get("/graphql")
    assert answer.status_code == 401
    address = answer.headers["www-authenticate"].split('resource_metadata="')[1].rstrip('"')
    assert http.get(address).json()["resource"] == AUDIENCE


def test_the_key_set_shows_public_parts_only(http: TestClient) -> None:
    keys = http.get("/oauth/jwks.json").json()["keys"]
    assert len(keys) == 2  # the one that signs, and the next
    for key in keys:
        assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
        assert (key["alg"], key["use"], key["crv"]) == ("ES256", "sig", "P-256")


def test_public_documents_are_readable_from_any_page_without_credentials(http: TestClient) -> None:
    for path in ("/oauth/jwks.json", "/.well-known/oauth-authorization-server"):
        answer = http.get(path, headers={"Origin": "https://elsewhere.example"})
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers
        assert answer.headers["cache-control"] == "public, max-age=300"


@pytest.mark.parametrize(
    "issuer",
    [
        "http://cultuurinzicht.example",
        "https://cultuurinzicht.example/",
        "https://cultuurinzicht.example/a",
        "https://cultuurinzicht.example?x=1",
        "https://user:pass@cultuurinzicht.example",
        "cultuurinzicht.example",
        "",
    ],
)
def test_an_issuer_that_cannot_be_one_is_refused_at_start(house: House, issuer: str) -> None:
    with pytest.raises(OAuthSettingsRefused):
        house.oauth(issuer=issuer)


@pytest.mark.parametrize(
    "audience", ["http://cultuurinzicht.example/graphql", "https://cultuurinzicht.example", "/graphql", "a"]
)
def test_an_audience_that_cannot_be_one_is_refused_at_start(house: House, audience: str) -> None:
    with pytest.raises(OAuthSettingsRefused):
        house.oauth(audience=audience)
