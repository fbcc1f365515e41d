"""
The Merkle tree of RFC 9162, section 2.1 (as in RFC 6962, section 2): SHA-256, leaves prefixed 0x00, nodes 0x01.

Nothing here is our own: any public implementation gives the same roots and accepts the same proofs.
The tree commits to leaf bytes and their order; it says nothing about what they mean.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Never

HASH_SIZE = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
"""Root of the tree without leaves (RFC 9162, 2.1.1)."""

_LEAF = b"\x00"
_NODE = b"\x01"


class ProofRefused(Exception):
    """A proof does not prove what it is said to prove."""

    code = "PROOF_REFUSED"


def leaf_hash(line: bytes) -> bytes:
    """Hash of one leaf: SHA-256(0x00 || line)."""
    return hashlib.sha256(_LEAF + line).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node: SHA-256(0x01 || left || right)."""
    return hashlib.sha256(_NODE + left + right).digest()


@dataclass(frozen=True, slots=True)
class Growth:
    """The complete nodes that further leaves add to a tree of `start` leaves, by level, the leaves first."""

    start: int
    levels: list[list[bytes]]


class Tree:
    """
    All complete subtrees of an append-only tree, in memory: at most 64 bytes a leaf.

    Gives the root and both proofs at any size up to its own. Not safe between threads.
    """

    __slots__ = ("_levels", "size")

    def __init__(self) -> None:
        self._levels: list[bytearray] = [bytearray()]
        self.size = 0

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash; amortised constant time."""
        if len(leaf) != HASH_SIZE:
            raise ValueError("a leaf hash has 32 bytes")
        index, level, node = self.size, 0, leaf
        self._levels[0] += node
        while index & 1:  # this leaf completes a pair, and perhaps the pair above
            node = node_hash(self._node(level, index - 1), node)
            index >>= 1
            level += 1
            if level == len(self._levels):
                self._levels.append(bytearray())
            self._levels[level] += node
        self.size += 1

    def growth(self, leaves: Sequence[bytes]) -> Growth:
        """What these leaf hashes would add: every node hashed once, level by level. The tree stays as it is."""
        if any(len(leaf) != HASH_SIZE for leaf in leaves):
            raise ValueError("a leaf hash has 32 bytes")
        levels = [list(leaves)]
        while True:
            level = len(levels) - 1
            first = self.size >> level
            nodes = [self._node(level, first - 1), *levels[level]] if first & 1 else levels[level]
            if len(nodes) < 2:
                break
            pairs = iter(nodes)  # what is left over at the end waits for its sibling
            levels.append([node_hash(left, right) for left, right in zip(pairs, pairs, strict=False)])
        return Growth(self.size, levels)

    def grow(self, growth: Growth) -> None:
        """Take what `growth` told of this tree, as it was then."""
        if growth.start != self.size:
            raise ValueError("the tree has grown since")
        for level, nodes in enumerate(growth.levels):
            if level == len(self._levels):
                self._levels.append(bytearray())
            self._levels[level] += b"".join(nodes)
        self.size += len(growth.levels[0])

    def frontier_after(self, growth: Growth) -> Frontier:
        """The complete subtrees of the tree as it will be, with `growth`."""
        if growth.start != self.size:
            raise ValueError("the tree has grown since")
        size = self.size + len(growth.levels[0])
        nodes = []
        for level in reversed(range(size.bit_length())):
            if size >> level & 1:
                index, first = (size >> level) - 1, self.size >> level
                nodes.append(
                    growth.levels[level][index - first] if index >= first else self._node(level, index)
                )
        return Frontier(size, nodes)

    def leaf(self, index: int) -> bytes:
        """Hash of the leaf at `index`."""
        if not 0 <= index < self.size:
            raise IndexError("no such leaf")
        return self._node(0, index)

    def nodes(self, level: int, start: int, stop: int) -> bytes:
        """
        Nodes start .. stop-1 of one level, after each other: each the root of 2**level leaves.

        Raises `IndexError` when one of them is not complete.
        """
        if level < 0 or not 0 <= start <= stop <= self.size >> level:
            raise IndexError("no such complete subtrees")
        if start == stop:
            return b""
        return bytes(self._levels[level][start * HASH_SIZE : stop * HASH_SIZE])

    def root(self, size: int | None = None) -> bytes:
        """Root of the first `size` leaves; of all, when not said."""
        return self.frontier(size).root()

    def frontier(self, size: int | None = None) -> Frontier:
        """The complete subtrees of the first `size` leaves: enough to go on appending elsewhere."""
        size = self._known(self.size if size is None else size)
        return Frontier(
            size,
            [
                self._node(level, (size >> level) - 1)
                for level in reversed(range(size.bit_length()))
                if size >> level & 1
            ],
        )

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """Proof that the leaf at `index` stands in the first `size` leaves (RFC 9162, 2.1.3.1)."""
        if not 0 <= index < self._known(size):
            raise IndexError("no such leaf in a tree of that size")
        return self._path(0, index, size)

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Proof that the first `old` leaves are the beginning of the first `new` (RFC 9162, 2.1.4.1)."""
        if not 0 <= old <= self._known(new):
            raise IndexError("a tree is consistent only with later ones")
        if old in (0, new):
            return []
        level, node = 0, old - 1
        while node & 1:
            node >>= 1
            level += 1
        # `node` is the last complete subtree of the old tree; when it is the whole old tree, the
        # verifier knows it already.
        own = [self._node(level, node)] if node else []
        return own + self._path(level, node, new)

    def _path(self, level: int, node: int, size: int) -> list[bytes]:
        """Siblings of `node` up to the root at `size`; only the last node of a level may be incomplete."""
        last = size - 1
        edge = self._node(0, last)
        for below in range(level):
            if last & 1:
                edge = node_hash(self._node(below, last - 1), edge)
            last >>= 1
        path = []
        while last:
            if node & 1:
                path.append(self._node(level, node - 1))
            elif node < last:
                path.append(edge if node + 1 == last else self._node(level, node + 1))
            if last & 1:
                edge = node_hash(self._node(level, last - 1), edge)
            node >>= 1
            last >>= 1
            level += 1
        return path

    def _node(self, level: int, index: int) -> bytes:
        start = index * HASH_SIZE
        return bytes(self._levels[level][start : start + HASH_SIZE])

    def _known(self, size: int) -> int:
        if not 0 <= size <= self.size:
            raise IndexError("the tree is not that large")
        return size


