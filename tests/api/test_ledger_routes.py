"""The ledger over HTTP: tiles for anybody, entries for auditors, and exports that are taken up again."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from starlette.testclient import TestClient

from api.app import create_app
from api.assembly import assembled, prepare
from api.settings import Settings
from consent_ledger import verify
from consent_ledger.checkpoint import read_note
from consent_ledger.parties import platform_caller
from consent_ledger.tiles import Bundle, Tile, bundles_of, tiles_of
from consent_ledger.tree import leaf_hash, verify_inclusion
from tests.api.asking import AUDITOR, THEATRE, get, position, problem
from tests.story.server import Server, run


def secret(server: Server) -> str:
    return next(str(one["client_secret"]) for one in server.access["clients"] if one["client_id"] == AUDITOR)


# Proofs


def test_an_entry_is_proven_to_be_in_the_checkpoint(server: Server) -> None:
    size = position(server)
    lines = get(server, "/ledger/export.jsonl", AUDITOR).content.splitlines()
    key = get(server, "/ledger/key").text.strip()
    for seq in (0, 1, size // 2, size - 1):
        said = get(server, f"/ledger/proof/{seq}").text
        proof, _, note = said.partition("\n\n")
        kind, index, *hashes = proof.splitlines()
        assert (kind, index) == ("c2sp.org/tlog-proof@v1", f"index {seq}")
        checkpoint = read_note(note, [key])
        path = [base64.b64decode(one) for one in hashes]
        verify_inclusion(leaf_hash(lines[seq]), seq, checkpoint.size, path, checkpoint.root)


def test_the_checkpoint_grows_with_the_ledger_and_keeps_its_key(server: Server) -> None:
    key = get(server, "/ledger/key").text.strip()
    before = read_note(get(server, "/ledger/checkpoint").text, [key])
    get(server, "/ledger/export.jsonl?stop=1", AUDITOR)
    after = read_note(get(server, "/ledger/checkpoint").text, [key])
    assert (after.origin, after.size) == (before.origin, before.size + 1)


@pytest.mark.parametrize("seq", ["999999999", "-1", "x", "1.5", "٣", "9" * 5000])
def test_there_is_no_proof_of_no_entry(server: Server, seq: str) -> None:
    problem(get(server, f"/ledger/proof/{seq}"), 404, "NOT_RECORDED")


def test_the_next_entry_has_no_proof_yet(server: Server) -> None:
    problem(get(server, f"/ledger/proof/{position(server)}"), 404, "NOT_RECORDED")


# Exports


def test_a_range_is_the_same_bytes_as_in_the_whole(server: Server) -> None:
    whole = get(server, "/ledger/export.jsonl", AUDITOR).content
    lines = whole.splitlines(keepends=True)
    assert len(lines) > 500
    for start, stop in (
        (0, 1),
        (5, 7),
        (0, 500),
        (499, 501),
        (500, 501),
        (7, 7),
        (len(lines) - 1, len(lines)),
    ):
        part = get(server, f"/ledger/export.jsonl?start={start}&stop={stop}", AUDITOR)
        assert part.content == b"".join(lines[start:stop])
        assert part.headers["Content-Type"] == "application/jsonl"
    assert get(server, f"/ledger/export.jsonl?start={len(lines) - 2}", AUDITOR).content.startswith(lines[-2])
    assert get(server, "/ledger/export.jsonl?stop=3", AUDITOR).content == b"".join(lines[:3])
    assert get(server, "/ledger/export.jsonl?start=99999999", AUDITOR).content == b""


def test_an_export_is_an_entry_itself_and_says_what_left(server: Server) -> None:
    before = position(server)
    get(server, "/ledger/export.jsonl?start=3&stop=9", AUDITOR)
    assert position(server) == before + 1
    (line,) = get(
        server, f"/ledger/export.jsonl?start={before}&stop={before + 1}", AUDITOR
    ).content.splitlines()
    entry = json.loads(line)
    assert entry["type"] == "export.issued"
    assert (entry["body"]["start"], entry["body"]["stop"]) == (3, 9)
    assert entry["body"]["client"] == AUDITOR


@pytest.mark.parametrize(
    "query",
    [
        "start=a",
        "stop=",
        "start=-1",
        "start=1.5",
        "start=٣",
        "start=7&stop=5",
        "start=1&start=2",
        "stop=" + "9" * 99,
    ],
)
def test_a_range_that_is_none_is_refused_and_nothing_is_recorded(server: Server, query: str) -> None:
    before = position(server)
    problem(get(server, f"/ledger/export.jsonl?{query}", AUDITOR), 400, "BAD_USER_INPUT")
    assert position(server) == before


def test_the_zip_verifies(server: Server, tmp_path: Path) -> None:
    response = get(server, "/ledger/export.zip", AUDITOR)
    assert response.headers["Content-Type"] == "application/zip"
    file = tmp_path / "export.zip"
    file.write_bytes(response.content)
    key = get(server, "/ledger/key").text.strip()
    held = run("ledger", "verify", str(file), "--key", key, data=server.data)
    assert held.returncode == 0, held.stdout + held.stderr
    assert verify.verify(file, key=key).size <= position(server)
    file.write_bytes(response.content[:-100])
    assert run("ledger", "verify", str(file), data=server.data).returncode == 1


@pytest.mark.parametrize(
    "path",
    ["/ledger/export.jsonl", "/ledger/export.zip", "/ledger/tile/entries/000"],
)
def test_entries_are_for_who_may_export(server: Server, path: str) -> None:
    before = position(server)
    missing = get(server, path)
    problem(missing, 401, "UNAUTHENTICATED")
    assert missing.headers["WWW-Authenticate"].startswith("Bearer resource_metadata=")
    assert problem(get(server, path, THEATRE), 403, "ROLE_FORBIDS")["ledgerPosition"] == before
    narrow = requests.post(
        f"{server.base_url}/oauth/token",
        data={"grant_type": "client_credentials", "scope": "ledger:read"},
        auth=(AUDITOR, secret(server)),
        timeout=10,
    ).json()["access_token"]
    headers = {"Authorization": f"Bearer {narrow}"}
    lacking = requests.get(f"{server.base_url}{path}", headers=headers, timeout=10)
    assert problem(lacking, 403, "INSUFFICIENT_SCOPE")["missing"] == ["ledger:export"]
    assert 'error="insufficient_scope", scope="ledger:export"' in lacking.headers["WWW-Authenticate"]
    assert position(server) == before


# Tiles


def merkle(hashes: list[bytes]) -> bytes:
    """RFC 6962, 2.1, as it is written there: nothing of ours."""
    if len(hashes) == 1:
        return hashes[0]
    half = 1
    while half * 2 < len(hashes):
        half *= 2
    return hashlib.sha256(b"\x01" + merkle(hashes[:half]) + merkle(hashes[half:])).digest()


def checkpoint(server: Server) -> tuple[int, bytes]:
    key = get(server, "/ledger/key").text.strip()
    signed = read_note(get(server, "/ledger/checkpoint").text, [key])
    return signed.size, signed.root


def entries_of(server: Server) -> list[bytes]:
    """Who exports twice finds his own first export in the second."""
    return get(server, "/ledger/export.jsonl", AUDITOR).content.splitlines()


def unbundled(data: bytes) -> list[bytes]:
    found = []
    while data:
        length = int.from_bytes(data[:2], "big")
        found.append(data[2 : 2 + length])
        data = data[2 + length :]
    return found


def test_anybody_rebuilds_the_root_from_the_tiles(server: Server) -> None:
    size, root = checkpoint(server)
    assert size > 512
    edge: list[bytes] = []
    for tile in tiles_of(size):
        response = get(server, f"/ledger/{tile.path}")
        assert response.status_code == 200
        assert response.headers["Content-Type"] == "application/octet-stream"
        assert len(response.content) == 32 * tile.width
        if tile.width < 256:
            hashes = [response.content[at : at + 32] for at in range(0, len(response.content), 32)]
            edge = [merkle(hashes + edge)]
    assert edge == [root]


def test_the_entries_of_the_bundles_are_those_of_the_lines_and_the_tiles(server: Server) -> None:
    lines = entries_of(server)
    seen: list[bytes] = []
    for bundle in bundles_of(len(lines)):
        found = unbundled(get(server, f"/ledger/{bundle.path}", AUDITOR).content)
        hashes = get(server, f"/ledger/{Tile(0, bundle.index, bundle.width).path}").content
        assert hashes == b"".join(leaf_hash(leaf) for leaf in found)
        seen += found
    assert seen == lines


def test_a_receipt_holds_the_same_bytes_as_every_export(server: Server) -> None:
    asked = server.access["queries"]["tour"]
    receipt = server.post(asked["client"], asked["query"], asked["variables"]).json()["extensions"]["receipt"]
    seq, leaf = receipt["position"], receipt["entry"].encode()
    (line,) = get(server, f"/ledger/export.jsonl?start={seq}&stop={seq + 1}", AUDITOR).content.splitlines()
    index, place = divmod(seq, 256)
    bundle = get(server, f"/ledger/{Bundle(index, place + 1).path}", AUDITOR)
    with zipfile.ZipFile(io.BytesIO(get(server, "/ledger/export.zip", AUDITOR).content)) as archive:
        zipped = archive.read("export.jsonl").splitlines()[seq]
    assert unbundled(bundle.content)[place] == line == zipped == leaf
    tile = get(server, f"/ledger/{Tile(0, index, place + 1).path}").content
    assert tile[-32:] == hashlib.sha256(b"\x00" + leaf).digest()


def test_a_tile_may_be_kept_for_ever_and_entries_never(server: Server) -> None:
    for path in ("000", "001.p/7"):
        tile = get(server, f"/ledger/tile/0/{path}")
        assert tile.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        entries = get(server, f"/ledger/tile/entries/{path}", AUDITOR)
        assert entries.headers["Cache-Control"] == "no-store"
        for response in (tile, entries):
            assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_a_narrower_tile_stays_when_a_wider_one_is_there(server: Server) -> None:
    whole = get(server, "/ledger/tile/0/000").content
    for width in (1, 100, 255):
        assert get(server, f"/ledger/tile/0/000.p/{width}").content == whole[: 32 * width]


@pytest.mark.parametrize(
    "path",
    [
        *("0/x000/000", "0/0", "00/000", "64/000", "0/000.p/0", "0/000.p/256", "0/000.p/01", "0/", "", "0"),
        *(
            "0/000/",
            "data/000",
            "0/x001",
            "0/-01",
            "0/%D9%A0%D9%A0%D9%A0",
            "0/000%0A",
            "0/" + "x001/" * 2000 + "000",
        ),
        *("0/x999/999", "63/000", "7/000.p/1", "0/999999"),
    ],
)
def test_what_is_no_tile_or_none_yet_is_not_there(server: Server, path: str) -> None:
    problem(get(server, f"/ledger/tile/{path}"), 404, "NOT_RECORDED")


def test_the_next_tile_and_the_next_bundle_are_not_there_yet(server: Server) -> None:
    with_token = get(server, "/ledger/tile/entries/x999/999", AUDITOR)
    problem(with_token, 404, "NOT_RECORDED")
    size, _ = checkpoint(server)
    index, width = divmod(size, 256)
    before = position(server)
    problem(get(server, f"/ledger/{Tile(0, index, width + 1).path}"), 404, "NOT_RECORDED")
    problem(get(server, f"/ledger/{Bundle(index, width + 1).path}", AUDITOR), 404, "NOT_RECORDED")
    problem(get(server, "/ledger/tile/entries/x000/000", AUDITOR), 404, "NOT_RECORDED")
    assert position(server) == before, "nothing left, so nothing is recorded"


def test_a_token_that_reads_bundles_is_told_once(server: Server) -> None:
    token = requests.post(
        f"{server.base_url}/oauth/token",
        data={"grant_type": "client_credentials"},
        auth=(AUDITOR, secret(server)),
        timeout=10,
    ).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    before = position(server)
    for path in ("000", "001", "000.p/9", "001"):
        assert get(server, f"/ledger/tile/entries/{path}", headers=headers).status_code == 200
    assert position(server) == before + 1
    entry = json.loads(entries_of(server)[before])
    assert (entry["type"], entry["body"]["start"], entry["body"]["stop"]) == ("export.issued", 0, 65_536)
    assert token not in json.dumps(entry)


def test_bundles_are_packed_for_who_takes_that(server: Server) -> None:
    plain = get(server, "/ledger/tile/entries/000", AUDITOR, headers={"Accept-Encoding": "identity"})
    for accepted, packed in (
        ("gzip", True),
        ("br;q=1, GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("br", False),
    ):
        response = requests.get(
            f"{server.base_url}/ledger/tile/entries/000",
            headers={"Authorization": f"Bearer {server.token(AUDITOR)}", "Accept-Encoding": accepted},
            timeout=10,
            stream=True,
        )
        assert response.headers.get("Content-Encoding") == ("gzip" if packed else None)
        raw = response.raw.read(decode_content=False)
        assert (gzip.decompress(raw) if packed else raw) == plain.content
        assert response.headers["Vary"] == "Accept-Encoding"


# The checkpoint


def test_a_checkpoint_that_is_still_the_last_is_not_sent_again(server: Server) -> None:
    first = get(server, "/ledger/checkpoint")
    assert first.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert first.headers["Cache-Control"] == "no-cache", "kept, and asked about each time"
    tag = first.headers["ETag"]
    again = get(server, "/ledger/checkpoint", headers={"If-None-Match": f'"other", W/{tag}'})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    get(server, "/ledger/export.jsonl?stop=1", AUDITOR)
    new = get(server, "/ledger/checkpoint", headers={"If-None-Match": tag})
    assert new.status_code == 200
    assert new.headers["ETag"] != tag


# HEAD, and taking up again


@pytest.mark.parametrize(
    "path",
    ["/ledger/export.jsonl?start=3&stop=9", "/ledger/export.zip?size=300", "/ledger/tile/entries/000.p/3"],
)
def test_head_tells_the_headers_and_records_nothing(server: Server, path: str) -> None:
    before = position(server)
    headers = {"Accept-Encoding": "identity"}
    asked = get(server, path, AUDITOR, "HEAD", headers)
    assert (asked.status_code, asked.content) == (200, b"")
    assert position(server) == before
    problem(get(server, path), 401, "UNAUTHENTICATED")
    assert get(server, path, method="HEAD").status_code == 401
    got = get(server, path, AUDITOR, headers=headers)
    length = got.headers.get("Content-Length")
    assert asked.headers.get("Content-Length", length) == length
    may_lack = {"content-length", "transfer-encoding"} if "export" in path else set()
    for name, value in got.headers.items():
        if name.lower() not in {"date", "x-request-id", *may_lack}:
            assert asked.headers[name] == value


def test_lines_are_taken_up_again_by_counting_them(server: Server) -> None:
    whole = get(server, "/ledger/export.jsonl", AUDITOR)
    start, _, stop = whole.headers["Content-Location"].partition("?start=")[2].partition("&stop=")
    assert (int(start), int(stop)) == (0, whole.content.count(b"\n"))
    assert whole.headers["Accept-Ranges"] == "none"
    broken = whole.content[: len(whole.content) // 2]
    held = broken[: broken.rindex(b"\n") + 1]
    counted = held.count(b"\n")
    rest = get(server, f"/ledger/export.jsonl?start={counted}&stop={stop}", AUDITOR)
    assert held + rest.content == whole.content


def test_a_zip_is_taken_up_again_where_it_broke_off(server: Server) -> None:
    whole = get(server, "/ledger/export.zip", AUDITOR)
    place, tag = whole.headers["Content-Location"], whole.headers["ETag"]
    size = int(place.partition("?size=")[2])
    length = len(whole.content)
    assert int(whole.headers["Content-Length"]) == length
    for asked, start, stop in (
        (f"bytes={length // 2}-", length // 2, length),
        ("bytes=0-9", 0, 10),
        (f"bytes=5-{length + 99}", 5, length),
        ("bytes=-7", length - 7, length),
    ):
        part = get(server, place, AUDITOR, headers={"Range": asked, "If-Range": tag})
        assert part.status_code == 206
        assert part.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{length}"
        assert part.headers["ETag"] == tag
        assert part.content == whole.content[start:stop]
    with zipfile.ZipFile(io.BytesIO(whole.content)) as archive:
        assert archive.read("export.jsonl").count(b"\n") == size
        assert archive.read("tile/0/000") == get(server, "/ledger/tile/0/000").content


def test_all_is_sent_when_the_range_is_none_or_of_another_file(server: Server) -> None:
    place = "/ledger/export.zip?size=300"
    whole = get(server, place, AUDITOR).content
    for headers in (
        {"Range": "bytes=1-2, 4-5"},
        {"Range": "bytes=-"},
        {"Range": "bytes=9-5"},
        {"Range": "lines=1-2"},
        {"Range": "bytes=" + "9" * 400 + "-"},
        {"Range": "bytes=1-2", "If-Range": '"another"'},
    ):
        response = get(server, place, AUDITOR, headers=headers)
        assert (response.status_code, response.content) == (200, whole)
    newest = get(server, "/ledger/export.zip", AUDITOR, headers={"Range": "bytes=1-2"})
    assert newest.status_code == 200, "the newest grows: parts of two would be mixed"
    beyond = get(server, place, AUDITOR, headers={"Range": f"bytes={len(whole)}-"})
    problem(beyond, 416, "RANGE_REFUSED")
    assert beyond.headers["Content-Range"] == f"bytes */{len(whole)}"


class Witnessed:
    """One witness, which signed whatever it is asked about."""

    def __init__(self, signature: str) -> None:
        self._signature = signature

    def with_cosignatures(self, _: object, note: str) -> str:
        return note + self._signature


def test_a_zip_carries_what_witnesses_signed_of_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings.read({"CULTUURINZICHT_DATA_DIR": str(tmp_path / "var")})
    prepare(settings)
    blob = base64.b64encode(b"witn" + bytes(72)).decode()
    cosigned = Witnessed(f"\u2014 witness.example {blob}\n")
    with assembled(settings, create="sandbox") as parts:
        monkeypatch.setattr(type(parts.oauth), "credential", lambda *_: platform_caller())
        client = TestClient(create_app(parts))
        plain = client.get("/ledger/export.zip?size=1")
        client = TestClient(create_app(replace(parts, witnessing=cosigned)))  # type: ignore[arg-type]
        more = client.get(
            "/ledger/export.zip?size=1", headers={"Range": "bytes=1-", "If-Range": plain.headers["etag"]}
        )
    assert (plain.status_code, more.status_code) == (200, 200), "another zip: no part of the first"
    notes = []
    for answer in (plain, more):
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            notes.append(archive.read("checkpoint").decode())
    assert notes[1] == notes[0] + f"\u2014 witness.example {blob}\n"
    file = tmp_path / "export.zip"
    file.write_bytes(more.content)
    assert verify.verify(file).size == 1


@pytest.mark.parametrize("size", ["0", "99999999"])
def test_a_zip_of_a_size_that_never_was_is_not_there(server: Server, size: str) -> None:
    before = position(server)
    problem(get(server, f"/ledger/export.zip?size={size}", AUDITOR), 404, "NOT_RECORDED")
    problem(get(server, "/ledger/export.zip?size=x", AUDITOR), 400, "BAD_USER_INPUT")
    assert position(server) == before


def test_an_export_ends_where_it_was_pinned(server: Server) -> None:
    before = position(server)
    assert len(get(server, "/ledger/export.jsonl?stop=99999999", AUDITOR).content.splitlines()) == before
    assert get(server, f"/ledger/export.jsonl?start={before + 50}", AUDITOR).content == b""
