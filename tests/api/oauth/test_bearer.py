"""The credential check: which tokens open something, and what is answered to the others."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jws, jwt
from joserfc.jwk import ECKey
from sqlalchemy import Connection, update
from starlette.testclient import TestClient

from api.oauth.keys import rotate
from api.oauth.service import BearerRefused, OAuth
from consent_ledger.caller import Caller
from consent_ledger.clock import SimulatedClock
from consent_ledger.database import reading, writing
from consent_ledger.parties import CredentialRefused
from consent_ledger.register import client as client_table
from consent_ledger.vocabulary import Scope
from tests.api.oauth.stage import AUDIENCE, ISSUER, House
from tests.api.oauth.test_token import GRANT, basic

METADATA = 'resource_metadata="http://127.0.0.1:8000/.well-known/oauth-protected-resource/graphql"'


@pytest.fixture
def connection(house: House) -> Iterator[Connection]:
    with reading(house.engine) as open_connection:
        yield open_connection


def fetch(http: TestClient, house: House, client: str = "vrijenoot-app", **form: str) -> str:
    headers = basic(client, house.secrets[client])
    return str(http.post("/oauth/token", data=GRANT | form, headers=headers).json()["access_token"])


def check(oauth: OAuth, house: House, token: str) -> Caller:
    with reading(house.engine) as one:
        return oauth.credential(one, f"Bearer {token}")


def claims_of(token: str) -> dict[str, Any]:
    return json.loads(jws.extract_compact(token.encode()).payload)  # type: ignore[no-any-return]


def signed(
    oauth: OAuth,
    house: House,
    claims: dict[str, Any],
    *,
    header: dict[str, Any] | None = None,
    key: Any = None,
) -> str:
    """A token made with the server's own key, so that only what was changed can be what is refused."""
    with reading(house.engine) as one:
        kid, own = oauth._keys.active(one)
    head = {"alg": "ES256", "typ": "at+jwt", "kid": kid} | (header or {})
    return jwt.encode(
        {name: value for name, value in head.items() if value is not None},
        claims,
        key or own,
        algorithms=["ES256"],
    )


def test_a_token_made_as_ours_opens(oauth: OAuth, http: TestClient, house: House) -> None:
    """The control of all that follow: unchanged, the same road is open."""
    claims = claims_of(fetch(http, house))
    assert check(oauth, house, signed(oauth, house, claims)).party == "vrijenoot"


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://elsewhere.example"},
        {"iss": f"{ISSUER}/"},
        {"iss": None},
        {"aud": "https://elsewhere.example/graphql"},
        {"aud": "vrijenoot-app"},
        {"aud": [AUDIENCE, "https://elsewhere.example"]},
        {"aud": None},
        {"sub": "vrijenoot-app"},
        {"sub": "user:vrijenoot-app"},
        {"client_id": "nobody", "sub": "app:nobody"},
        {"client_id": "a\x00", "sub": "app:a\x00"},
        {"jti": None},
        {"jti": "x" * 65},
        {"jti": 7},
        {"scope": None},
        {"scope": ["audiences:read"]},
        {"inst": "de-kade"},
        {"inst": None},
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        {"exp": 2**60},
        {"iat": None},
        {"iat": -1},
        {"nbf": 2**33},
    ],
    ids=str,
)
def test_a_token_with_a_wrong_claim_is_refused(
    oauth: OAuth, http: TestClient, house: House, change: dict[str, Any]
) -> None:
    claims = {
        name: value for name, value in (claims_of(fetch(http, house)) | change).items() if value is not None
    }
    with pytest.raises(BearerRefused) as refused:
        check(oauth, house, signed(oauth, house, claims))
    assert refused.value.code == "UNAUTHENTICATED"
    assert refused.value.www_authenticate.startswith('Bearer error="invalid_token"')


def test_a_token_that_lives_longer_than_ten_minutes_is_refused(
    oauth: OAuth, http: TestClient, house: House
) -> None:
    claims = claims_of(fetch(http, house))
    claims["exp"] += 1
    with pytest.raises(BearerRefused):
        check(oauth, house, signed(oauth, house, claims))


def test_an_expired_token_is_refused_also_when_it_was_verified_before(
    oauth: OAuth, http: TestClient, house: House, clock: SimulatedClock
) -> None:
    token = fetch(http, house)
    clock.advance(timedelta(seconds=599))
    check(oauth, house, token)
    clock.advance(timedelta(seconds=1))
    with pytest.raises(BearerRefused) as refused:
        check(oauth, house, token)
    assert "expired" in refused.value.sentence.en


