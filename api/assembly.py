"""Putting the house together from its settings, and taking it apart again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine, select

from api.oauth.service import OAuth
from api.settings import Settings, SettingsRefused
from consent_ledger.checkpoint import CheckpointStore, NoteRefused, Signer, StoreRefused
from consent_ledger.clock import Clock, system_clock
from consent_ledger.cosigning import Policy, PolicyRefused
from consent_ledger.database import Login, open_engine, reading
from consent_ledger.entry import EntryType
from consent_ledger.keyring import Keyring
from consent_ledger.log import Ledger, ledger_entry
from consent_ledger.vault import Vault
from consent_ledger.witness.link import LinkRefused
from consent_ledger.witnessing import Witnessing
from insight.index import Indexes
from insight.intake.pipeline import Intake
from migrations.histories import History
from migrations.run import check, migrate
from resolvers.house import House
from resolvers.visitors import in_session

SANDBOX_TODAY = date(2027, 7, 1)
"""The day that a sandbox's figures call today: where its seeded entries end."""

_TAKES_OUT = (EntryType.SUBJECT_ERASED.value, EntryType.SUBJECT_STOPPED.value)
"""Entries after which the vault must know somebody no more, or keep somebody out."""

UNDER_WAY = timedelta(days=1)
"""
Longer than any import lasts. Rows of the vault that wait longer for their entry are forgotten at start;
younger ones may belong to another process that is still writing, and mean nothing without their entry.
"""


@dataclass(frozen=True, slots=True)
class Assembled:
    """A house that runs, with the check of its credentials."""

    settings: Settings
    house: House
    oauth: OAuth
    witnessing: Witnessing | None
    """The witnesses of the ledger, when the settings name a policy."""


def prepare(settings: Settings) -> None:
    """
    Make the folders and bring both databases to their newest shape.

    Repeatable. Raises `SettingsRefused` when a folder cannot be written, `DatabaseRefused` when a
    database cannot be used or comes from a later version.
    """
    for folder in (settings.data_dir, settings.checkpoint_store.parent):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            raise SettingsRefused(
                f"The folder {folder} cannot be made or written; choose another one.",
                "CULTUURINZICHT_DATA_DIR says where the data go, CULTUURINZICHT_CHECKPOINT_STORE where the"
                " last checkpoint is kept.",
            ) from None
    migrate(
        settings.owner_database_url,
        settings.vault_database_url,
        app_url=settings.database_url,
        release_url=settings.release_database_url,
    )


@contextmanager
def assembled(
    settings: Settings, *, clock: Clock = system_clock, create: str | None = None
) -> Iterator[Assembled]:
    """
    Open the house; leaving the block closes it, after what waits was recorded.

    `create` begins a ledger where there is none: "sandbox" or "platform". Raises what the parts raise
    when they refuse, each with one plain sentence.
    """
    with ExitStack() as stack:

        def opened(url: str, login: Login) -> Engine:
            engine = open_engine(url, login)
            stack.callback(engine.dispose)
            return engine

        engine = opened(settings.database_url, Login.APP)
        releases = opened(settings.release_database_url, Login.RELEASE)
        vault_engine = opened(settings.vault_database_url, Login.VAULT)
        check(engine, History.MAIN)
        check(vault_engine, History.VAULT)
        keyring = Keyring.open(settings.keys_dir)
        signer = _signer(settings, keyring)
        store = _store(settings)
        stack.callback(store.close)
        if create is not None and _is_empty(engine):
            ledger = Ledger.create(engine, store, signer, clock=clock, sandbox=create == "sandbox")
        else:
            ledger = Ledger.open(engine, store, signer, clock=clock)
        stack.callback(ledger.close)
        witnessing = _witnessing(settings, engine, ledger)
        if witnessing is not None:
            stack.callback(witnessing.stop)
            witnessing.greet()  # before anything is written: one of them may know more than the database
        recorded = _recorded(engine)
        vault = Vault.open(vault_engine, keyring, is_recorded=recorded, position_of=_position_of(engine))
        vault.hold_to(_taken_out(engine))  # first: an older vault would finish what it has, and seem newer
        vault.finish_erasures(recorded, older_than=UNDER_WAY)
        vault.sweep(recorded, older_than=UNDER_WAY)
        house = House(
            engine=engine,
            releases=releases,
            ledger=ledger,
            vault=vault,
            intake=Intake(engine=engine, ledger=ledger, vault=vault, clock=clock),
            indexes=Indexes(),
            clock=clock,
            today=_today(settings, engine, ledger, clock),
            rp_id=_rp_id(settings.base_url),
            entry_secret=keyring.secret("entries"),
            evidence_years=settings.evidence_years,
            base_url=settings.base_url,
        )
        oauth = OAuth(
            engine=engine,
            keyring=keyring,
            issuer=settings.base_url,
            audience=f"{settings.base_url}/graphql",
            clock=clock,
            sessions=lambda token: in_session(vault, token),
        )
        yield Assembled(settings, house, oauth, witnessing)


