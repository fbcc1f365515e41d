"""
The Merkle tree of RFC 9162, 2.1 (as in RFC 6962, 2): SHA-256, leaves prefixed 0x00, nodes 0x01.

It keeps the complete subtrees of what it has seen, and nothing else: 32 bytes for each bit of the size.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import islice

from consent_ledger.verify.refused import Refused

EMPTY_ROOT = sha256(b"").digest()
_BATCH = 256


def leaf_hash(line: bytes) -> bytes:
    """SHA-256(0x00 || line)."""
    return sha256(b"\x00" + line).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """The complete subtrees of all leaves so far, largest first."""

    __slots__ = ("hashes", "size")

    def __init__(self) -> None:
        self.size = 0
        self.hashes: list[bytes] = []

    def add(self, lines: Iterable[bytes]) -> None:
        """Take these lines as the next leaves."""
        # What a million entries pass through: 256 at a time, level by level, nothing called but SHA-256.
        sha, arriving = sha256, iter(lines)
        while batch := list(islice(arriving, _BATCH - self.size % _BATCH)):
            leaves = [sha(b"\x00" + line).digest() for line in batch]
            if len(leaves) == _BATCH:
                self._push(whole(leaves), self.size // _BATCH)
                self.size += _BATCH
            else:
                for leaf in leaves:
                    self._push(leaf, self.size)
                    self.size += 1

    def _push(self, node: bytes, index: int) -> None:
        """Put a complete subtree beside those of its own size and larger."""
        while index & 1:
            node = node_hash(self.hashes.pop(), node)
            index >>= 1
        self.hashes.append(node)

    def root(self) -> bytes:
        """Root of all leaves so far."""
        return root_of(self.hashes)


def whole(hashes: list[bytes]) -> bytes:
    """The root over 1, 2, 4, ... hashes."""
    sha = sha256
    while len(hashes) > 1:
        pairs = zip(hashes[::2], hashes[1::2], strict=True)
        hashes = [sha(b"\x01" + left + right).digest() for left, right in pairs]
    return hashes[0]


def root_of(subtrees: Sequence[bytes]) -> bytes:
    """The root over complete subtrees that stand side by side, each smaller than the one before it."""
    if not subtrees:
        return EMPTY_ROOT
    root = subtrees[-1]
    for left in reversed(subtrees[:-1]):
        root = node_hash(left, root)
    return root


def check_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """
    Return when `proof` shows that the leaf hash stands at `index` in the tree of `size` with `root`.

    RFC 9162, 2.1.3.2. Lengths and bounds are looked at before anything is hashed. Raises `Refused`.
    """
    _check_lengths(leaf, root, *proof)
    if not 0 <= index < size:
        raise Refused("The proof is for a position outside the tree.")
    _, reached = _climb([leaf, *proof], index, size - 1)
    if reached != root:
        raise Refused("The proof leads to another root: this entry is not in the ledger at this place.")


def check_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """
    Return when `proof` shows that the tree of size `old` is the beginning of the tree of size `new`.

    RFC 9162, 2.1.4.2; the empty tree is the beginning of every tree. Raises `Refused`.
    """
    _check_lengths(old_root, new_root, *proof)
    if not 0 <= old <= new:
        raise Refused("The sizes are out of order.")
    if old in (0, new):
        if (
            proof
            or old_root != (new_root if old == new else EMPTY_ROOT)
            or (new == 0 and new_root != EMPTY_ROOT)
        ):
            raise Refused("The proof is too long, or the roots do not fit the sizes.")
        return
    # The old tree, when its size is a power of two, is itself a node of the new one, and need not be told.
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        raise Refused("The proof is too short.")
    node, last = old - 1, new - 1
    while node & 1:
        node >>= 1
        last >>= 1
    before, after = _climb(path, node, last)
    if before != old_root or after != new_root:
        raise Refused("The proof leads to other roots: the later ledger does not begin with the earlier one.")


def _climb(path: Sequence[bytes], node: int, last: int) -> tuple[bytes, bytes]:
    """
    From the first hash of the path to the top: with the siblings on the left alone, and with all.

    With the left ones alone it is the tree that ended here; a right sibling is what came later.
    """
    before = after = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise Refused("The proof is too long.")
        if node & 1 or node == last:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            after = node_hash(after, sibling)
        node >>= 1
        last >>= 1
    if last:
        raise Refused("The proof is too short.")
    return before, after


def _check_lengths(*hashes: bytes) -> None:
    if any(len(one) != 32 for one in hashes):
        raise Refused("A hash has another length than 32 bytes.")
