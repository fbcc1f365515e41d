"""
Strict freshness, raced: what was acknowledged before a read began, the read knows.

Three processes on PostgreSQL, threads of the one process on SQLite; in each somebody changes things while
others read. Every read is held to every acknowledgement of every process. `make test-long` runs more
than a hundred thousand operations.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from consent_ledger.agreements import accept, new_id, propose
from consent_ledger.database import reading
from consent_ledger.log import Ledger
from consent_ledger.vocabulary import AgreementId, Assurance
from tests.conftest import Database
from tests.freshness.racing import Job, Racer, Saw, Told, Verdict, cached, judged, read_results
from tests.postgresql import PostgreSQL
from tests.resolvers.scene import BUREAU, LAKESIDE, OPERATOR, Scene, open_scene, research

PROCESSES = 3


def agreed(scene: Scene, number: int) -> list[AgreementId]:
    """So many agreements between the bureau and Lakeside, which both accepted."""
    append, names = scene.house.ledger.append_all, [new_id(f"race {one}") for one in range(number)]
    append(
        [
            (
                propose(research(), agreement=name, proposer=BUREAU, actor=OPERATOR, idem=f"propose-{name}"),
                None,
            )
            for name in names
        ]
    )
    with reading(scene.house.engine) as connection:
        snapshot = scene.house.ledger.pin(connection)
        known = [snapshot.state.agreements[name] for name in names]
        snapshot.end()
    for party in (BUREAU, LAKESIDE):
        append(
            [
                (
                    accept(
                        one,
                        party,
                        actor=OPERATOR,
                        idem=f"{party}-{one.id}",
                        assurance=Assurance.OPERATOR_ATTESTED,
                    ),
                    None,
                )
                for one in known
            ]
        )
    return names


@pytest.fixture
def several(postgresql: PostgreSQL, tmp_path: Path) -> Iterator[Scene]:
    """A house on PostgreSQL, for several processes."""
    name = postgresql.migrated()
    opened = open_scene(Database("postgresql", *postgresql.urls(name)), tmp_path / "beside")
    opened.stock()
    yield opened
    opened.close()
    postgresql.drop(name)


@pytest.fixture
def alone(sqlite_template: Path, tmp_path: Path) -> Iterator[Scene]:
    """A house on SQLite, where one process does everything."""
    folder = tmp_path / "database"
    shutil.copytree(sqlite_template, folder)
    main, vault = f"sqlite:///{folder}/main.db", f"sqlite:///{folder}/vault.db"
    opened = open_scene(Database("sqlite", main, vault, main, main), tmp_path / "alone")
    opened.stock()
    yield opened
    opened.close()


def raced_in_processes(
    scene: Scene,
    folder: Path,
    reads: int,
    *,
    pause: float = 0.0,
    persons: int = 2,
    ends: int = 10,
    breath: float = 0.0,
    wrong: bool = False,
) -> Verdict:
    """Race in three processes of their own, begun together; `reads` altogether."""
    names = agreed(scene, ends * PROCESSES)
    lasting = scene.attested(research(), BUREAU, BUREAU, LAKESIDE)
    jobs = [
        Job(
            url=scene.database.app_url,
            store=str(scene.folder / "checkpoint.db"),
            origin=scene.signer.origin,
            key=scene.signer._key.private_bytes_raw().hex(),
            lasting=lasting,
            agreements=names,
            own=names[number::PROCESSES],
            reads=reads // PROCESSES,
            pause=pause,
            persons=persons,
            breath=breath,
            result=str(folder / f"{number}.json"),
            cached=wrong,
        )
        for number in range(PROCESSES)
    ]
    children = [begun(job, folder / f"job-{number}.json") for number, job in enumerate(jobs)]
    try:
        for child in children:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
        for child in children:
            assert child.stdin is not None
            child.stdin.write("\n")
            child.stdin.flush()
        for child in children:
            assert child.wait(timeout=300) == 0
    finally:
        for child in children:
            if child.poll() is None:
                child.kill()
            child.communicate()
    return judged(*read_results(Path(job.result) for job in jobs))


def begun(job: Job, path: Path) -> subprocess.Popen[str]:
    path.write_text(json.dumps(asdict(job)))
    return subprocess.Popen(
        [sys.executable, "-m", "tests.freshness.racing", str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def raced_in_threads(
    scene: Scene, reads: int, *, pause: float = 0.0, persons: int = 2, wrong: bool = False
) -> Verdict:
    """Race in threads of this process."""
    names = agreed(scene, 20)
    lasting = scene.attested(research(), BUREAU, BUREAU, LAKESIDE)
    ledger: Ledger = scene.house.ledger
    if wrong:
        cached(ledger)
    racer = Racer(ledger, scene.house.engine, lasting, names, names, pause, persons)
    racer.run(reads)
    return judged(racer.told, racer.saw)


def fresh(verdict: Verdict) -> None:
    assert verdict.stale == ()
    assert verdict.wrong == ()
    assert verdict.raced > verdict.operations // 200, "hardly a read came close to a change"


def test_no_read_in_three_processes_misses_what_any_of_them_acknowledged(
    several: Scene, tmp_path: Path
) -> None:
    fresh(raced_in_processes(several, tmp_path, 900, breath=0.002))


def test_no_read_in_threads_misses_what_any_of_them_acknowledged(alone: Scene) -> None:
    fresh(raced_in_threads(alone, 600))


def test_five_milliseconds_of_cache_are_caught(several: Scene, alone: Scene, tmp_path: Path) -> None:
    for verdict in (
        raced_in_processes(several, tmp_path, 1_500, persons=16, breath=0.002, wrong=True),
        raced_in_threads(alone, 900, persons=16, wrong=True),
    ):
        assert verdict.stale
        assert verdict.operations < 2_000, verdict


def test_the_judge_finds_what_is_stale_and_what_is_wrong() -> None:
    told = [Told("a", "withdrawn", 5, 100), Told("a", "granted", 6, 200)]
    kept, late, untrue = (
        Saw("a", "withdrawn", 6, 150),
        Saw("a", "withdrawn", 6, 201),
        Saw("a", "granted", 6, 150),
    )
    assert judged(told, [kept, Saw("a", "granted", 7, 150), Saw("a", None, 5, 99)]) == Verdict(5, (), (), 2)
    assert judged(told, [late]).stale == (late,)
    assert judged(told, [untrue]).wrong == (untrue,)


@pytest.mark.long
def test_a_hundred_thousand_operations_and_none_is_stale(
    several: Scene, alone: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    processes = raced_in_processes(several, tmp_path, 45_000, pause=0.01, persons=16, ends=60)
    threads = raced_in_threads(alone, 60_000, pause=0.01, persons=16)
    with capsys.disabled():
        print(f"\n{PROCESSES} processes on PostgreSQL: {processes}\nthreads on SQLite: {threads}")
        print(f"in {time.monotonic() - began:.0f} s")
    fresh(processes)
    fresh(threads)
    assert processes.operations + threads.operations >= 100_000