def test_a_token_from_the_future_is_refused(oauth: OAuth, http: TestClient, house: House) -> None:
    claims = claims_of(fetch(http, house))
    later = claims | {"iat": claims["iat"] + 60, "exp": claims["exp"] + 60}
    with pytest.raises(BearerRefused):
        check(oauth, house, signed(oauth, house, later))


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"},
        {"typ": None},
        {"typ": "logout+jwt"},
        {"kid": None},
        {"kid": "unknown"},
        {"kid": "a'b\x00"},
        {"crit": ["exp"]},
        {"jku": "https://evil.example/jwks.json"},
        {"x5u": "https://evil.example/cert"},
        {"b64": False},
    ],
    ids=str,
)
def test_a_token_with_a_foreign_header_is_refused(
    oauth: OAuth, http: TestClient, house: House, header: dict[str, Any]
) -> None:
    claims = claims_of(fetch(http, house))
    own = json.loads(base64.urlsafe_b64decode(fetch(http, house).split(".")[0] + "=="))
    head = {name: value for name, value in (own | header).items() if value is not None}
    with reading(house.engine) as one:
        _, key = oauth._keys.active(one)
    check(oauth, house, _by_hand(own, claims, partial(_es256, key)))
    with pytest.raises(BearerRefused):
        check(oauth, house, _by_hand(head, claims, partial(_es256, key)))


