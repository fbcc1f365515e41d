"""A whole export, in numbered steps."""

from __future__ import annotations

import http.client
import lzma
import struct
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

from consent_ledger.verify import tiles
from consent_ledger.verify.fold import Fold
from consent_ledger.verify.line import read
from consent_ledger.verify.note import Checkpoint, Key, read_checkpoint, read_key
from consent_ledger.verify.policy import Policy
from consent_ledger.verify.proof import Trust
from consent_ledger.verify.refused import Refused, Unknown
from consent_ledger.verify.report import Report
from consent_ledger.verify.source import (
    CHECKPOINT,
    EXPORT,
    KEY,
    Folder,
    Source,
    Zip,
    fetch,
    is_address,
    lines,
    small,
)
from consent_ledger.verify.tree import Frontier

UNREADABLE = (
    *(OSError, EOFError, RuntimeError, ValueError, OverflowError, KeyError, struct.error),
    *(zlib.error, lzma.LZMAError, http.client.HTTPException),
)
"""What files, zips and servers raise when their bytes are not what they should be."""

Lines = Callable[[], Iterator[bytes]]
"""The lines of an export from the first, each time anew."""


def verify(
    path_or_url: str | Path,
    *,
    key: str | None = None,
    token: str | None = None,
    policy: Policy | None = None,
    max_age: float | None = None,
    since: Sequence[str] = (),
    now: float | None = None,
) -> Report:
    """
    Check an export and return what holds.

    `since` are checkpoints from earlier, which this ledger must go on from; `max_age` in seconds asks how
    old, at `now`, a quorum of the policy may be. Raises `Refused` with one plain reason otherwise, and `Unknown` when
    only a newer version can tell.
    """
    with _plainly(), _opened(str(path_or_url), token, cosigned=policy is not None) as source:
        given = None if key is None else read_key(key)
        return _verify(source, Trust(given, policy, max_age, time.time() if now is None else now), since)


@contextmanager
def checked(path: str | Path, *, key: str | None = None) -> Iterator[tuple[Report, Lines]]:
    """
    What holds of an export, and its lines from the first, as often as they are asked: for who goes on to read.

    Raises what `verify` raises, before anything is given.
    """
    with ExitStack() as stack:
        with _plainly():
            source = stack.enter_context(_opened(str(path), None, cosigned=False))
            given = None if key is None else read_key(key)
            report = _verify(source, Trust(given, None, None, time.time()), ())
        yield report, lambda: chain.from_iterable(_entries(source, report.size))


@contextmanager
def _plainly() -> Iterator[None]:
    """What files, zips and servers raise, as one plain reason."""
    try:
        yield
    except zipfile.BadZipFile:
        raise Refused("The file is neither an export.jsonl nor a whole zip of one.") from None
    except UNREADABLE as error:
        raise Refused(f"It cannot be read ({type(error).__name__}).") from None


@contextmanager
def _opened(address: str, token: str | None, *, cosigned: bool) -> Iterator[Source]:
    path = Path(address)
    if is_address(address):
        with tempfile.TemporaryDirectory() as scratch:
            yield fetch(address, token, Path(scratch), cosigned=cosigned)
    elif path.is_dir():
        yield Folder(path)
    elif not path.is_file():
        raise Refused("There is no such file or folder.")
    elif path.name.endswith(".jsonl"):
        yield Folder(path.parent, path.name)
    else:
        with zipfile.ZipFile(path) as archive:
            yield Zip(archive)


