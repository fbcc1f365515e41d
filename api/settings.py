"""
What can be set from outside: environment variables with the prefix `CULTUURINZICHT_`.

Each setting says its unit, its default and what happens when it is wrong. `cultuurinzicht settings`
prints this list with the values in force.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

PREFIX = "CULTUURINZICHT_"


_SECONDS = re.compile(r"[0-9]{1,4}(\.[0-9]{1,3})?")
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- names them, binds nothing


class SettingsRefused(Exception):
    """A setting that cannot be used. `sentence` is one plain sentence, `next_step` what to do."""

    code = "SETTING_REFUSED"

    def __init__(self, sentence: str, next_step: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.next_step = next_step


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting, described."""

    name: str
    default: str
    meaning: str
    when_wrong: str

    @property
    def variable(self) -> str:
        return PREFIX + self.name


SETTINGS: tuple[Setting, ...] = (
    Setting("DATA_DIR", "var", "folder of databases, keys and demo access", "a sentence, and no start"),
    Setting(
        "DATABASE_URL",
        "sqlite:///<DATA_DIR>/cultuurinzicht.db",
        "the database, with the login of the application",
        "a sentence, and no start",
    ),
    Setting(
        "OWNER_DATABASE_URL",
        "the value of DATABASE_URL",
        "the same database with the login that owns the tables; used by migrations alone",
        "`migrate` says so",
    ),
    Setting(
        "RELEASE_DATABASE_URL",
        "the value of DATABASE_URL",
        "the same database with the login that reads releases and the register, nothing else",
        "benchmarks are refused by the database",
    ),
    Setting(
        "VAULT_DATABASE_URL",
        "sqlite:///<DATA_DIR>/vault.db",
        "the vault of persons: its own file, or a PostgreSQL database with its schema `vault`",
        "a sentence, and no start",
    ),
    Setting("KEYS_DIR", "<DATA_DIR>/keys", "folder of the secrets kept outside every database", "no start"),
    Setting(
        "CHECKPOINT_STORE",
        "<DATA_DIR>/checkpoint/last.db",
        "second store of the last signed checkpoint; put it on another disk",
        "no start: without it a fork could be signed",
    ),
    Setting(
        "ORIGIN",
        "cultuurinzicht.example/ledger",
        "name of the ledger, fixed when it is created; plain characters, no scheme",
        "no start when the ledger has another origin",
    ),
    Setting(
        "BASE_URL",
        "http://<HOST>:<PORT>, with the loopback address when HOST is all addresses",
        "address under which clients reach the server; issuer of tokens",
        "tokens of another issuer are refused",
    ),
    Setting(
        "WITNESS_POLICY",
        "none: no witness is asked",
        "file that names the witnesses of the ledger and how many must sign (C2SP tlog-policy)",
        "a sentence, and no start",
    ),
    Setting(
        "WITNESS_INTERVAL",
        "5",
        "seconds between two checkpoints that are given to witnesses, 0.1 to 3600",
        "a sentence, and no start",
    ),
    Setting(
        "OUTBOX",
        "<DATA_DIR>/outbox",
        "folder in which mails to visitors are left, one file (.eml) each, to be sent by others",
        "visitors get no link; the log says so",
    ),
    Setting(
        "EVIDENCE_YEARS",
        "5",
        "years for which proof of what an erased person said is kept, unless nothing is to be kept; 0 to 20",
        "a sentence, and no start",
    ),
    Setting("HOST", "127.0.0.1", "address to listen on", "a sentence, and no start"),
    Setting("PORT", "8000", "port to listen on, 1 to 65535", "a sentence, and no start"),
    Setting(
        "TODAY",
        "2027-07-01 in a sandbox, else the clock's day",
        "the day that figures call today, YYYY-MM-DD; refused on a real platform",
        "a sentence, and no start",
    ),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in force. Read once; a value that was read does not change."""

    data_dir: Path
    database_url: str
    owner_database_url: str
    release_database_url: str
    vault_database_url: str
    keys_dir: Path
    checkpoint_store: Path
    witness_policy: Path | None
    witness_interval: float
    outbox: Path
    evidence_years: int
    origin: str
    base_url: str
    host: str
    port: int
    today: date | None

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """The settings of this environment. Raises `SettingsRefused`."""
        given = os.environ if environment is None else environment

        def value(name: str, default: str) -> str:
            return given.get(PREFIX + name) or default

        data = Path(value("DATA_DIR", "var")).absolute()
        database = value("DATABASE_URL", f"sqlite:///{data / 'cultuurinzicht.db'}")
        host, port = value("HOST", "127.0.0.1"), _port(value("PORT", "8000"))
        return cls(
            data_dir=data,
            database_url=database,
            owner_database_url=value("OWNER_DATABASE_URL", database),
            release_database_url=value("RELEASE_DATABASE_URL", database),
            vault_database_url=value("VAULT_DATABASE_URL", f"sqlite:///{data / 'vault.db'}"),
            keys_dir=Path(value("KEYS_DIR", str(data / "keys"))).absolute(),
            checkpoint_store=Path(value("CHECKPOINT_STORE", str(data / "checkpoint" / "last.db"))).absolute(),
            witness_policy=Path(policy).absolute() if (policy := value("WITNESS_POLICY", "")) else None,
            witness_interval=_seconds(value("WITNESS_INTERVAL", "5")),
            outbox=Path(value("OUTBOX", str(data / "outbox"))).absolute(),
            evidence_years=_years(value("EVIDENCE_YEARS", "5")),
            origin=value("ORIGIN", "cultuurinzicht.example/ledger"),
            base_url=value("BASE_URL", f"http://{_in_address(host)}:{port}").rstrip("/"),
            host=host,
            port=port,
            today=_day(value("TODAY", "")),
        )

    def shown(self) -> list[tuple[Setting, str]]:
        """Each setting with its value in force; a password in an address is not shown."""
        values = {
            "DATA_DIR": str(self.data_dir),
            "DATABASE_URL": _without_password(self.database_url),
            "OWNER_DATABASE_URL": _without_password(self.owner_database_url),
            "RELEASE_DATABASE_URL": _without_password(self.release_database_url),
            "VAULT_DATABASE_URL": _without_password(self.vault_database_url),
            "KEYS_DIR": str(self.keys_dir),
            "CHECKPOINT_STORE": str(self.checkpoint_store),
            "WITNESS_POLICY": "" if self.witness_policy is None else str(self.witness_policy),
            "WITNESS_INTERVAL": f"{self.witness_interval:g}",
            "OUTBOX": str(self.outbox),
            "EVIDENCE_YEARS": str(self.evidence_years),
            "ORIGIN": self.origin,
            "BASE_URL": self.base_url,
            "HOST": self.host,
            "PORT": str(self.port),
            "TODAY": "" if self.today is None else self.today.isoformat(),
        }
        return [(setting, values[setting.name]) for setting in SETTINGS]


def _in_address(host: str) -> str:
    """How a client on this machine writes the host: all addresses cannot be called, IPv6 stands in brackets."""
    reached = _WILDCARDS.get(host, host)
    return f"[{reached}]" if ":" in reached else reached


def _port(text: str) -> int:
    if not text.isdecimal() or len(text) > 5 or not 1 <= int(text) <= 65535:
        raise SettingsRefused(f"{PREFIX}PORT must be a number from 1 to 65535.")
    return int(text)


def _seconds(text: str) -> float:
    if _SECONDS.fullmatch(text) is None or not 0.1 <= float(text) <= 3600:
        raise SettingsRefused(f"{PREFIX}WITNESS_INTERVAL must be a number of seconds from 0.1 to 3600.")
    return float(text)


def _years(text: str) -> int:
    if re.fullmatch(r"[0-9]{1,2}", text) is None or int(text) > 20:
        raise SettingsRefused(f"{PREFIX}EVIDENCE_YEARS must be a whole number of years from 0 to 20.")
    return int(text)


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SettingsRefused(f"{PREFIX}TODAY must be a day as YYYY-MM-DD.") from None


def _without_password(url: str) -> str:
    from sqlalchemy import make_url  # a late import keeps other commands quick
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:  # not shown as it is: a password may stand in it
        return "(this address cannot be read)"
