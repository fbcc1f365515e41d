"""The ledger held to itself: what the owner of the database changes is found, all of it, in plain sentences."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text

from consent_ledger import cosignature_table, export
from consent_ledger.checkpoint import Signer
from consent_ledger.clock import SimulatedClock
from consent_ledger.database import writing
from consent_ledger.fsck import CannotLook, Inspection
from consent_ledger.log import Ledger, append_only_ddl
from tests.consent_ledger.ledgers import (
    ORIGIN,
    START,
    Place,
    granted,
    issued,
    key,
    purpose,
    registered,
    sqlite_place,
)

SIZE = 300


@pytest.fixture
def place(tmp_path: Path, engine: Engine) -> Iterator[Place]:
    made = Place(tmp_path, engine, SimulatedClock(START))
    yield made
    made.close()


@pytest.fixture
def ledger(place: Place) -> Ledger:
    """Entries of several types, a few about persons: their time is a day."""
    made = place.create()
    made.append(registered("house-a"))
    made.append(purpose())
    assert isinstance(place.clock, SimulatedClock)
    place.clock.advance(timedelta(days=1))
    made.append_all([(issued(f"export-{number}"), None) for number in range(SIZE - 4)])
    made.append(issued("last"))
    return made


@pytest.fixture
def exported(ledger: Ledger, place: Place, tmp_path: Path) -> Path:
    export.write(ledger, place.engine, tmp_path / "export")
    return tmp_path / "export"


def found(place: Place, *, folder: Path | None = None, signer: Signer | None = None) -> list[str]:
    """The sentences of one look."""
    inspection = Inspection(
        place.engine,
        verifier_key=(signer or place.signer).verifier_key,
        store=place.folder / "checkpoint.db",
        folder=folder,
    )
    return [finding.sentence for finding in inspection.findings()]


@contextmanager
def as_owner(owner: Engine) -> Iterator[Connection]:
    """What the owner of the database can do: switch the triggers off, change rows, switch them on again."""
    with writing(owner) as connection:
        if connection.dialect.name == "sqlite":
            names = connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all()
            for name in names:
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
            yield connection
            for statement in (*append_only_ddl("sqlite"), *cosignature_table.append_only_ddl("sqlite")):
                connection.exec_driver_sql(statement)
        else:
            tables = ("ledger_entry", "ledger_head")
            for table in tables:
                connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
            yield connection
            ours = connection.execute(
                text(
                    "SELECT tgname, tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal"
                    " AND tgrelid IN ('ledger_entry'::regclass, 'ledger_head'::regclass)"
                )
            ).all()
            for name, table in ours:
                connection.exec_driver_sql(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")


# What is whole


def test_nothing_is_found_in_what_nobody_touched(ledger: Ledger, place: Place, exported: Path) -> None:
    assert found(place) == []
    assert found(place, folder=exported) == []
    ledger.append(issued("more"))
    assert found(place, folder=exported) == [], "an export stays the beginning of what grows"


def test_persons_entries_and_days_are_whole_too(place: Place) -> None:
    ledger = place.create()
    ledger.append(registered("house-a"))
    ledger.append(purpose())
    assert isinstance(place.clock, SimulatedClock)
    for turn in range(6):
        ledger.append(granted("house-a", f"{turn:016x}") if turn % 2 else issued(f"export-{turn}"))
        place.clock.advance(timedelta(hours=9))
        assert found(place) == []


def test_it_says_what_it_looked_at(ledger: Ledger, place: Place) -> None:
    inspection = Inspection(
        place.engine, verifier_key=place.signer.verifier_key, store=place.folder / "checkpoint.db"
    )
    assert list(inspection.findings()) == []
    snapshot = place.pin(ledger)
    assert (inspection.size, inspection.root) == (snapshot.size, snapshot.root)


def test_it_looks_beside_a_ledger_that_is_being_written(ledger: Ledger, place: Place) -> None:
    inspection = Inspection(
        place.engine, verifier_key=place.signer.verifier_key, store=place.folder / "checkpoint.db"
    )
    looking = inspection.findings()
    ledger.append(issued("before"))
    assert next(looking, None) is None
    ledger.append(issued("after"))
    assert found(place) == []


# Rows


def test_every_column_beside_the_line_is_held_to_it(
    ledger: Ledger, place: Place, owner_engine: Engine
) -> None:
    changes = {
        "type = 'party.closed'": "The column type of entry 7 is not what its line says.",
        "actor_party = 'house-a'": "The column actor_party of entry 8 is not what its line says.",
        "actor_client = 'other'": "The column actor_client of entry 9 is not what its line says.",
        "idem = 'other'": "The column idem of entry 10 is not what its line says.",
        "leaf_hash = body_sha256": "The leaf hash beside entry 11 is not that of its line.",
        "body_sha256 = leaf_hash": "The hash of the intent beside entry 12 is not that of its line.",
    }
    with as_owner(owner_engine) as connection:
        for seq, change in enumerate(changes, start=7):
            connection.exec_driver_sql(f"UPDATE ledger_entry SET {change} WHERE seq = {seq}")
    assert found(place) == [*changes.values()]


def test_a_changed_line_is_found_by_its_hash_its_intent_and_the_root(
    ledger: Ledger, place: Place, owner_engine: Engine
) -> None:
    with as_owner(owner_engine) as connection:
        line = bytes(connection.scalars(text("SELECT line FROM ledger_entry WHERE seq = 7")).one())
        changed = line.replace(b'"stop":0', b'"stop":9')
        assert changed != line
        connection.execute(text("UPDATE ledger_entry SET line = :line WHERE seq = 7"), {"line": changed})
    assert found(place) == [
        "The leaf hash beside entry 7 is not that of its line.",
        "The hash of the intent beside entry 7 is not that of its line.",
        "The entries do not give the root in the head.",
        "The entries do not give the frontier in the head.",
        "The database is not the ledger of which the last checkpoint was signed.",
    ]


def test_a_line_that_took_all_its_columns_along_is_found_by_the_root(
    ledger: Ledger, place: Place, owner_engine: Engine
) -> None:
    with as_owner(owner_engine) as connection:
        connection.exec_driver_sql("UPDATE ledger_entry SET idem = '!' || idem WHERE seq = 7")
        connection.exec_driver_sql(
            "UPDATE ledger_entry SET line = l.line, type = l.type, body_sha256 = l.body_sha256,"
            " leaf_hash = l.leaf_hash, idem = 'export-3-again' FROM (SELECT * FROM ledger_entry WHERE seq = 8) l"
            " WHERE ledger_entry.seq = 7"
        )
    told = found(place)
    assert "The line at entry 7 says that it is entry 8." in told
    assert "The entries do not give the root in the head." in told


def test_every_gap_is_told_with_its_ends(ledger: Ledger, place: Place, owner_engine: Engine) -> None:
    with as_owner(owner_engine) as connection:
        connection.exec_driver_sql("DELETE FROM ledger_entry WHERE seq = 4 OR seq BETWEEN 100 AND 120")
        connection.exec_driver_sql(f"DELETE FROM ledger_entry WHERE seq >= {SIZE - 2}")
    assert found(place) == [
        "Entry 4 is missing.",
        "Entries 100 to 120 are missing.",
        f"Entries {SIZE - 2} to {SIZE - 1} are missing.",
    ]


def test_what_lies_beyond_the_head_is_found(ledger: Ledger, place: Place, owner_engine: Engine) -> None:
    with as_owner(owner_engine) as connection:
        connection.exec_driver_sql(f"UPDATE ledger_head SET size = {SIZE - 5}")
    told = found(place)
    assert f"Entries from {SIZE - 5} on lie beyond the head of the ledger." in told
    assert "The entries do not give the root in the head." in told
    assert "The checkpoint in the head is of another size or root than the head." in told
    assert (
        f"A checkpoint of {SIZE} entries was signed, but the database has {SIZE - 5}:"
        " it was put back to an earlier moment." in told
    )


def test_a_key_that_was_used_twice_is_found_without_the_index(
    ledger: Ledger, place: Place, owner_engine: Engine
) -> None:
    with as_owner(owner_engine) as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql(
                "CREATE TABLE copied AS SELECT * FROM ledger_entry"
            )  # a table without its constraints takes the ledger's place
            connection.exec_driver_sql("UPDATE copied SET idem = 'export-1' WHERE seq = 9")
            connection.exec_driver_sql("DROP TABLE ledger_entry")
            connection.exec_driver_sql("ALTER TABLE copied RENAME TO ledger_entry")
        else:
            name = "uq_ledger_entry_actor_party_actor_client_idem"
            name = connection.scalars(
                text(
                    "SELECT conname FROM pg_constraint WHERE contype = 'u' AND conrelid = 'ledger_entry'::regclass"
                )
            ).one()
            connection.exec_driver_sql(f'ALTER TABLE ledger_entry DROP CONSTRAINT "{name}"')
            connection.exec_driver_sql("UPDATE ledger_entry SET idem = 'export-1' WHERE seq = 9")
    assert found(place) == [
        "The column idem of entry 9 is not what its line says.",
        "Entries 4 and 9 have the same key of the same actor.",
    ]


def test_garbage_in_a_row_is_a_finding_and_never_a_traceback(
    ledger: Ledger, place: Place, owner_engine: Engine
) -> None:
    dice = random.Random(7)
    is_sqlite = owner_engine.dialect.name == "sqlite"
    texts = [b"\xff\xfe\x00", b"", dice.randbytes(40)] if is_sqlite else ["\u20ac\x7f".encode(), b""]
    octets = [b"\xff\xfe\x00", b"", b"[" * 5_000, dice.randbytes(500)]
    columns = {"type": texts, "actor_party": texts, "actor_client": texts, "idem": texts}
    columns |= {"line": octets, "leaf_hash": octets, "body_sha256": octets}
    seq = 7
    with as_owner(owner_engine) as connection:
        unchecked(connection)
        for name, values in columns.items():
            for value in values:
                given = f"x'{value.hex()}'" if is_sqlite else f"'\\x{value.hex()}'"
                if values is texts:
                    given = f"CAST({given} AS TEXT)" if is_sqlite else f"convert_from({given}, 'UTF8')"
                connection.exec_driver_sql(f"UPDATE ledger_entry SET {name} = {given} WHERE seq = {seq}")
                seq += 1
    told = found(place)
    for changed in range(7, seq):
        assert any(f"entry {changed} " in one.lower() for one in told), changed
    assert not any("entry 6 " in one or f"entry {seq} " in one for one in told)


def unchecked(connection: Connection) -> None:
    """The owner takes the checks of the columns away too."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA ignore_check_constraints=ON")
        return
    names = connection.scalars(
        text(
            "SELECT conname FROM pg_constraint WHERE contype IN ('c', 'u')"
            " AND conrelid = 'ledger_entry'::regclass"
        )
    ).all()
    for name in names:
        connection.exec_driver_sql(f'ALTER TABLE ledger_entry DROP CONSTRAINT "{name}"')