def _verify(source: Source, trust: Trust, since: Sequence[str]) -> Report:
    # 1: the statement, and who signed it
    note = small(source, CHECKPOINT)
    if note is None:
        raise Refused("There is no checkpoint beside the export; without it nothing is proven.")
    checkpoint = read_checkpoint(note)
    is_given = trust.knows_a_log
    if not is_given:
        trust = replace(trust, key=_own_key(source))
    witnesses, cosigned = trust.check(checkpoint)
    earlier = [_earlier(text, checkpoint, trust) for text in since]
    # 2: every line, what it says at its place, the root of all, and the same in every form that came along
    fold = _followed(source, checkpoint)
    # 3: the roots that this ledger had before
    _check_roots(chain.from_iterable(_entries(source, checkpoint.size)), fold, earlier)
    if fold.unknown:
        raise Unknown(
            f"{checkpoint.size} lines, their root and its signature hold, but {fold.unknown}, a type that this"
            " version does not know: from there on it cannot say what stands. Use the version that wrote it."
        )
    standing = fold.standing
    return Report(
        origin=checkpoint.origin,
        size=checkpoint.size,
        root=checkpoint.root.hex(),
        recorded=fold.recorded,
        is_sandbox=standing.is_sandbox,
        key_was_given=is_given,
        signed=standing.signed,
        attested=standing.attested,
        enrolled=standing.enrolled,
        signed_with_enrolled=standing.signed_with_enrolled,
        enrolled_for=tuple(sorted(standing.enrolled_for)),
        enrolled_after_loss=tuple(sorted(standing.enrolled_after_loss)),
        witnesses=witnesses,
        cosigned=cosigned,
        since=tuple(one.size for one in earlier),
    )


def _own_key(source: Source) -> Key:
    """The key that came along: it shows that nothing changed since, not who signed."""
    written = small(source, KEY)
    if written is None:
        raise Refused(
            "There is no verifier key: give --key, or put it as a file named key beside the export."
        )
    return read_key(written)


def _earlier(note: str, checkpoint: Checkpoint, trust: Trust) -> Checkpoint:
    """A checkpoint from earlier, signed by whom is believed now, and of no more entries."""
    try:
        earlier = read_checkpoint(note)
        trust.signed(earlier)
    except Refused as refused:
        raise Refused(f"The checkpoint from earlier cannot be used: {refused}") from None
    if earlier.size > checkpoint.size:
        raise Refused(
            f"The checkpoint from earlier has {earlier.size} entries, and this export {checkpoint.size}: it is"
            " an older export, or the ledger was cut."
        )
    return earlier


def _entries(source: Source, size: int) -> Iterator[list[bytes]]:
    """The lines, 256 at a time; fewer only at the end."""
    if EXPORT in source.names():
        arriving = lines(source)
    elif tiles.has_entries(source):
        arriving = tiles.entries(source, size)
    else:
        raise Refused("There is no export.jsonl, and no bundles of entries either.")
    waiting: list[bytes] = []
    for batch in arriving:
        waiting += batch
        whole = len(waiting) - len(waiting) % tiles.WIDTH
        for start in range(0, whole, tiles.WIDTH):
            yield waiting[start : start + tiles.WIDTH]
        del waiting[:whole]
    if waiting:
        yield waiting


def _followed(source: Source, checkpoint: Checkpoint) -> Fold:
    size, fold, tree = checkpoint.size, Fold(checkpoint.origin), tiles.Tiled(source)
    for batch in _entries(source, size):
        for seq, line in enumerate(batch, tree.size):
            if seq == size:
                raise Refused(f"The export goes on after the {size} entries that the checkpoint commits to.")
            fold.take(read(line, seq))
        tree.add(batch)
    if tree.size < size:
        raise Refused(f"The export ends after {tree.size} entries; the checkpoint commits to {size}.")
    if size == 0:
        raise Refused("The export is empty; every ledger begins with the entry that created it.")
    if tree.root() != checkpoint.root:
        raise Refused("The entries do not give the root in the checkpoint: at least one is not what it was.")
    tree.check()
    return fold


def _check_roots(entries: Iterator[bytes], fold: Fold, earlier: Sequence[Checkpoint]) -> None:
    """A second pass, as far as is needed, so that memory stays small."""
    wanted: dict[int, list[tuple[bytes, str]]] = {}
    for size, told in fold.standing.bases.items():
        wanted[size] = [
            (bytes.fromhex(root), f"Entry {seq} cannot be: it stands on a root that this ledger never had.")
            for root, seq in told
        ]
    for one in earlier:
        otherwise = (
            f"This ledger does not go on from the earlier checkpoint of {one.size} entries: what had been"
            " signed was changed. Keep both; together they prove it."
        )
        wanted.setdefault(one.size, []).append((one.root, otherwise))
    frontier = Frontier()
    for size in sorted(wanted):
        frontier.add(islice(entries, size - frontier.size))
        for root, otherwise in wanted[size]:
            if frontier.root() != root:
                raise Refused(otherwise)