class Frontier:
    """The complete subtrees of a tree, largest first: what is needed to append and to give the root."""

    __slots__ = ("hashes", "size")

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        if size < 0 or len(hashes) != size.bit_count() or any(len(one) != HASH_SIZE for one in hashes):
            raise ValueError("a frontier has one 32-byte hash for each bit of its size")
        self.size = size
        self.hashes = list(hashes)

    def push(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        if len(leaf) != HASH_SIZE:
            raise ValueError("a leaf hash has 32 bytes")
        index = self.size
        while index & 1:
            leaf = node_hash(self.hashes.pop(), leaf)
            index >>= 1
        self.hashes.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """Root of all leaves so far."""
        if not self.hashes:
            return EMPTY_ROOT
        root = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            root = node_hash(left, root)
        return root

    def to_bytes(self) -> bytes:
        """Size as 8 bytes, big-endian, then the hashes."""
        return self.size.to_bytes(8, "big") + b"".join(self.hashes)

    @classmethod
    def from_bytes(cls, data: bytes) -> Frontier:
        """Read what `to_bytes` wrote; `ValueError` for anything else."""
        if len(data) < 8 or len(data) % HASH_SIZE != 8:
            raise ValueError("a frontier is a size and whole hashes")
        hashes = [data[start : start + HASH_SIZE] for start in range(8, len(data), HASH_SIZE)]
        return cls(int.from_bytes(data[:8], "big"), hashes)


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """
    Return when `proof` shows that `leaf` (a leaf hash) stands at `index` in the tree of `size` with `root`.

    RFC 9162, 2.1.3.2. Lengths and bounds are checked before anything is hashed.

    Raises `ProofRefused`.
    """
    _check_hashes(leaf, root, *proof)
    if not 0 <= index < size:
        _refuse("the index lies outside the tree")
    _, reached = _climb(leaf, index, size - 1, proof)
    if reached != root:
        _refuse("the proof leads to another root")


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """
    Return when `proof` shows that the tree of size `old` is the beginning of the tree of size `new`.

    RFC 9162, 2.1.4.2; the empty tree is the beginning of every tree and needs no proof.

    Raises `ProofRefused`.
    """
    _check_hashes(old_root, new_root, *proof)
    if not 0 <= old <= new:
        _refuse("the sizes are out of order")
    if old in (0, new):
        if proof:
            _refuse("the proof is too long")
        if old_root != (EMPTY_ROOT if old == 0 else new_root) or (new == 0 and new_root != EMPTY_ROOT):
            _refuse("the roots do not fit the sizes")
        return
    node, last = old - 1, new - 1
    while node & 1:
        node >>= 1
        last >>= 1
    path = list(proof) if node else [old_root, *proof]
    if not path:
        _refuse("the proof is too short")
    old_reached, new_reached = _climb(path[0], node, last, path[1:])
    if old_reached != old_root:
        _refuse("the proof leads to another old root")
    if new_reached != new_root:
        _refuse("the proof leads to another new root")


def _climb(start: bytes, node: int, last: int, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """From `node` up to the root: once with left siblings only (the older tree), once with all (the newer)."""
    older = newer = start
    for sibling in path:
        if last == 0:
            _refuse("the proof is too long")
        if node & 1 or node == last:
            older = node_hash(sibling, older)
            newer = node_hash(sibling, newer)
            while node and not node & 1:
                node >>= 1
                last >>= 1
        else:
            newer = node_hash(newer, sibling)
        node >>= 1
        last >>= 1
    if last:
        _refuse("the proof is too short")
    return older, newer


def _check_hashes(*hashes: bytes) -> None:
    if any(len(one) != HASH_SIZE for one in hashes):
        _refuse("a hash has another length than 32 bytes")


def _refuse(sentence: str) -> Never:
    raise ProofRefused(sentence)
