"""`cultuurinzicht keys`: the platform sees which keys a house has, and stops one that it reported lost."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from api.assembly import assembled
from api.cli import main
from api.settings import Settings
from consent_ledger.entry import Actor
from consent_ledger.keys_of_houses import NewKey, register_key
from consent_ledger.parties import Party, register_party
from consent_ledger.vocabulary import PLATFORM, ClientId, PartyId, PartyKind, SigningAlgorithm
from tests.consent_ledger.authenticator import Authenticator

Said = pytest.CaptureFixture[str]

THEA = PartyId("thea")
KEY = "key-0123456789abcdef"
SITE = "pool.example.nl"
OPERATOR = Actor(PLATFORM, ClientId(PLATFORM))


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said) -> None:
    """A platform with one house, and one key of it."""
    monkeypatch.setenv("CULTUURINZICHT_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("CULTUURINZICHT_BASE_URL", f"https://{SITE}:8443")
    assert main(["migrate", "--create", "platform"]) == 0, capsys.readouterr().err
    device = Authenticator.make(rp_id=SITE, origin=f"https://{SITE}")
    with assembled(Settings.read()) as parts:
        ledger = parts.house.ledger
        assert parts.house.rp_id == SITE
        draft, rider = register_party(Party(THEA, PartyKind.INSTITUTION, "Thea", THEA), actor=OPERATOR)
        ledger.append(draft, rider=rider)
        new = NewKey(THEA, KEY, SigningAlgorithm.ES256, device.public_key, SITE, b"id", "Signe van der Berg")
        proof = device.sign(new.challenge(ledger.origin), key=KEY)
        ledger.append_all(
            [
                register_key(
                    new, proof, None, ledger=ledger.origin, is_sandbox=False, actor=OPERATOR, idem="first"
                )
            ]
        )
    capsys.readouterr()


@pytest.mark.usefixtures("house")
def test_a_lost_key_is_stopped_once_and_stays_listed(capsys: Said) -> None:
    assert main(["keys", "list", THEA]) == 0
    said = capsys.readouterr().out
    listed = re.fullmatch(rf"{KEY}  ES256  entry (\d+)  stands   on the operator's word\n", said)
    assert listed is not None
    for _ in range(2):
        assert main(["keys", "retire", THEA, KEY]) == 0
        assert f"from entry {int(listed[1]) + 1} on" in capsys.readouterr().out
    assert main(["keys", "list", THEA]) == 0
    said = capsys.readouterr().out
    assert "retired" in said
    assert "Signe" not in said


@pytest.mark.usefixtures("house")
@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "nobody"],
        ["retire", THEA, "key-ffffffffffffffff"],
        ["retire", "nobody", KEY],
        ["retire", THEA, "lost"],
    ],
)
def test_what_is_no_key_of_the_house_is_refused_in_a_sentence(arguments: list[str], capsys: Said) -> None:
    assert main(["keys", *arguments]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "Traceback" not in said.err
    assert "foresaw" not in said.err


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("https://Pool.example.nl", "pool.example.nl"),
        ("https://pool.example.nl:8443", "pool.example.nl"),
        ("http://127.0.0.1:8000", "localhost"),
        ("http://localhost:8000", "localhost"),
        ("http://[::1]:8000", "localhost"),
    ],
)
def test_keys_are_bound_to_the_host_of_the_platforms_address(
    address: str, site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CULTUURINZICHT_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("CULTUURINZICHT_BASE_URL", address)
    assert main(["migrate"]) == 0
    with assembled(Settings.read(), create="platform") as parts:
        assert parts.house.rp_id == site


@pytest.mark.parametrize("address", ["pool.example.nl", "https://", "https://[::1"])
def test_an_address_without_a_host_is_refused_in_a_sentence(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    monkeypatch.setenv("CULTUURINZICHT_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("CULTUURINZICHT_BASE_URL", address)
    assert main(["migrate", "--create", "platform"]) == 1
    assert "CULTUURINZICHT_BASE_URL" in capsys.readouterr().err
