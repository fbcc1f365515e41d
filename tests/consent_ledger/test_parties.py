"""The register: what it refuses, what its riders write, and who becomes a caller."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine, func, insert, select

from consent_ledger import clients, parties
from consent_ledger.checkpoint import CheckpointStore, Signer
from consent_ledger.clients import (
    ClientRefused,
    block_client,
    credentials,
    register_client,
    revoke_token,
    secret_id,
)
from consent_ledger.clock import SimulatedClock
from consent_ledger.database import reading, writing
from consent_ledger.entry import Actor, Draft
from consent_ledger.log import Ledger, Rider
from consent_ledger.parties import (
    CredentialRefused,
    Party,
    PartyRefused,
    VerifiedToken,
    admit,
    party,
    platform_caller,
    register_party,
)
from consent_ledger.register import client as client_table
from consent_ledger.register import party as party_table
from consent_ledger.register import revoked_token, signing_key
from consent_ledger.state import IllegalEntry
from consent_ledger.vocabulary import (
    PLATFORM,
    ClientId,
    ClientKind,
    PartyId,
    PartyKind,
    Scope,
)

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ACTOR = Actor(PLATFORM, ClientId(PLATFORM))
THEATRE = Party(
    PartyId("vrijenoot"),
    PartyKind.INSTITUTION,
    "Theater De Vrije Noot",
    PartyId("stichting-noot"),
    discipline="theatre",
    province="Utrecht",
    municipality="Utrecht",
    region="Midden",
    band=3,
    unit="tickets",
    public_figures=True,
    sandbox=True,
    invented=True,
)


@pytest.fixture
def ledger(engine: Engine, tmp_path: Path) -> Iterator[Ledger]:
    store = CheckpointStore(tmp_path / "checkpoint.db")
    signer = Signer("ledger.test/cultuurinzicht", Ed25519PrivateKey.generate())
    opened = Ledger.create(engine, store, signer, clock=SimulatedClock(NOW), sandbox=True)
    yield opened
    opened.close()
    store.close()


def hashed(secret: str) -> str:
    return f"hash of {len(secret)}"


def application(
    name: str = "vrijenoot-app", scopes: frozenset[Scope] = frozenset({Scope.AUDIENCES_READ})
) -> tuple[Draft, Rider, str]:
    return register_client(
        id=ClientId(name),
        party=THEATRE.id,
        kind=ClientKind.INSTITUTION_APP,
        name="App",
        scopes=scopes,
        actor=ACTOR,
        hashed=hashed,
        now=NOW,
    )


@pytest.fixture
def house(engine: Engine, ledger: Ledger) -> Engine:
    draft, rider = register_party(THEATRE, actor=ACTOR)
    ledger.append(draft, rider=rider)
    draft, rider, _ = application()
    ledger.append(draft, rider=rider)
    with writing(engine) as connection:
        connection.execute(
            insert(signing_key).values(
                kid="k1", alg="ES256", state="active", public="{}", private=b"", created_at=0, since=0
            )
        )
    return engine


def token(jti: str = "t1", scopes: frozenset[Scope] = frozenset({Scope.AUDIENCES_READ})) -> VerifiedToken:
    return VerifiedToken(
        jti, ClientId("vrijenoot-app"), THEATRE.id, scopes, NOW, NOW + timedelta(minutes=10), "k1"
    )


# parties


def test_a_party_reads_back_as_registered_with_its_position(engine: Engine, ledger: Ledger) -> None:
    draft, rider = register_party(THEATRE, actor=ACTOR)
    position = ledger.append(draft, rider=rider).position
    with reading(engine) as connection:
        assert party(connection, THEATRE.id) == replace(THEATRE, position=position)
        assert party(connection, PartyId("nobody")) is None


def test_a_refused_entry_leaves_no_row(engine: Engine, ledger: Ledger) -> None:
    draft, rider, _ = application()  # of a party that is not registered
    with pytest.raises(IllegalEntry):
        ledger.append(draft, rider=rider)
    with reading(engine) as connection:
        assert connection.execute(select(func.count()).select_from(client_table)).scalar_one() == 0


def test_parties_come_in_pages_in_the_order_of_their_ids(engine: Engine, ledger: Ledger) -> None:
    names = ["c", "a", "e", "b", "d"]
    ledger.append_all(
        [register_party(replace(THEATRE, id=PartyId(f"house-{name}")), actor=ACTOR) for name in names]
    )
    seen: list[str] = []
    after: PartyId | None = None
    with reading(engine) as connection:
        while page := parties.parties(connection, after, 2):
            assert len(page) <= 2
            seen += [one.id for one in page]
            after = page[-1].id
    assert seen == sorted(f"house-{name}" for name in names)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"id": "A"}, "PARTY_ID"),
        ({"id": "platform"}, "PARTY_ID"),
        ({"id": "x" * 41}, "PARTY_ID"),
        ({"organisation": "é"}, "PARTY_ID"),
        ({"kind": PartyKind.PLATFORM}, "PARTY_KIND"),
        ({"name": " "}, "PARTY_NAME"),
        ({"name": "a\x00b"}, "PARTY_NAME"),
        ({"name": "x" * 201}, "PARTY_NAME"),
        ({"municipality": "x" * 81}, "PARTY_NAME"),
        ({"region": "x" * 41}, "PARTY_NAME"),
        ({"band": 2**31}, "PARTY_BAND"),
        ({"unit": "euros"}, "PARTY_UNIT"),
        ({"band": -1}, "PARTY_BAND"),
        ({"zone": "Europe/Atlantis"}, "PARTY_ZONE"),
        ({"zone": "../../etc/passwd"}, "PARTY_ZONE"),
    ],
    ids=str,
)
def test_a_party_that_cannot_be_is_refused(change: dict[str, object], code: str) -> None:
    with pytest.raises(PartyRefused) as refused:
        register_party(replace(THEATRE, **change), actor=ACTOR)  # type: ignore[arg-type]
    assert refused.value.code == code


# applications


def test_an_application_reads_back_as_registered(house: Engine) -> None:
    with reading(house) as connection:
        found = clients.client(connection, ClientId("vrijenoot-app"))
        assert clients.client(connection, ClientId("nobody")) is None
    assert found is not None
    assert (found.party, found.kind, found.scopes) == (
        THEATRE.id,
        ClientKind.INSTITUTION_APP,
        frozenset({Scope.AUDIENCES_READ}),
    )
    assert (found.is_active, found.position, found.auth_method) == (True, 2, "client_secret_basic")


def test_an_id_is_used_once_also_after_a_block(house: Engine, ledger: Ledger) -> None:
    with reading(house) as connection:
        found = clients.client(connection, ClientId("vrijenoot-app"))
    assert found is not None
    draft, rider = block_client(found, actor=ACTOR)
    ledger.append(draft, rider=rider)
    again, rider, _ = application()
    size = ledger.append(draft).size
    with pytest.raises(ClientRefused, match="registered already"):
        ledger.append(replace(again, idem="scope.granted:again"), rider=rider)
    assert ledger.append(draft).size == size  # nothing half


def test_a_repeated_registration_gives_no_working_secret(house: Engine, ledger: Ledger) -> None:
    draft, rider, secret = application()
    assert ledger.append(draft, rider=rider).repeated
    name = secret_id(secret)
    assert name is not None
    with reading(house) as connection:
        assert credentials(connection, ClientId("vrijenoot-app"), name, now=NOW) is None


def test_a_secret_counts_for_its_own_client_until_it_ends(house: Engine, ledger: Ledger) -> None:
    draft, rider, secret = application("other-app")
    ledger.append(draft, rider=rider)
    name = secret_id(secret)
    assert name is not None
    with writing(house) as connection:
        short = clients.add_secret(
            connection, ClientId("other-app"), hashed=hashed, now=NOW, expires=NOW + timedelta(days=1)
        )
    ends = secret_id(short)
    assert ends is not None
    with reading(house) as connection:
        own = credentials(connection, ClientId("other-app"), name, now=NOW)
        assert own is not None
        assert own.hash == hashed(secret)
        assert credentials(connection, ClientId("vrijenoot-app"), name, now=NOW) is None
        last = NOW + timedelta(hours=23, minutes=59)
        assert credentials(connection, ClientId("other-app"), ends, now=last) is not None
        over = NOW + timedelta(days=1)
        assert credentials(connection, ClientId("other-app"), ends, now=over) is None


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"id": ""}, "CLIENT_ID"),
        ({"id": "a b"}, "CLIENT_ID"),
        ({"id": "x" * 65}, "CLIENT_ID"),
        ({"id": "platform"}, "CLIENT_ID"),
        ({"kind": ClientKind.PLATFORM}, "CLIENT_KIND"),
        ({"party": PLATFORM}, "CLIENT_KIND"),
        ({"auth_method": "none"}, "CLIENT_AUTH_METHOD"),
        ({"scopes": []}, "CLIENT_SCOPES"),
        ({"name": ""}, "CLIENT_NAME"),
    ],
    ids=str,
)
def test_an_application_that_cannot_be_is_refused(change: dict[str, object], code: str) -> None:
    wanted: dict[str, object] = {
        "id": "app",
        "party": THEATRE.id,
        "kind": ClientKind.INSTITUTION_APP,
        "name": "App",
        "scopes": [Scope.AUDIENCES_READ],
        "actor": ACTOR,
        "hashed": hashed,
        "now": NOW,
    } | change
    with pytest.raises(ClientRefused) as refused:
        register_client(**wanted)  # type: ignore[arg-type]
    assert refused.value.code == code


# the credential check


def test_admit_takes_party_and_role_from_the_row(house: Engine) -> None:
    with reading(house) as connection:
        caller = admit(connection, token())
    assert (caller.client, caller.party, caller.kind) == (
        "vrijenoot-app",
        THEATRE.id,
        ClientKind.INSTITUTION_APP,
    )
    assert (caller.scopes, caller.token) == (frozenset({Scope.AUDIENCES_READ}), "t1")


def test_a_token_never_holds_more_than_the_ceiling(house: Engine) -> None:
    with reading(house) as connection:
        caller = admit(connection, token(scopes=frozenset({Scope.AUDIENCES_READ, Scope.LEDGER_EXPORT})))
        nothing = admit(connection, token(scopes=frozenset({Scope.LEDGER_EXPORT})))
    assert caller.scopes == {Scope.AUDIENCES_READ}
    assert nothing.scopes == frozenset()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"client_id": "nobody"}, "not registered"),
        ({"party": "de-kade"}, "not registered"),
        ({"kid": "k2"}, "no longer in use"),
    ],
    ids=str,
)
def test_a_token_of_nobody_here_is_refused(house: Engine, change: dict[str, object], sentence: str) -> None:
    with reading(house) as connection, pytest.raises(CredentialRefused, match=sentence) as refused:
        admit(connection, replace(token(), **change))  # type: ignore[arg-type]
    assert refused.value.code == "UNAUTHENTICATED"
    assert refused.value.sentence.nl != refused.value.sentence.en


@pytest.mark.parametrize("state", ["pending", "withdrawn"])
def test_only_a_key_that_signs_or_signed_admits(house: Engine, state: str) -> None:
    with writing(house) as connection:
        connection.execute(signing_key.update().values(state="retired"))
    with reading(house) as connection:
        assert admit(connection, token()).token == "t1"
    with writing(house) as connection:
        connection.execute(signing_key.update().values(state=state))
    with reading(house) as connection, pytest.raises(CredentialRefused):
        admit(connection, token())


def test_a_revoked_token_is_refused_and_another_is_not(house: Engine) -> None:
    for _ in range(2):  # repeatable
        with writing(house) as connection:
            revoke_token(
                connection,
                jti="t1",
                client=ClientId("vrijenoot-app"),
                expires=NOW + timedelta(minutes=10),
                now=NOW,
            )
    with reading(house) as connection:
        with pytest.raises(CredentialRefused, match="revoked"):
            admit(connection, token())
        assert admit(connection, token("t2")).token == "t2"
        assert len(connection.execute(select(revoked_token)).all()) == 1


def test_a_blocked_client_is_refused_and_the_ledger_says_so(house: Engine, ledger: Ledger) -> None:
    with reading(house) as connection:
        found = clients.client(connection, ClientId("vrijenoot-app"))
    assert found is not None
    draft, rider = block_client(found, actor=ACTOR)
    position = ledger.append(draft, rider=rider).position
    with reading(house) as connection:
        with pytest.raises(CredentialRefused, match="blocked"):
            admit(connection, token())
        after = clients.client(connection, ClientId("vrijenoot-app"))
        assert after is not None
        assert (after.is_active, after.position) == (False, position)
        (entry,) = ledger.entries(connection, position, position + 1)
    assert entry.body == {"client": "vrijenoot-app", "party": "vrijenoot"}


def test_the_platform_acts_without_a_token_and_signs_nothing() -> None:
    caller = platform_caller()
    assert (caller.party, caller.kind, caller.token) == (PLATFORM, ClientKind.PLATFORM, "")
    assert Scope.TICKETS_WRITE in caller.scopes
    assert not caller.scopes & {
        Scope.REFERENCES_EXPORT,
        Scope.AGREEMENTS_SIGN,
        Scope.AGREEMENTS_WRITE,
        Scope.CLIENTS_MANAGE,
        Scope.GOVERNANCE_WRITE,
        Scope.ME_CONSENT,
    }


def test_a_row_with_the_platforms_role_admits_nobody(house: Engine) -> None:
    with writing(house) as connection:
        connection.execute(client_table.update().values(kind="platform"))
    with reading(house) as connection, pytest.raises(CredentialRefused):
        admit(connection, token())


def test_every_constraint_of_the_register_has_a_name() -> None:
    unnamed = [
        (table.name, type(constraint).__name__)
        for table in parties.metadata.tables.values()
        for constraint in table.constraints
        if not constraint.name
    ]
    assert unnamed == []
    assert set(parties.metadata.tables) == {
        "party",
        "client",
        "client_secret",
        "signing_key",
        "revoked_token",
        "passkey",
        "published_text",
        "consent_batch",
    }
    assert party_table.metadata is parties.metadata