# Head, second store, keys


def test_every_column_of_the_head_is_held_to_the_entries(
    ledger: Ledger, place: Place, owner_engine: Engine
) -> None:
    other = "(SELECT leaf_hash FROM ledger_entry WHERE seq = 3)"
    with as_owner(owner_engine) as connection:
        connection.exec_driver_sql(
            f"UPDATE ledger_head SET root = {other}, frontier = {other}, recorded = '2026-03-01T12:30:15Z'"
        )
    assert found(place) == [
        "The entries do not give the root in the head.",
        "The entries do not give the frontier in the head.",
        "The head was not recorded together with the last entry.",
        "The checkpoint in the head is of another size or root than the head.",
    ]
    with as_owner(owner_engine) as connection:
        connection.exec_driver_sql("UPDATE ledger_head SET recorded = 'yesterday', checkpoint = 'nothing'")
    assert found(place)[2:] == [
        "The head was not recorded together with the last entry.",
        "The checkpoint in the head is not signed with the key of this ledger.",
    ]


def test_a_head_that_is_gone_is_found(ledger: Ledger, place: Place, owner_engine: Engine) -> None:
    with as_owner(owner_engine) as connection:
        connection.exec_driver_sql("DELETE FROM ledger_head")
    first, second = found(place)
    assert first == "There are entries, but no head."
    assert f"A checkpoint of {SIZE} entries was signed, but the database has 0" in second


