"""The token endpoint: what it gives, and every way of asking that it refuses."""

from __future__ import annotations

import base64
import logging
import time
from urllib.parse import quote

import pytest
from argon2 import PasswordHasher
from authlib.oauth2.rfc6749 import AuthorizationServer
from joserfc import jws, jwt
from joserfc.jwk import KeySet
from sqlalchemy import select
from starlette.testclient import TestClient

from api.oauth import secrets as oauth_secrets
from api.oauth.service import OAuth
from consent_ledger.clients import add_secret, expire_secret, secret_id
from consent_ledger.clock import SimulatedClock
from consent_ledger.database import DatabaseRefused, reading, writing
from consent_ledger.register import client_secret
from consent_ledger.vocabulary import ClientId, Scope
from tests.api.oauth.stage import AUDIENCE, CEILING, ISSUER, House

GRANT = {"grant_type": "client_credentials"}


def basic(client: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{client}:{secret}".encode()).decode()}


def ask(http: TestClient, house: House, **form: str):  # type: ignore[no-untyped-def]
    headers = basic("vrijenoot-app", house.secrets["vrijenoot-app"])
    return http.post("/oauth/token", data=GRANT | form, headers=headers)


def refused(answer, status: int, error: str) -> None:  # type: ignore[no-untyped-def]
    """RFC 6749, 5.2, and nothing that a cache may keep."""
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.headers["cache-control"] == "no-store"
    assert set(answer.json()) <= {"error", "error_description"}


# what it gives


def test_a_token_is_an_rfc_9068_jwt_that_the_published_keys_verify(http: TestClient, house: House) -> None:
    answer = ask(http, house)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert body["token_type"] == "Bearer"
    assert body["expires_in"] == 600
    keys = KeySet.import_key_set(http.get("/oauth/jwks.json").json())
    token = jwt.decode(body["access_token"], keys, algorithms=["ES256"])
    assert token.header["typ"] == "at+jwt"
    claims = token.claims
    assert set(claims) == {"iss", "aud", "sub", "client_id", "iat", "exp", "jti", "scope", "inst"}
    assert (claims["iss"], claims["aud"]) == (ISSUER, AUDIENCE)
    assert (claims["sub"], claims["client_id"], claims["inst"]) == (
        "app:vrijenoot-app",
        "vrijenoot-app",
        "vrijenoot",
    )
    assert claims["exp"] - claims["iat"] == 600


def test_the_token_opens_the_resource_for_its_party(http: TestClient, house: House) -> None:
    token = ask(http, house).json()["access_token"]
    answer = http.get("/graphql", headers={"Authorization": f"Bearer {token}"})
    assert answer.json() == {"party": "vrijenoot", "scopes": sorted(CEILING)}


def test_an_omitted_scope_means_the_whole_ceiling_and_the_answer_says_which(
    http: TestClient, house: House
) -> None:
    assert set(ask(http, house).json()["scope"].split()) == CEILING
    assert set(ask(http, house, scope="").json()["scope"].split()) == CEILING


def test_a_smaller_scope_is_given_as_asked(http: TestClient, house: House) -> None:
    token = ask(http, house, scope="benchmarks:read").json()
    assert token["scope"] == "benchmarks:read"
    answer = http.get("/graphql", headers={"Authorization": f"Bearer {token['access_token']}"})
    assert answer.json()["scopes"] == ["benchmarks:read"]


@pytest.mark.parametrize(
    "scope",
    ["audiences:read ledger:export", "ledger:export", "no:such", "audiences:read\tbenchmarks:read", "é"],
)
def test_a_scope_outside_the_registration_is_refused_and_never_made_smaller(
    http: TestClient, house: House, scope: str
) -> None:
    refused(ask(http, house, scope=scope), 400, "invalid_scope")


# client authentication


def test_two_secrets_work_at_once_and_one_can_end(
    http: TestClient, house: House, clock: SimulatedClock
) -> None:
    old = house.secrets["vrijenoot-app"]
    with writing(house.engine) as connection:
        new = add_secret(connection, ClientId("vrijenoot-app"), hashed=oauth_secrets.hash_secret, now=clock())
    for secret in (old, new):
        assert http.post("/oauth/token", data=GRANT, headers=basic("vrijenoot-app", secret)).is_success
    name = secret_id(old)
    assert name is not None
    with writing(house.engine) as connection:
        assert expire_secret(connection, ClientId("vrijenoot-app"), name, now=clock())
    refused(http.post("/oauth/token", data=GRANT, headers=basic("vrijenoot-app", old)), 401, "invalid_client")
    assert http.post("/oauth/token", data=GRANT, headers=basic("vrijenoot-app", new)).is_success


def test_client_secret_post_works_for_the_client_that_registered_it(http: TestClient, house: House) -> None:
    secret = house.client("kade-post", "de-kade", auth_method="client_secret_post")
    form = GRANT | {"client_id": "kade-post", "client_secret": secret}
    assert http.post("/oauth/token", data=form).status_code == 200


def test_only_the_registered_method_is_accepted(http: TestClient, house: House) -> None:
    secret = house.secrets["vrijenoot-app"]
    form = GRANT | {"client_id": "vrijenoot-app", "client_secret": secret}
    refused(http.post("/oauth/token", data=form), 401, "invalid_client")
    post = house.client("kade-post", "de-kade", auth_method="client_secret_post")
    refused(http.post("/oauth/token", data=GRANT, headers=basic("kade-post", post)), 401, "invalid_client")


def test_two_methods_in_one_request_are_refused(http: TestClient, house: House) -> None:
    secret = house.secrets["vrijenoot-app"]
    headers = basic("vrijenoot-app", secret)
    for more in (
        {"client_secret": secret},
        {"client_id": "vrijenoot-app", "client_secret": secret},
        {"client_assertion": "x", "client_assertion_type": "y"},
        {"client_id": "kade-post"},
    ):
        refused(http.post("/oauth/token", data=GRANT | more, headers=headers), 400, "invalid_request")
    same = GRANT | {"client_id": "vrijenoot-app"}
    assert http.post("/oauth/token", data=same, headers=headers).status_code == 200


def test_a_secret_and_an_assertion_together_are_two_methods(http: TestClient, house: House) -> None:
    secret = house.client("kade-post", "de-kade", auth_method="client_secret_post")
    form = GRANT | {"client_id": "kade-post", "client_secret": secret}
    assert http.post("/oauth/token", data=form).status_code == 200
    for name in ("client_assertion", "client_assertion_type"):
        refused(http.post("/oauth/token", data=form | {name: "x"}), 400, "invalid_request")


def test_a_secret_longer_than_any_of_ours_costs_no_hash(
    http: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes: list[str] = []
    monkeypatch.setattr(oauth_secrets.Secrets, "verify", lambda *asked: hashes.append(asked[1]))
    for client, secret, cost in (
        ("vrijenoot-app", "x" * 256, 1),
        ("vrijenoot-app", "x" * 257, 0),
        ("vrijenoot-app", "é" * 129, 0),
        ("a" * 64, "x", 1),
        ("a" * 65, "x", 0),
    ):
        hashes.clear()
        answer = http.post("/oauth/token", data=GRANT, headers=basic(client, secret))
        refused(answer, 401, "invalid_client")
        assert len(hashes) == cost


def test_a_form_encoded_basic_header_reads_the_same(http: TestClient, house: House) -> None:
    """RFC 6749, 2.3.1; some clients encode `-` and `_` too."""
    secret = house.secrets["vrijenoot-app"]
    encoded = "".join(f"%{ord(sign):02X}" if sign in "-_" else sign for sign in secret)
    for name, value in (
        (quote("vrijenoot-app", safe=""), quote(secret, safe="")),
        ("vrijenoot%2Dapp", encoded),
    ):
        assert http.post("/oauth/token", data=GRANT, headers=basic(name, value)).status_code == 200


def test_secrets_have_256_bits_of_plain_signs(house: House) -> None:
    secret = house.secrets["vrijenoot-app"]
    random = secret.split("_", 2)[2]
    assert len(base64.urlsafe_b64decode(random + "=")) == 32
    assert secret.replace("-", "").replace("_", "").isalnum()
    with reading(house.engine) as connection:
        stored = connection.execute(select(client_secret.c.hash)).scalar_one()
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert secret not in stored


def test_an_unknown_client_gets_the_same_answer_as_a_wrong_secret(http: TestClient, house: House) -> None:
    right = house.secrets["vrijenoot-app"]
    house.client("blocked-app", "de-kade")
    house.block("blocked-app")
    answers = [
        http.post("/oauth/token", data=GRANT, headers=basic(client, secret))
        for client, secret in (
            ("nobody", right),
            ("vrijenoot-app", right[:-2] + "xx"),
            ("vrijenoot-app", "wrong"),
            ("blocked-app", house.secrets["blocked-app"]),
            ("no body\x00é", right),
        )
    ]
    for answer in answers:
        refused(answer, 401, "invalid_client")
        assert answer.headers["www-authenticate"] == 'Basic realm="cultuurinzicht", charset="UTF-8"'
    assert len({answer.content for answer in answers}) == 1
    names = [sorted(answer.headers) for answer in answers]
    assert names.count(names[0]) == len(names)


def test_an_unknown_client_costs_one_hash_like_a_known_one(
    http: TestClient, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes: list[str] = []
    verify = oauth_secrets.Secrets.verify

    def counted(self: oauth_secrets.Secrets, stored: str, presented: str) -> bool:
        hashes.append(stored)
        return verify(self, stored, presented)

    monkeypatch.setattr(oauth_secrets.Secrets, "verify", counted)
    right = house.secrets["vrijenoot-app"]
    wrong = right[:-2] + "xx"
    for client, secret in (("nobody", right), ("vrijenoot-app", wrong), ("vrijenoot-app", "wrong")):
        hashes.clear()
        refused(http.post("/oauth/token", data=GRANT, headers=basic(client, secret)), 401, "invalid_client")
        assert len(hashes) == 1
        assert hashes[0].startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_a_secret_that_held_is_not_hashed_again_within_a_minute(
    http: TestClient, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask(http, house).is_success
    monkeypatch.setattr(oauth_secrets.Secrets, "verify", lambda *_: pytest.fail("hashed again"))
    assert ask(http, house).is_success
    later = time.monotonic() + 61
    monkeypatch.setattr("api.oauth.secrets.time.monotonic", lambda: later)
    monkeypatch.setattr(oauth_secrets.Secrets, "verify", lambda *_: False)
    refused(ask(http, house), 401, "invalid_client")


def test_a_remembered_secret_of_a_client_blocked_meanwhile_is_refused(http: TestClient, house: House) -> None:
    assert ask(http, house).is_success
    house.block("vrijenoot-app")
    refused(ask(http, house), 401, "invalid_client")


def test_a_hash_with_older_parameters_is_replaced_when_the_secret_is_shown(
    http: TestClient, house: House
) -> None:
    secret = house.secrets["vrijenoot-app"]
    weak = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(secret)
    with writing(house.engine) as connection:
        connection.execute(client_secret.update().values(hash=weak))
    assert ask(http, house).is_success
    with reading(house.engine) as connection:
        stored = connection.execute(select(client_secret.c.hash)).scalar_one()
    assert stored != weak
    assert not oauth_secrets.is_outdated(stored)
    assert ask(http, house).is_success


# malformed input


@pytest.mark.parametrize(
    "authorization",
    [
        b"Basic \xff\xfe",
        b"Basic " + base64.b64encode(b"\xff\xfe:\xff"),
        b"Basic " + base64.b64encode(b"vrijenoot-app:%ff%fe"),
        b"Basic " + base64.b64encode(b"vrijenoot-app"),
        b"Basic " + base64.b64encode(b":"),
        b"Basic " + base64.b64encode(b"\x00:\x00"),
        b"Basic !!!!",
        b"Basic",
        b"Basic ",
        b"Bearer abc",
        b"Digest username=x",
        b"\\\"'",
        b"Basic " + base64.b64encode(b"vrijenoot-app:" + b"x" * 257),
        b"Basic " + base64.b64encode(b"a" * 65 + b":x"),
    ],
)
def test_a_malformed_authorization_header_is_a_401_in_oauth_shape(
    http: TestClient, authorization: bytes
) -> None:
    headers = [(b"Authorization", authorization)]
    refused(http.post("/oauth/token", data=GRANT, headers=headers), 401, "invalid_client")


def test_no_client_authentication_at_all_is_refused(http: TestClient) -> None:
    refused(http.post("/oauth/token", data=GRANT), 401, "invalid_client")
    refused(http.post("/oauth/token", data=GRANT | {"client_id": "vrijenoot-app"}), 401, "invalid_client")


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "invalid_request"),
        (b"grant_type=client_credentials&grant_type=client_credentials", "invalid_request"),
        (b"grant_type=client_credentials&scope=a&scope=b", "invalid_request"),
        (b"grant_type=%ff%fe", "invalid_request"),
        (b"\xff\xfe=\xff", "invalid_request"),
        (b"&".join(b"a%d=1" % i for i in range(100)), "invalid_request"),
        (b"grant_type=", "invalid_request"),
        (b"grant_type=password&username=a&password=b", "unsupported_grant_type"),
        (b"grant_type=%5C%22%C3%A9%00", "unsupported_grant_type"),
        (b"grant_type=authorization_code&code=x", "unsupported_grant_type"),
        (b"grant_type=client_credentials&scope=%00%5C%22%C3%A9", "invalid_scope"),
        (b"grant_type=client_credentials&scope=%ED%A0%80", "invalid_request"),
    ],
)
def test_a_malformed_form_is_a_400_with_a_constant_text(
    http: TestClient, house: House, body: bytes, error: str
) -> None:
    headers = FORM | basic("vrijenoot-app", house.secrets["vrijenoot-app"])
    answer = http.post("/oauth/token", content=body, headers=headers)
    refused(answer, 400, error)
    description = answer.json()["error_description"]
    assert all(0x20 <= ord(sign) <= 0x7E and sign not in '"\\' for sign in description)  # RFC 6749, 5.2


def test_a_body_above_64_kib_is_refused_declared_or_not(http: TestClient, house: House) -> None:
    headers = FORM | basic("vrijenoot-app", house.secrets["vrijenoot-app"])
    large = b"grant_type=client_credentials&x=" + b"a" * 65_536
    refused(http.post("/oauth/token", content=large, headers=headers), 413, "invalid_request")
    chunks = (large[i : i + 4096] for i in range(0, len(large), 4096))
    refused(http.post("/oauth/token", content=chunks, headers=headers), 413, "invalid_request")


def test_another_content_type_is_refused(http: TestClient, house: House) -> None:
    headers = basic("vrijenoot-app", house.secrets["vrijenoot-app"])
    refused(http.post("/oauth/token", json=GRANT, headers=headers), 400, "invalid_request")
    refused(http.post("/oauth/token", files={"grant_type": b"x"}, headers=headers), 400, "invalid_request")


def test_parameters_in_the_address_are_refused(http: TestClient, house: House) -> None:
    secret = house.secrets["vrijenoot-app"]
    address = f"/oauth/token?client_id=vrijenoot-app&client_secret={secret}"
    refused(http.post(address, data=GRANT), 400, "invalid_request")


def test_two_authorization_headers_are_refused(http: TestClient, house: House) -> None:
    one = basic("vrijenoot-app", house.secrets["vrijenoot-app"])["Authorization"]
    answer = http.post("/oauth/token", data=GRANT, headers=[("Authorization", one), ("Authorization", one)])
    refused(answer, 400, "invalid_request")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_another_method_is_a_405_in_oauth_shape(http: TestClient, method: str) -> None:
    answer = http.request(method, "/oauth/token")
    refused(answer, 405, "invalid_request")
    assert answer.headers["allow"] == "POST"


def test_the_host_header_changes_nothing(http: TestClient, house: House) -> None:
    headers = basic("vrijenoot-app", house.secrets["vrijenoot-app"]) | {"Host": "evil.example"}
    token = http.post("/oauth/token", data=GRANT, headers=headers).json()["access_token"]
    assert jws.extract_compact(token.encode()).payload.find(b"evil.example") == -1
    for document in (
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-protected-resource/graphql",
    ):
        assert "evil.example" not in http.get(document, headers={"Host": "evil.example"}).text


def test_neither_secret_nor_token_reaches_the_log(
    http: TestClient, house: House, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        token = ask(http, house).json()["access_token"]
        http.post("/oauth/revoke", data={"token": token}, headers=basic("vrijenoot-app", "wrong-secret"))
    written = "".join(record.getMessage() + repr(record.__dict__) for record in caplog.records)
    assert "oauth.answered" in written
    for private in (token, house.secrets["vrijenoot-app"], "wrong-secret"):
        assert private not in written


def test_full_hash_pool_answers_503_at_once_and_known_clients_go_on(
    http: TestClient, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask(http, house).is_success
    monkeypatch.setattr("api.oauth.endpoints.Pools.is_full", property(lambda _: True))
    answer = http.post("/oauth/token", data=GRANT, headers=basic("vrijenoot-app", "guess"))
    refused(answer, 503, "temporarily_unavailable")
    assert answer.headers["retry-after"] == "1"
    assert ask(http, house).is_success


def test_our_grant_is_the_only_one_registered(oauth: OAuth) -> None:
    server = oauth._server
    assert isinstance(server, AuthorizationServer)
    assert [grant.GRANT_TYPE for grant, _ in server._token_grants] == ["client_credentials"]
    assert server._authorization_grants == []


def test_write_never_implies_read(http: TestClient, house: House) -> None:
    secret = house.client("writer", "de-kade", scopes=frozenset({Scope.TICKETS_WRITE}))
    headers = basic("writer", secret)
    asked = GRANT | {"scope": "imports:read"}
    refused(http.post("/oauth/token", data=asked, headers=headers), 400, "invalid_scope")


def test_a_database_that_is_gone_is_a_503_and_never_a_500(
    http: TestClient, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_: object) -> None:
        raise DatabaseRefused("DATABASE_UNREACHABLE", "The database cannot be reached.")

    monkeypatch.setattr("api.oauth.endpoints.reading", gone)
    monkeypatch.setattr("api.oauth.service.reading", gone)
    for answer in (ask(http, house), http.get("/oauth/jwks.json")):
        refused(answer, 503, "temporarily_unavailable")
        assert answer.headers["retry-after"] == "1"