def _part(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _by_hand(head: dict[str, Any], claims: dict[str, Any], sign: Callable[[bytes], bytes]) -> str:
    """A compact JWS that no library would make."""
    signing = b".".join(_part(json.dumps(part).encode()) for part in (head, claims))
    return (signing + b"." + _part(sign(signing))).decode()


def _es256(key: ECKey, message: bytes) -> bytes:
    private = key.private_key
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    r, s = utils.decode_dss_signature(private.sign(message, ec.ECDSA(SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def test_a_token_without_signature_is_refused(oauth: OAuth, http: TestClient, house: House) -> None:
    token = fetch(http, house)
    own = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
    for algorithm in ("none", "None", "NONE", ""):
        head = _part(json.dumps(own | {"alg": algorithm}).encode()).decode()
        for signature in ("", "AA", token.split(".")[2]):
            with pytest.raises(BearerRefused):
                check(oauth, house, f"{head}.{token.split('.')[1]}.{signature}")


def test_the_public_key_is_no_hmac_secret(oauth: OAuth, http: TestClient, house: House) -> None:
    """Algorithm confusion (RFC 8725, 2.1): HS256 with what everybody can read."""
    claims = claims_of(fetch(http, house))
    published = http.get("/oauth/jwks.json").json()["keys"]
    with reading(house.engine) as one:
        kid, own = oauth._keys.active(one)
    pem = own.as_pem(private=False)
    der = own.public_key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    public = next(key for key in published if key["kid"] == kid)
    for secret in (pem, der, json.dumps(public).encode(), public["x"].encode()):
        head = {"alg": "HS256", "typ": "at+jwt", "kid": kid}
        forged = _by_hand(head, claims, partial(hmac.digest, secret, digest="sha256"))
        with pytest.raises(BearerRefused):
            check(oauth, house, forged)


def test_a_key_that_came_with_the_token_is_not_believed(oauth: OAuth, http: TestClient, house: House) -> None:
    claims = claims_of(fetch(http, house))
    stranger = ECKey.generate_key("P-256")
    with pytest.raises(BearerRefused):
        check(oauth, house, signed(oauth, house, claims, key=stranger))
    embedded = {"jwk": stranger.as_dict(private=False)}
    with pytest.raises(BearerRefused):
        check(oauth, house, signed(oauth, house, claims, key=stranger, header=embedded))


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer x",
        "Bearer a.b.c",
        "Bearer a.b.c.d.e",
        "Bearer é.é.é",
        "Bearer " + "a" * 8193,
        "Bearer a b",
        "Bearer e30.e30.e30",
        "Bearer " + base64.urlsafe_b64encode(b'{"alg":["ES256"],"typ":{},"kid":[]}').decode() + ".e30.AA",
        "Bearer " + base64.urlsafe_b64encode(b"[" * 400).decode().rstrip("=") + ".e30.AA",
        "Bearer \x00.\x00.\x00",
    ],
    ids=range(10),
)
def test_a_malformed_token_is_an_invalid_token(
    oauth: OAuth, connection: Connection, authorization: str
) -> None:
    with pytest.raises(BearerRefused) as refused:
        oauth.credential(connection, authorization)
    assert refused.value.www_authenticate.startswith('Bearer error="invalid_token", error_description="')
    assert refused.value.www_authenticate.endswith(METADATA)
    assert refused.value.www_authenticate.isascii()


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer ", "Basic abc", "DPoP abc"])
def test_without_a_token_the_challenge_names_no_error(
    oauth: OAuth, connection: Connection, authorization: str | None
) -> None:
    """RFC 6750, 3.1; where to learn more stands in it (RFC 9728, 5.1)."""
    with pytest.raises(BearerRefused) as refused:
        oauth.credential(connection, authorization)
    assert refused.value.www_authenticate == f"Bearer {METADATA}"
    assert refused.value.code == "UNAUTHENTICATED"


def test_the_scheme_is_read_without_case(oauth: OAuth, http: TestClient, house: House) -> None:
    token = fetch(http, house)
    with reading(house.engine) as one:
        assert oauth.credential(one, f"bearer {token}").client == "vrijenoot-app"


# live state


def test_a_blocked_client_is_refused_at_its_very_next_request(
    oauth: OAuth, http: TestClient, house: House
) -> None:
    token = fetch(http, house)
    check(oauth, house, token)
    house.block("vrijenoot-app")
    with pytest.raises(CredentialRefused, match="blocked"):
        check(oauth, house, token)


def test_a_request_that_began_before_the_block_is_finished_on_what_it_saw(
    oauth: OAuth, http: TestClient, house: House
) -> None:
    token = fetch(http, house)
    with reading(house.engine) as one:
        first = oauth.credential(one, f"Bearer {token}")
        house.block("vrijenoot-app")
        assert oauth.credential(one, f"Bearer {token}").client == first.client
    with pytest.raises(CredentialRefused):
        check(oauth, house, token)


def test_scopes_are_those_of_the_token_that_the_ceiling_still_holds(
    oauth: OAuth, http: TestClient, house: House
) -> None:
    token = fetch(http, house, scope="audiences:read benchmarks:read")
    with writing(house.engine) as connection:
        connection.execute(update(client_table).values(scopes="benchmarks:read ledger:export"))
    assert check(oauth, house, token).scopes == {Scope.BENCHMARKS_READ}


def test_a_client_that_changed_hands_is_refused(oauth: OAuth, http: TestClient, house: House) -> None:
    token = fetch(http, house)
    with writing(house.engine) as connection:
        connection.execute(update(client_table).values(party="de-kade"))
    with pytest.raises(CredentialRefused):
        check(oauth, house, token)


def test_what_one_process_verified_another_verifies_too(oauth: OAuth, http: TestClient, house: House) -> None:
    token = fetch(http, house)
    other = house.oauth()
    assert check(other, house, token).token == check(oauth, house, token).token


# signing keys


def test_after_a_rotation_old_and_new_tokens_open(oauth: OAuth, http: TestClient, house: House) -> None:
    old = fetch(http, house)
    published = {key["kid"] for key in http.get("/oauth/jwks.json").json()["keys"]}
    kid = rotate(house.engine, house.keyring, house.clock)
    assert kid in published  # it was there to be read before it signed anything
    new = fetch(http, house)
    assert jws.extract_compact(new.encode()).headers()["kid"] == kid
    for token in (old, new):
        assert check(oauth, house, token).client == "vrijenoot-app"


def test_a_retired_key_leaves_the_key_set_when_no_token_of_it_can_live(
    http: TestClient, house: House, clock: SimulatedClock, oauth: OAuth
) -> None:
    old = jws.extract_compact(fetch(http, house).encode()).headers()["kid"]
    rotate(house.engine, house.keyring, clock)
    clock.advance(timedelta(seconds=899))
    assert old in {key["kid"] for key in http.get("/oauth/jwks.json").json()["keys"]}
    clock.advance(timedelta(seconds=1))
    keys = http.get("/oauth/jwks.json").json()["keys"]
    assert old not in {key["kid"] for key in keys}
    assert len(keys) == 2


def test_a_withdrawn_key_refuses_its_tokens_at_once_cached_or_not(
    oauth: OAuth, http: TestClient, house: House
) -> None:
    seen, unseen = fetch(http, house), fetch(http, house)
    check(oauth, house, seen)
    rotate(house.engine, house.keyring, house.clock, compromised=True)
    for token in (seen, unseen):
        with pytest.raises(BearerRefused):
            check(oauth, house, token)
        with pytest.raises(BearerRefused):
            check(house.oauth(), house, token)
    assert check(oauth, house, fetch(http, house)).client == "vrijenoot-app"
