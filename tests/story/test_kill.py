"""
kill -9 while visitors are being recorded: what was acknowledged is there, once, and nothing is half.

The server's process is killed in the middle of many requests at once, and started again on the same
folder, as after a power cut.
"""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import select

from api.assembly import assembled
from api.settings import Settings
from consent_ledger.database import reading
from consent_ledger.standing import standing
from consent_ledger.vault.sealing import opens
from seeds.institutions import RECORDED_HOUSE
from tests.story.server import Server, run, served

THEATRE, AUDITOR = "vrijenoot-app", "toetssteen-app"
VISITORS, KILLED_AFTER = 90, 30

FIGURES = """{ audience { ... on Audience {
  bookers { ... on Count { value } } tickets { ... on Count { value } } spend { ... on Amount { value } } } } }"""
OBJECT = """mutation Object($input: RecordConsentInput!) { recordConsent(input: $input) {
  ... on ConsentRecorded { receipt { position entry } } } }"""


def visitors() -> list[str]:
    """Invented visitors of the recorded season who paid for a place, each once."""
    with Path("seeds/data/pretix_vrijenoot/orderlist_positions.csv").open(encoding="utf-8") as file:
        paid = [row["E-mail"].lower() for row in csv.DictReader(file) if row["Status"] == "betaald"]
    found = sorted({email for email in paid if email})[:VISITORS]
    assert len(found) == VISITORS
    return found


def figures(server: Server) -> tuple[int, int, Decimal]:
    audience = server.ask(THEATRE, FIGURES)["data"]["audience"]
    return audience["bookers"]["value"], audience["tickets"]["value"], Decimal(audience["spend"]["value"])


def object_(server: Server, visitor: str) -> dict[str, Any]:
    """The visitor objects; returns position and entry, as acknowledged."""
    given = {
        "idempotencyKey": hashlib.sha256(visitor.encode()).hexdigest(),
        "email": visitor,
        "purpose": "OWN_INSIGHT",
        "act": "OBJECTED",
    }
    receipt: dict[str, Any] = server.ask(THEATRE, OBJECT, {"input": given})["data"]["recordConsent"][
        "receipt"
    ]
    return receipt


def killed_in_the_middle(server: Server, wanted: list[str]) -> dict[str, dict[str, Any]]:
    """What was acknowledged before the process died, by visitor."""
    acknowledged: dict[str, dict[str, Any]] = {}
    enough = threading.Event()

    def one(visitor: str) -> None:
        try:
            acknowledged[visitor] = object_(server, visitor)
        except requests.RequestException:
            return  # never answered: it may be recorded or not
        if len(acknowledged) >= KILLED_AFTER:
            enough.set()

    server.token(THEATRE)
    with ThreadPoolExecutor(12) as pool:
        for visitor in wanted:
            pool.submit(one, visitor)
        assert enough.wait(60)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait(10)
    return acknowledged


def objections(server: Server, start: int) -> dict[int, str]:
    """Lines of the ledger with an objection, from `start`, by position."""
    response = requests.get(
        f"{server.base_url}/ledger/export.jsonl?start={start}",
        headers={"Authorization": f"Bearer {server.token(AUDITOR)}"},
        timeout=30,
    )
    lines = enumerate(response.text.splitlines(), start)
    return {seq: line for seq, line in lines if json.loads(line)["type"] == "consent.objected"}


def test_what_was_acknowledged_survives_kill_9_and_nothing_is_half(planted: Path, tmp_path: Path) -> None:
    data = tmp_path / "var"
    shutil.copytree(planted, data)
    wanted = visitors()
    with served(data) as server:
        before = figures(server)
        begun: int = requests.get(f"{server.base_url}/readyz", timeout=10).json()["position"]
        acknowledged = killed_in_the_middle(server, wanted)
    assert KILLED_AFTER <= len(acknowledged) < VISITORS, "killed neither before nor after"

    with served(data) as server:
        found = objections(server, begun)
        for receipt in acknowledged.values():
            assert found[receipt["position"]] == receipt["entry"]
        keys = [json.loads(line)["idem"] for line in found.values()]
        assert len(set(keys)) == len(keys), "nothing is doubled"
        assert len(acknowledged) <= len(found) <= len(acknowledged) + 12, "at most what was under way"
        after = figures(server)
        assert after == (before[0] - len(found), *before[1:]), "each entry counts, and nothing without one"

        # Everybody asks again with the same key: what stood gives its first receipt, the rest is recorded.
        again = {visitor: object_(server, visitor) for visitor in wanted}
        assert all(again[visitor] == receipt for visitor, receipt in acknowledged.items())
        assert len(objections(server, begun)) == len({one["position"] for one in again.values()}) == VISITORS
        assert figures(server) == (before[0] - VISITORS, *before[1:])
        folder = tmp_path / "export"
        beside = run("ledger", "export", str(folder), data=data)
        assert (beside.returncode, "writes this ledger already" in beside.stderr) == (1, True)

    assert run("ledger", "export", str(folder), data=data).returncode == 0
    held = run("ledger", "verify", str(folder), data=data)
    assert held.returncode == 0, held.stdout

    # Ledger, standing and vault say the same of each.
    with (
        assembled(Settings.read({"CULTUURINZICHT_DATA_DIR": str(data)})) as parts,
        reading(parts.house.engine) as connection,
    ):
        for receipt in again.values():
            entry = json.loads(receipt["entry"])
            opening = parts.house.vault.opening(entry["idem"])
            assert opens(entry["body"]["commitment"], opening.payload, opening.opening)
            rows = connection.execute(
                select(standing).where(standing.c.position == receipt["position"])
            ).all()
            (row,) = rows
            assert (row.controller, row.person) == (RECORDED_HOUSE, opening.person)
            assert (row.purpose, row.act) == ("own_insight", "objected")
