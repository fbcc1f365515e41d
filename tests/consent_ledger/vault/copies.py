"""What somebody with a copy of the vault and the whole key folder could do: try everything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Engine, MetaData, select

from consent_ledger.database import reading
from consent_ledger.keyring import Keyring
from consent_ledger.vault import VaultRefused, metadata, sealing

Copy = dict[str, list[dict[str, object]]]


def copy_of(engine: Engine, tables: MetaData = metadata) -> Copy:
    """Every value of every table: a backup, as far as it can be read back."""
    with reading(engine) as connection:
        return {
            table.name: [dict(row) for row in connection.execute(select(table)).mappings()]
            for table in tables.sorted_tables
        }


def files_of(engine: Engine) -> bytes:
    """All bytes of a SQLite database, its log and its index."""
    path = Path(engine.url.database or "")
    return b"".join(file.read_bytes() for file in sorted(path.parent.glob(path.name + "*")))


def values(copy: Copy) -> set[object]:
    """Every value that stands somewhere, blobs in hexadecimal too."""
    found: set[object] = set()
    for rows in copy.values():
        for row in rows:
            for value in row.values():
                found.add(value.hex() if isinstance(value, bytes) else value)
    return found


def epochs_of(folder: Path) -> dict[int, bytes]:
    """The keys of epochs that stand in the key folder."""
    return {int(path.stem.rpartition("-")[2]): path.read_bytes() for path in folder.glob("vault-epoch-*.key")}


def fits(folder: Path, controllers: Iterable[str], identifiers: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each identifier with every value that the whole key folder can make of it."""
    keyring = Keyring.open(folder)
    lookups = {each: sealing.lookup_key(keyring.secret("vault"), each) for each in controllers}
    ciphers = [sealing.lookup_cipher(key) for key in epochs_of(folder).values()]
    stop = sealing.stop_key(keyring.secret("stop"))
    for identifier in identifiers:
        yield identifier, identifier
        yield identifier, sha256(sealing.normalise(identifier)).hexdigest()
        yield identifier, sealing.stop(stop, identifier)
        for controller, key in lookups.items():
            plain = sealing.lookup(key, identifier)
            yield identifier, plain
            for cipher in ciphers:
                yield identifier, cipher.encrypt(bytes.fromhex(plain), [controller.encode()]).hex()


def found(copy: Copy, folder: Path, controllers: Iterable[str], identifiers: Iterable[str]) -> set[str]:
    """Those identifiers of which a trace stands somewhere in the copy."""
    stored = values(copy)
    return {identifier for identifier, value in fits(folder, controllers, identifiers) if value in stored}


def opened(copy: Copy, folder: Path) -> set[tuple[str, str]]:
    """The persons one of whose keys opens with some key of the folder: reference, and which key."""
    keys = {epoch: AESGCM(key) for epoch, key in epochs_of(folder).items()}
    persons = set()
    for row in copy["vault_person"]:
        for kind in ("data", "evidence"):
            for epoch, key in keys.items():
                bound = f"cultuurinzicht/key/1\0{row['controller']}\0{row['ref']}\0{kind}\0{epoch}".encode()
                sealed = row[f"{kind}_key"]
                try:
                    if isinstance(sealed, bytes) and sealing.unseal(key, sealed, bound):
                        persons.add((str(row["ref"]), kind))
                except VaultRefused:
                    pass
    return persons