def _signer(settings: Settings, keyring: Keyring) -> Signer:
    key = Ed25519PrivateKey.from_private_bytes(keyring.secret("ledger"))
    try:
        return Signer(settings.origin, key)
    except NoteRefused:
        raise SettingsRefused(
            "CULTUURINZICHT_ORIGIN is no name of a ledger.",
            "Write a host and a path in plain characters without a scheme, such as example.nl/ledger.",
        ) from None


def _rp_id(base_url: str) -> str:
    """The host to which passkeys are bound (WebAuthn level 3, 5.1.3); of this machine its name."""
    try:
        host = urlsplit(base_url).hostname
    except ValueError:
        host = None
    if host is None:
        raise SettingsRefused(
            "CULTUURINZICHT_BASE_URL is no address.",
            "Write a scheme and a host, such as https://pool.example.nl.",
        )
    # a browser gives no passkey to an address of numbers, and takes `localhost` as a secure page
    return "localhost" if host.startswith("127.") or host == "::1" else host


def _store(settings: Settings) -> CheckpointStore:
    try:
        return CheckpointStore(settings.checkpoint_store)
    except StoreRefused as refused:
        raise SettingsRefused(
            str(refused),
            f"See that {settings.checkpoint_store} (CULTUURINZICHT_CHECKPOINT_STORE) is a file of its own that"
            " can be written, in a folder that is there.",
        ) from None


def _witnessing(settings: Settings, engine: Engine, ledger: Ledger) -> Witnessing | None:
    path = settings.witness_policy
    if path is None:
        return None
    step = f"See {path} (CULTUURINZICHT_WITNESS_POLICY); without this setting no witness is asked."
    try:
        policy = Policy.read(path.read_bytes())
        if policy.logs and ledger.verifier_key not in {str(log.key) for log in policy.logs}:
            raise SettingsRefused("The policy of witnesses is that of other ledgers, not of this one.", step)
        return Witnessing(engine, ledger, policy, interval=settings.witness_interval)
    except OSError:
        raise SettingsRefused("The policy of witnesses cannot be read.", step) from None
    except PolicyRefused as refused:
        raise SettingsRefused(refused.sentence, step) from None
    except LinkRefused:
        raise SettingsRefused("The policy of witnesses has an address that is none.", step) from None


def _is_empty(engine: Engine) -> bool:
    with reading(engine) as connection:
        return connection.execute(select(ledger_entry.c.seq).limit(1)).first() is None


def _recorded(engine: Engine) -> Callable[[str], bool]:
    """Whether the ledger holds an entry under this key: what the vault's sweep asks at start."""

    def is_recorded(under: str) -> bool:
        with reading(engine) as connection:
            found = select(ledger_entry.c.seq).where(ledger_entry.c.idem == under).limit(1)
            return connection.execute(found).first() is not None

    return is_recorded


def _position_of(engine: Engine) -> Callable[[str], int | None]:
    """Where the entry stands that takes somebody out under this key."""

    def position_of(under: str) -> int | None:
        with reading(engine) as connection:
            found = select(ledger_entry.c.seq).where(
                ledger_entry.c.idem == under, ledger_entry.c.type.in_(_TAKES_OUT)
            )
            return connection.scalar(found.order_by(ledger_entry.c.seq.desc()).limit(1))

    return position_of


def _taken_out(engine: Engine) -> Callable[[int], Sequence[tuple[int, str]]]:
    """The entries after a position that take somebody out, each with its key; no others are read."""

    def taken_out(after: int) -> Sequence[tuple[int, str]]:
        with reading(engine) as connection:
            return [
                (seq, idem)
                for one in _TAKES_OUT
                for seq, idem in connection.execute(
                    select(ledger_entry.c.seq, ledger_entry.c.idem)
                    .where(ledger_entry.c.type == one, ledger_entry.c.seq > after)
                    .order_by(ledger_entry.c.seq)
                )
            ]

    return taken_out


def _today(settings: Settings, engine: Engine, ledger: Ledger, clock: Clock) -> Callable[[], date]:
    with reading(engine) as connection:
        snapshot = ledger.pin(connection)
        is_sandbox = snapshot.state.is_sandbox
        snapshot.end()
    if not is_sandbox:
        if settings.today is not None:
            raise SettingsRefused("CULTUURINZICHT_TODAY can be set on a sandbox alone.")
        return lambda: clock().date()
    fixed = settings.today or SANDBOX_TODAY
    return lambda: fixed