def test_another_key_is_told_of_both_checkpoints(ledger: Ledger, place: Place) -> None:
    assert found(place, signer=Signer(ORIGIN, key(2))) == [
        "The last signed checkpoint that was kept is not signed with the key of this ledger.",
        "The checkpoint in the head is not signed with the key of this ledger.",
    ]


def test_the_second_store_is_held_to_the_ledger(ledger: Ledger, place: Place) -> None:
    store = place.folder / "checkpoint.db"
    with closing(sqlite3.connect(store)) as driver:
        size, root, note = driver.execute("SELECT size, root, note FROM signed_checkpoint").fetchone()
        for change, given, sentence in (
            (
                "note = ?",
                place.signer.sign(SIZE, b"\x00" * 32),
                "The database is not the ledger of which the last checkpoint was signed.",
            ),
            (
                "note = ?",
                place.signer.sign(SIZE + 9, b"\x00" * 32),
                f"A checkpoint of {SIZE + 9} entries was signed, but the database has {SIZE}",
            ),
            (
                "note = ?",
                "nothing",
                "The last signed checkpoint that was kept is not signed with the key of this ledger.",
            ),
            ("size = ?", 5, "The last signed checkpoint that was kept stands beside another size or root."),
        ):
            driver.execute(f"UPDATE signed_checkpoint SET {change}", [given])
            driver.commit()
            assert any(sentence in one for one in found(place))
            driver.execute("UPDATE signed_checkpoint SET size = ?, root = ?, note = ?", [size, root, note])
            driver.commit()
        assert found(place) == []
        driver.execute("DELETE FROM signed_checkpoint")
        driver.commit()
    assert found(place) == ["The file with the last signed checkpoint holds none."]


