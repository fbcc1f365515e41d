"""What a house's signature proves, and everything that only looks like one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from consent_ledger.passkeys import (
    Assertion,
    AssertionRefused,
    acceptance_challenge,
    challenge_text,
    check_assertion,
    key_challenge,
    read_public_key,
)
from tests.consent_ledger.authenticator import Authenticator, encoded

KEY = "key-0123456789abcdef"
CHALLENGE = bytes(range(32))
PHONE = Authenticator.make()
GREASE = {
    "other_keys_can_be_added_here": "do not compare clientDataJSON against a template. See https://goo.gl/yabPex"
}


def check(
    assertion: Assertion,
    device: Authenticator = PHONE,
    *,
    challenge: bytes = CHALLENGE,
    rp_id: str = "localhost",
    is_sandbox: bool = True,
) -> None:
    check_assertion(
        assertion,
        algorithm=device.algorithm,
        public_key=device.public_key,
        rp_id=rp_id,
        challenge=challenge,
        is_sandbox=is_sandbox,
    )


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(AssertionRefused) as refused:
        act()
    assert refused.value.sentence
    return refused.value.code


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "RS256"])
def test_an_assertion_proves_what_was_signed_with_each_algorithm(algorithm: str) -> None:
    device = Authenticator.make(algorithm)
    made = device.sign(CHALLENGE, key=KEY)
    check(made, device)
    assert refusal(lambda: check(made, device, challenge=bytes(32))) == "ASSERTION_CHALLENGE"
    other = Authenticator.make(algorithm)
    assert refusal(lambda: check(made, other)) == "ASSERTION_SIGNATURE"


def test_an_assertion_is_the_same_after_it_was_written_in_an_entry() -> None:
    made = PHONE.sign(CHALLENGE, key=KEY)
    assert Assertion.of(made.body()) == made


@pytest.mark.parametrize("part", ["authenticator_data", "client_data", "signature"])
def test_what_is_no_hexadecimal_is_refused_with_a_sentence(part: str) -> None:
    body = PHONE.sign(CHALLENGE, key=KEY).body() | {part: "zz"}
    assert refusal(lambda: Assertion.of(body)) == "ASSERTION_UNREADABLE"
    del body[part]
    assert refusal(lambda: Assertion.of(body)) == "ASSERTION_UNREADABLE"


@given(st.sampled_from(["authenticator_data", "client_data", "signature"]), st.integers(0, 10_000))
def test_no_changed_bit_is_accepted(part: str, bit: int) -> None:
    made = PHONE.sign(CHALLENGE, key=KEY)
    before: bytes = getattr(made, part)
    changed = bytearray(before)
    changed[bit // 8 % len(before)] ^= 1 << bit % 8
    body = made.body() | {part: changed.hex()}
    refusal(lambda: check(Assertion.of(body)))


@given(st.binary(max_size=200))
def test_client_data_that_anybody_made_up_are_refused_without_a_traceback(junk: bytes) -> None:
    assert refusal(lambda: check(PHONE.sign(CHALLENGE, key=KEY, client_data=junk))).startswith("ASSERTION_")


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"type": "webauthn.create"}, "ASSERTION_TYPE"),
        ({"type": "payment.get"}, "ASSERTION_TYPE"),
        ({"type": None}, "ASSERTION_TYPE"),
        ({"challenge": encoded(CHALLENGE) + "="}, "ASSERTION_CHALLENGE"),
        ({"challenge": CHALLENGE.hex()}, "ASSERTION_CHALLENGE"),
        ({"challenge": "\ud800"}, "ASSERTION_CHALLENGE"),
        ({"challenge": 7}, "ASSERTION_CHALLENGE"),
        ({"origin": "https://localhost.example"}, "ASSERTION_ORIGIN"),
        ({"origin": "null"}, "ASSERTION_ORIGIN"),
        ({"origin": None}, "ASSERTION_ORIGIN"),
        ({"crossOrigin": True}, "ASSERTION_ORIGIN"),
        ({"crossOrigin": 0}, "ASSERTION_ORIGIN"),
        ({"crossOrigin": None}, "ASSERTION_ORIGIN"),
        ({"topOrigin": "http://localhost:8000"}, "ASSERTION_CLIENT_DATA"),
        ({"tokenBinding": {"status": "supported"}}, "ASSERTION_CLIENT_DATA"),
        ({"remark": "Jan de Vries agrees"}, "ASSERTION_CLIENT_DATA"),
        ({"other_keys_can_be_added_here": "Jan de Vries agrees"}, "ASSERTION_CLIENT_DATA"),
    ],
)
def test_client_data_say_what_they_may_and_nothing_else(members: dict[str, object], code: str) -> None:
    assert refusal(lambda: check(PHONE.sign(CHALLENGE, key=KEY, members=members))) == code


def test_what_chromium_adds_at_random_does_not_stop_a_signature() -> None:
    check(PHONE.sign(CHALLENGE, key=KEY, members=GREASE))


@pytest.mark.parametrize(
    "written",
    [
        '{"type":"webauthn.get","type":"webauthn.get","challenge":"C","origin":"http://localhost"}',
        '\ufeff{"type":"webauthn.get","challenge":"C","origin":"http://localhost"}',
        '[{"type":"webauthn.get","challenge":"C","origin":"http://localhost"}]',
        '{"type":"webauthn.get","challenge":"C","origin":"http://localhost"} x',
        "[" * 1_000,
        '{"type":' + "9" * 1_000 + "}"[:0],
    ],
)
def test_client_data_are_one_object_that_says_each_thing_once(written: str) -> None:
    client_data = written.replace('"C"', json.dumps(challenge_text(CHALLENGE))).encode()
    made = PHONE.sign(CHALLENGE, key=KEY, client_data=client_data)
    assert refusal(lambda: check(made)) == "ASSERTION_CLIENT_DATA"


def test_client_data_without_cross_origin_are_of_the_page_itself() -> None:
    said = {"type": "webauthn.get", "challenge": challenge_text(CHALLENGE), "origin": "http://localhost"}
    check(PHONE.sign(CHALLENGE, key=KEY, client_data=json.dumps(said).encode()))


@pytest.mark.parametrize("origin", ["https://pool.example.nl", "https://sign.in.pool.example.nl"])
def test_a_platform_is_signed_for_on_its_own_site(origin: str) -> None:
    device = Authenticator.make(rp_id="pool.example.nl", origin=origin)
    check(device.sign(CHALLENGE, key=KEY), device, rp_id="pool.example.nl", is_sandbox=False)


@pytest.mark.parametrize(
    "origin",
    [
        "http://pool.example.nl",
        "https://example.nl",
        "https://evilpool.example.nl",
        "https://pool.example.nl.evil.example",
        "https://pool.example.nl:8443",
        "https://pool.example.nl/",
        "https://pool-example.nl",
        "https://.pool.example.nl",
        "https://evil.example/.pool.example.nl",
        "https://jan@pool.example.nl",
        "HTTPS://pool.example.nl",
        "https://pool.example.nl\n",
        "http://localhost:8000",
    ],
)
def test_a_signature_from_another_site_is_refused(origin: str) -> None:
    device = Authenticator.make(rp_id="pool.example.nl", origin=origin)
    made = device.sign(CHALLENGE, key=KEY)
    for is_sandbox in (False, True):
        found = refusal(lambda: check(made, device, rp_id="pool.example.nl", is_sandbox=is_sandbox))  # noqa: B023  # called at once
        assert found == "ASSERTION_ORIGIN"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_only_a_sandbox_is_signed_for_on_this_machine(host: str) -> None:
    for origin in (f"http://{host}", f"http://{host}:8000"):
        device = Authenticator.make(rp_id=host, origin=origin)
        made = device.sign(CHALLENGE, key=KEY)
        check(made, device, rp_id=host)
        assert refusal(lambda: check(made, device, rp_id=host, is_sandbox=False)) == "ASSERTION_ORIGIN"  # noqa: B023


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        (0x00, "ASSERTION_USER"),
        (0x01, "ASSERTION_USER"),
        (0x04, "ASSERTION_USER"),
        (0x15, "ASSERTION_AUTHENTICATOR"),
        (0x45, "ASSERTION_AUTHENTICATOR"),
        (0x85, "ASSERTION_AUTHENTICATOR"),
    ],
)
def test_somebody_was_there_and_was_checked(flags: int, code: str) -> None:
    assert refusal(lambda: check(PHONE.sign(CHALLENGE, key=KEY, flags=flags))) == code


@pytest.mark.parametrize("counter", [0, 7, 2**32 - 1])
def test_the_counter_says_nothing_because_synced_passkeys_do_not_count(counter: int) -> None:
    check(PHONE.sign(CHALLENGE, key=KEY, flags=0x1D, counter=counter))


def test_extensions_and_other_sites_are_refused() -> None:
    assert refusal(lambda: check(PHONE.sign(CHALLENGE, key=KEY, more=b"\xa0"))) == "ASSERTION_AUTHENTICATOR"
    assert refusal(lambda: check(PHONE.sign(CHALLENGE, key=KEY, rp_id="example.nl"))) == "ASSERTION_RP"


def test_nothing_longer_than_any_assertion_is_read() -> None:
    made = PHONE.sign(CHALLENGE, key=KEY)
    for long in (replace(made, client_data=b" " * 1_025), replace(made, signature=b" " * 1_025)):
        assert refusal(lambda: check(long)) == "ASSERTION_TOO_LONG"  # noqa: B023


def test_a_key_is_one_of_its_algorithm_and_strong_enough() -> None:
    weak = rsa.generate_private_key(65_537, 1_024).public_key()
    exponent = rsa.generate_private_key(3, 2_048).public_key()
    other_curve = ec.generate_private_key(ec.SECP384R1()).public_key()
    for algorithm, key in (("RS256", weak), ("RS256", exponent), ("ES256", other_curve)):
        der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        assert refusal(lambda: read_public_key(algorithm, der)) == "KEY_REFUSED"  # noqa: B023
    for algorithm in ("EdDSA", "RS256", "none", ""):
        assert refusal(lambda: read_public_key(algorithm, PHONE.public_key)) == "KEY_REFUSED"  # noqa: B023


@given(st.binary(max_size=120))
def test_what_is_no_key_is_refused_without_a_traceback(junk: bytes) -> None:
    for algorithm in ("ES256", "EdDSA", "RS256"):
        assert refusal(lambda: read_public_key(algorithm, junk)) == "KEY_REFUSED"  # noqa: B023


def test_a_key_has_one_writing() -> None:
    private = PHONE.private
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    point = private.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    head = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200")
    assert refusal(lambda: read_public_key("ES256", head + point)) == "KEY_REFUSED"
    assert refusal(lambda: read_public_key("ES256", PHONE.public_key + b"\0")) == "KEY_REFUSED"


def test_each_thing_that_is_signed_has_its_own_challenge() -> None:
    acceptance = {
        "ledger": "example.nl/ledger",
        "party": "museum-noord",
        "agreement": "agr-0123456789abcdef",
        "terms_sha256": "1" * 64,
        "preview_sha256": "2" * 64,
    }
    registration = {
        "ledger": "example.nl/ledger",
        "party": "museum-noord",
        "key": KEY,
        "algorithm": "ES256",
        "public_key_hex": "30",
        "rp_id": "example.nl",
    }
    seen = {acceptance_challenge(**acceptance), key_challenge(**registration)}
    seen |= {acceptance_challenge(**acceptance | {name: "x"}) for name in acceptance}
    seen |= {key_challenge(**registration | {name: "x"}) for name in registration}
    assert len(seen) == 2 + len(acceptance) + len(registration)


def test_a_challenge_is_the_checksum_of_what_the_format_says() -> None:
    import hashlib

    said = (
        '{"agreement":"agr-0123456789abcdef","ledger":"example.nl/ledger","party":"museum-noord",'
        f'"preview_sha256":"{"2" * 64}","terms_sha256":"{"1" * 64}","v":"cultuurinzicht/acceptance/1"}}'
    )
    made = acceptance_challenge(
        ledger="example.nl/ledger",
        party="museum-noord",
        agreement="agr-0123456789abcdef",
        terms_sha256="1" * 64,
        preview_sha256="2" * 64,
    )
    assert made == hashlib.sha256(said.encode()).digest()
