from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from api.settings import PREFIX, SETTINGS, Settings, SettingsRefused


def settings(**given: str) -> Settings:
    return Settings.read({PREFIX + name: value for name, value in given.items()})


def test_everything_has_a_default_below_the_data_folder() -> None:
    read = settings(DATA_DIR="/srv/c")
    assert read.data_dir == Path("/srv/c")
    assert read.database_url == "sqlite:////srv/c/cultuurinzicht.db"
    assert read.vault_database_url == "sqlite:////srv/c/vault.db"
    assert read.keys_dir == Path("/srv/c/keys")
    assert read.checkpoint_store == Path("/srv/c/checkpoint/last.db")
    assert (read.host, read.port, read.base_url) == ("127.0.0.1", 8000, "http://127.0.0.1:8000")
    assert read.today is None


def test_an_empty_value_is_as_good_as_none() -> None:
    assert settings(PORT="", TODAY="", DATABASE_URL="", DATA_DIR="/srv/c") == settings(DATA_DIR="/srv/c")


def test_owner_and_release_login_follow_the_application() -> None:
    read = settings(DATABASE_URL="postgresql://app@db/c")
    assert read.owner_database_url == read.release_database_url == "postgresql://app@db/c"
    assert (
        settings(OWNER_DATABASE_URL="postgresql://owner@db/c").owner_database_url == "postgresql://owner@db/c"
    )


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("::1", "http://[::1]:8000"),
        ("localhost", "http://localhost:8000"),
    ],
)
def test_the_default_address_can_be_called(host: str, address: str) -> None:
    assert settings(HOST=host).base_url == address


def test_a_base_address_ends_without_a_slash() -> None:
    assert settings(BASE_URL="https://cultuur.example/").base_url == "https://cultuur.example"


@pytest.mark.parametrize("port", ["0", "65536", "-1", "80 80", "http", "²", "9" * 5000])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(SettingsRefused, match="CULTUURINZICHT_PORT must be a number from 1 to 65535"):
        settings(PORT=port)


def test_today_is_a_day() -> None:
    assert settings(TODAY="2027-07-01").today == date(2027, 7, 1)
    for wrong in ("tomorrow", "2027-02-30", "1-7-2027"):
        with pytest.raises(SettingsRefused, match="CULTUURINZICHT_TODAY must be a day"):
            settings(TODAY=wrong)


def test_every_setting_is_shown_with_its_value() -> None:
    read = settings(PORT="8123", ORIGIN="example.nl/ledger", TODAY="2027-07-01")
    shown = {setting.name: value for setting, value in read.shown()}
    assert list(shown) == [setting.name for setting in SETTINGS]
    assert (shown["PORT"], shown["ORIGIN"], shown["TODAY"]) == ("8123", "example.nl/ledger", "2027-07-01")
    assert all(setting.meaning and setting.default and setting.when_wrong for setting in SETTINGS)


def test_every_setting_that_is_read_is_listed() -> None:
    seen: set[str] = set()

    class Seen(dict[str, str]):
        def get(self, key: str, _: object = None) -> str | None:  # type: ignore[override]
            seen.add(key)
            return None

    Settings.read(Seen())
    assert seen == {setting.variable for setting in SETTINGS}


def test_no_password_is_shown() -> None:
    secret = "postgresql://app:geheim@db/c"
    read = settings(
        DATABASE_URL=secret,
        OWNER_DATABASE_URL=secret,
        RELEASE_DATABASE_URL=secret,
        VAULT_DATABASE_URL="app:geheim@db",  # no address, and perhaps the paste of one
    )
    shown = {setting.name: value for setting, value in read.shown()}
    assert not re.search("geheim", str(shown))
    assert shown["DATABASE_URL"] == "postgresql://app:***@db/c"
    assert shown["VAULT_DATABASE_URL"] == "(this address cannot be read)"