def test_a_store_that_cannot_be_read_is_found_and_left_as_it_is(ledger: Ledger, place: Place) -> None:
    place.close()
    store = place.folder / "checkpoint.db"
    store.write_bytes(b"no database at all" * 100)
    assert found(place) == ["The file with the last signed checkpoint cannot be read."]
    assert store.read_bytes() == b"no database at all" * 100
    store.unlink()
    assert found(place) == ["The file with the last signed checkpoint is missing."]
    assert not store.exists(), "looking makes nothing"


# Triggers


def test_each_lost_trigger_is_named(ledger: Ledger, place: Place, owner_engine: Engine) -> None:
    with writing(owner_engine) as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("DROP TRIGGER ledger_entry_delete")
            lost = "ledger_entry_delete"
        else:
            connection.exec_driver_sql("DROP TRIGGER ledger_entry_delete_row ON ledger_entry")
            lost = "ledger_entry_delete_row"
    assert found(place) == [f"The trigger {lost}, which keeps the ledger append-only, is missing."]


def test_an_empty_trigger_of_the_same_name_is_found(
    ledger: Ledger, place: Place, owner_engine: Engine
) -> None:
    with writing(owner_engine) as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("DROP TRIGGER ledger_entry_update")
            connection.exec_driver_sql(
                "CREATE TRIGGER ledger_entry_update BEFORE UPDATE ON ledger_entry BEGIN SELECT 1; END"
            )
            connection.exec_driver_sql(
                "CREATE TRIGGER helpful AFTER INSERT ON ledger_entry BEGIN SELECT 1; END"
            )
            changed = "The trigger ledger_entry_update does something else than it should."
        else:
            connection.exec_driver_sql(
                "CREATE OR REPLACE FUNCTION public.ledger_refuse() RETURNS trigger LANGUAGE plpgsql"
                " AS $$ BEGIN RETURN NEW; END $$"
            )
            connection.exec_driver_sql("ALTER TABLE ledger_entry DISABLE TRIGGER ledger_entry_insert")
            connection.exec_driver_sql(
                "CREATE TRIGGER helpful AFTER INSERT ON ledger_entry"
                " FOR EACH ROW EXECUTE FUNCTION public.ledger_refuse()"
            )
            changed = "The function ledger_refuse does something else than it should."
    told = found(place)
    assert changed in told
    assert "A table of the ledger has a trigger that is none of ours." in told
    assert ("The trigger ledger_entry_insert does not fire always." in told) == (
        owner_engine.dialect.name == "postgresql"
    )


