"""The key over all keys changes, and what lay under the old one alone is gone: from every copy too."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select, update

from consent_ledger.database import Login, open_engine, reading, writing
from consent_ledger.keyring import Keyring
from consent_ledger.vault import Vault, VaultRefused, epochs, sealing
from consent_ledger.vault.tables import vault_key, vault_person
from consent_ledger.vocabulary import PartyId, PersonRef
from tests.conftest import Database
from tests.consent_ledger.vault.copies import copy_of, found, opened

THEA = PartyId("thea")
MAIL = "ada.de.vries@voorbeeld.example"
PROOF = {"act": "granted"}


def addresses(number: int) -> list[str]:
    return [f"{each}@voorbeeld.example" for each in range(number)]


def lying(engine: Engine) -> dict[int, int]:
    """How many persons lie in which epoch."""
    with reading(engine) as connection:
        query = select(vault_person.c.epoch, func.count().label("number")).group_by(vault_person.c.epoch)
        return {row.epoch: row.number for row in connection.execute(query)}


def test_everybody_is_found_and_opened_in_the_new_epoch(
    vault: Vault, vault_engine: Engine, keyring: Keyring
) -> None:
    refs = vault.persons(THEA, addresses(1_200), under="import")
    commitment = vault.commit(THEA, refs[7], under="said", payload=PROOF, attributes={"channel": "web"})
    vault.settle("import")
    assert vault.rotate() == 2
    assert vault.epochs() == [2, 1]
    assert lying(vault_engine) == {2: 1_200}
    assert vault.destroy_epoch(1)
    assert not vault.destroy_epoch(1)
    for each in (vault, Vault.open(vault_engine, Keyring.open(keyring._folder))):
        assert each.epochs() == [2]
        assert each.persons(THEA, addresses(1_200), under="again") == refs
        opening = each.opening("said")
        assert Vault.opens(commitment, opening.payload, opening.opening)
        assert each.attributes(THEA, "said") == {"channel": "web"}
        assert each.commit(THEA, refs[7], under="said", payload=PROOF) == commitment
    assert not (keyring._folder / "vault-epoch-1.key").exists()


def test_evidence_of_the_erased_moves_on_and_their_lookup_stays_nobodys(vault: Vault) -> None:
    [ref] = vault.persons(THEA, [MAIL], under="import")
    commitment = vault.commit(THEA, ref, under="said", payload=PROOF)
    vault.erase(THEA, ref, request_sha256="00" * 32, evidence_until=date(2031, 1, 1))
    vault.rotate()
    vault.destroy_epoch(1)
    opening = vault.opening("said")
    assert Vault.opens(commitment, opening.payload, opening.opening)
    assert vault.find(THEA, MAIL) is None


def test_a_copy_of_before_opens_for_nobody_once_the_epoch_is_destroyed(
    vault: Vault, vault_engine: Engine, keyring: Keyring
) -> None:
    """Also what PostgreSQL keeps in dead rows and in its log: the same values."""
    refs = vault.persons(THEA, [MAIL, "b@x.example"], under="import")
    vault.settle("import")
    backup = copy_of(vault_engine)
    vault.erase(THEA, refs[0], request_sha256="00" * 32)
    everything = [MAIL, "b@x.example", *addresses(200)]

    both = {(ref, kind) for ref in refs for kind in ("data", "evidence")}
    assert opened(backup, keyring._folder) == both
    assert found(backup, keyring._folder, [THEA], everything) == {MAIL, "b@x.example"}
    vault.rotate()
    assert opened(backup, keyring._folder) == both, "not before the old key is destroyed"
    vault.destroy_epoch(1)
    assert opened(backup, keyring._folder) == set()
    assert found(backup, keyring._folder, [THEA], everything) == set()
    now = copy_of(vault_engine)
    assert opened(now, keyring._folder) == {(refs[1], kind) for kind in ("data", "evidence")}
    assert found(now, keyring._folder, [THEA], everything) == {"b@x.example"}


def test_a_file_that_is_put_back_from_before_is_refused(
    database: Database,
    vault: Vault,
    vault_engine: Engine,
    keyring: Keyring,
    tmp_path: Path,
    engines: ExitStack,
) -> None:
    if database.kind != "sqlite":
        return
    vault.persons(THEA, [MAIL], under="import")
    for file in Path(vault_engine.url.database or "").parent.glob("vault.db*"):
        shutil.copy(file, tmp_path / file.name)
    copied = open_engine(f"sqlite:///{tmp_path / 'vault.db'}", Login.VAULT)
    engines.callback(copied.dispose)
    assert Vault.open(copied, keyring).find(THEA, MAIL) is not None
    vault.rotate()
    vault.destroy_epoch(1)
    with pytest.raises(VaultRefused) as caught:
        Vault.open(copied, keyring)
    assert caught.value.code == "KEYRING_FOREIGN"
    assert not (keyring._folder / "vault-epoch-1.key").exists(), "a destroyed key is not made again"


def test_rotating_waits_for_who_writes_and_stands_in_no_deadlock(
    database: Database, vault: Vault, vault_engine: Engine
) -> None:
    refs = vault.persons(THEA, addresses(30), under="import")
    rotated: list[int] = []
    thread = threading.Thread(target=lambda: rotated.append(vault.rotate()))
    first, last = min(refs), max(refs)
    with writing(vault_engine) as connection:
        held = update(vault_person).values(made=None)
        connection.execute(held.where(vault_person.c.ref == last))
        thread.start()
        time.sleep(0.2)
        if database.kind == "postgresql":
            assert lying(vault_engine) == {1: 1, 2: 29}
        connection.execute(held.where(vault_person.c.ref == first))
    thread.join()
    assert rotated == [2]
    assert lying(vault_engine) == {2: 30}
    assert vault.persons(THEA, addresses(30), under="again") == refs


def test_an_epoch_in_use_is_not_destroyed(vault: Vault, vault_engine: Engine) -> None:
    vault.persons(THEA, [MAIL], under="import")
    for epoch in (0, 1, 2):
        with pytest.raises(VaultRefused) as caught:
            vault.destroy_epoch(epoch)
        assert caught.value.code == "EPOCH_PRESENT"
    vault.rotate()
    with writing(vault_engine) as connection:
        connection.execute(update(vault_person).values(epoch=1))
    with pytest.raises(VaultRefused) as caught:
        vault.destroy_epoch(1)
    assert caught.value.code == "EPOCH_USED"


def test_a_crash_in_the_middle_is_gone_on_from(
    vault: Vault, vault_engine: Engine, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    refs = vault.persons(THEA, addresses(100), under="import")
    moving = Vault._move_on

    def die(self: Vault, epoch: int, after: tuple[str, str]) -> tuple[str, str] | None:
        if after > ("", ""):
            raise ConnectionError
        return moving(self, epoch, after)

    with monkeypatch.context() as patch:
        patch.setattr(epochs, "_AT_ONCE", 40)
        patch.setattr(Vault, "_move_on", die)
        with pytest.raises(ConnectionError):
            vault.rotate()
    assert lying(vault_engine) == {1: 60, 2: 40}
    again = Vault.open(vault_engine, Keyring.open(keyring._folder))
    assert again.persons(THEA, addresses(101), under="later")[:100] == refs, "found in both, made once"
    assert again.rotate() == 3
    assert lying(vault_engine) == {3: 101}
    assert [again.destroy_epoch(epoch) for epoch in (1, 2)] == [True, True]
    assert again.persons(THEA, addresses(100), under="last") == refs


def test_a_crash_between_forgetting_and_destroying_an_epoch_is_gone_on_from(
    vault: Vault, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.rotate()

    def die(*_: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(Keyring, "destroy", die)
        with pytest.raises(ConnectionError):
            vault.destroy_epoch(1)
    assert vault.epochs() == [2]
    assert (keyring._folder / "vault-epoch-1.key").exists()
    assert vault.destroy_epoch(1)
    assert not (keyring._folder / "vault-epoch-1.key").exists()


def test_lookups_of_a_vault_that_did_not_seal_them_are_sealed_with_the_next_epoch(
    vault: Vault, vault_engine: Engine, keyring: Keyring
) -> None:
    [ref] = vault.persons(THEA, [MAIL], under="import")
    plain = sealing.lookup(sealing.lookup_key(keyring.secret("vault"), THEA), MAIL)
    with writing(vault_engine) as connection:  # as the first version wrote it
        connection.execute(update(vault_key).values(lookups_sealed=False))
        connection.execute(update(vault_person).values(lookup=plain))
    old = Vault.open(vault_engine, keyring)
    assert old.find(THEA, MAIL) == ref
    old.rotate()
    old.destroy_epoch(1)
    assert old.find(THEA, MAIL) == ref
    with reading(vault_engine) as connection:
        assert len(connection.scalar(select(vault_person.c.lookup)) or "") == 96


@pytest.mark.parametrize(
    ("today", "final"),
    [
        (date(2026, 11, 22), date(2026, 12, 8)),
        (date(2026, 12, 1), date(2027, 1, 8)),
        (date(2027, 1, 31), date(2027, 2, 8)),
    ],
)
def test_an_erasure_says_by_which_day_it_is_final_in_copies_too(
    vault: Vault, today: date, final: date
) -> None:
    assert vault.effective_by(today) == final


def test_the_key_changes_beside_processes_that_go_on(
    database: Database, vault: Vault, keyring: Keyring, engines: ExitStack
) -> None:
    """Each thread has engine and keyring of its own, as processes have."""
    wanted = addresses(300)
    refs = dict(zip(wanted, vault.persons(THEA, wanted, under="import"), strict=True))
    results: dict[str, set[PersonRef]] = {}
    lock = threading.Lock()
    failed: list[BaseException] = []
    stop = threading.Event()

    def serve(number: int, each: Vault) -> None:
        turn = 0
        try:
            while not stop.is_set():
                turn += 1
                asked = [wanted[turn % 300], f"new{turn}@x.example", f"new{turn + 1}@x.example"]
                made = each.persons(THEA, asked, under=f"import{number}-{turn}")
                said = each.commit(THEA, made[0], under=f"said{number}-{turn}", payload=PROOF)
                opening = each.opening(f"said{number}-{turn}")
                assert Vault.opens(said, opening.payload, opening.opening)
                with lock:
                    for identifier, ref in zip(asked, made, strict=True):
                        results.setdefault(identifier, set()).add(ref)
        except BaseException as error:
            failed.append(error)

    threads = []
    for number in range(3):
        engine = open_engine(database.vault_url, Login.VAULT)
        engines.callback(engine.dispose)
        running = Vault.open(engine, Keyring.open(keyring._folder))
        threads.append(threading.Thread(target=serve, args=(number, running)))
    for thread in threads:
        thread.start()
    for _ in range(4):
        epoch = vault.rotate()
        for old in range(1, epoch):
            vault.destroy_epoch(old)
        time.sleep(0.1)
    stop.set()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(results) > 20
    assert [identifier for identifier, found in results.items() if len(found) != 1] == []
    assert all(results[identifier] == {refs[identifier]} for identifier in wanted if identifier in results)
    assert vault.epochs() == [5]


_ROTATE = """
import sys
from consent_ledger.database import Login, open_engine
from consent_ledger.keyring import Keyring
from consent_ledger.vault import Vault, epochs
epochs._AT_ONCE = 20
vault = Vault.open(open_engine(sys.argv[1], Login.VAULT), Keyring.open(sys.argv[2]))
while True:
    epoch = vault.rotate()
    for old in range(1, epoch):
        vault.destroy_epoch(old)
    print(epoch, flush=True)
"""


def test_kill_9_while_the_key_changes_loses_nobody(
    database: Database, vault: Vault, vault_engine: Engine, keyring: Keyring
) -> None:
    refs = vault.persons(THEA, addresses(200), under="import")
    url = vault_engine.url.render_as_string(hide_password=False)
    for number in range(2):
        with subprocess.Popen(
            [sys.executable, "-c", _ROTATE, url, str(keyring._folder)], stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline()
            time.sleep(0.013 * number)
            process.send_signal(signal.SIGKILL)
        again = Vault.open(vault_engine, Keyring.open(keyring._folder))
        assert again.persons(THEA, addresses(200), under="again") == refs
    epoch = vault.rotate()
    for old in range(1, epoch):
        vault.destroy_epoch(old)
    assert lying(vault_engine) == {epoch: 200}
    assert [file.name for file in keyring._folder.glob("vault-epoch-*")] == [f"vault-epoch-{epoch}.key"]
    assert vault.persons(THEA, addresses(200), under="last") == refs