# An export


def test_every_file_of_an_export_is_held_to_the_rows(ledger: Ledger, place: Place, exported: Path) -> None:
    whole = {file: file.read_bytes() for file in exported.rglob("*") if file.is_file()}
    assert len(whole) == 8
    for file, data in whole.items():
        name = file.relative_to(exported).as_posix()
        for changed in (data[:-2], data + b"more", bytes([data[0] ^ 1]) + data[1:]):
            file.write_bytes(changed)
            assert len(found(place, folder=exported)) == 1, name
        file.unlink()
        if name != "checkpoint":
            (told,) = found(place, folder=exported)
            assert name in told
        file.write_bytes(data)
    assert found(place, folder=exported) == []


def test_the_first_line_that_differs_is_named(ledger: Ledger, place: Place, exported: Path) -> None:
    file = exported / "export.jsonl"
    file.write_bytes(file.read_bytes().replace(b'"export-200"', b'"export-20O"'))
    assert found(place, folder=exported) == ["export.jsonl says something else from entry 203 on."]


def test_an_export_that_knows_more_than_the_database_is_said(
    ledger: Ledger, place: Place, exported: Path
) -> None:
    (exported / "checkpoint").write_text(place.signer.sign(SIZE + 3, b"\x00" * 32), encoding="utf-8")
    assert found(place, folder=exported)[-1] == (
        f"The export has {SIZE + 3} entries, the database {SIZE}:"
        " the database was put back to an earlier moment."
    )


def test_an_export_of_another_past_is_a_fork(ledger: Ledger, place: Place, exported: Path) -> None:
    (exported / "checkpoint").write_text(place.signer.sign(SIZE, b"\x00" * 32), encoding="utf-8")
    assert found(place, folder=exported) == [
        "The checkpoint of the export is of another ledger under the same key."
    ]


def test_a_gap_does_not_stop_the_rest(
    ledger: Ledger, place: Place, exported: Path, owner_engine: Engine
) -> None:
    with as_owner(owner_engine) as connection:
        connection.exec_driver_sql("DELETE FROM ledger_entry WHERE seq = 150")
        connection.exec_driver_sql("UPDATE ledger_entry SET idem = 'other' WHERE seq = 250")
    assert found(place, folder=exported) == [
        "Entry 150 is missing.",
        "The column idem of entry 250 is not what its line says.",
        "Entries are missing, so the export was not compared to its end.",
    ]


# What cannot be looked at


def test_a_folder_that_is_no_export_cannot_be_looked_at(ledger: Ledger, place: Place, exported: Path) -> None:
    (exported / "checkpoint").unlink()
    for folder in (exported, exported / "nowhere", exported / "key"):
        with pytest.raises(CannotLook):
            found(place, folder=folder)


def test_a_database_without_a_ledger_cannot_be_looked_at(place: Place) -> None:
    with pytest.raises(CannotLook, match="no ledger in this database yet"):
        found(place)


def test_a_file_whose_pages_are_damaged_is_a_finding(tmp_path: Path) -> None:
    file = tmp_path / "main.db"
    with sqlite_place(tmp_path) as place:
        place.create().append_all([(issued(f"export-{number}"), None) for number in range(SIZE)])
        place.engine.dispose()
        with closing(sqlite3.connect(file)) as driver:
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            (page,) = driver.execute(
                "SELECT rootpage FROM sqlite_master WHERE name = 'ledger_entry'"
            ).fetchone()
            (size,) = driver.execute("PRAGMA page_size").fetchone()
        data = bytearray(file.read_bytes())
        data[(page - 1) * size : page * size] = b"\xff" * size
        file.write_bytes(data)
        assert any("The database file itself is damaged" in one for one in found(place))
