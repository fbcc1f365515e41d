"""
Every single change to true proofs, in every place: none is accepted.

A changed statement is paired with the true root of what it now says, so that it is false for certain. (A
path alone fixes only the shape of a tree: under a root that nobody signed, another size of the same shape
may be just as true.)
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from consent_ledger.tree import EMPTY_ROOT, Tree, leaf_hash
from tests.interop.ours import IMPLEMENTATIONS, Ours

LARGEST = 260
SIZES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 16, 17, 31, 33, 64, 100, 255, 256, 257]

Inclusion = tuple[bytes, int, int, list[bytes], bytes]
Consistency = tuple[int, int, list[bytes], bytes, bytes]


def tree_of(prefix: str) -> Tree:
    made = Tree()
    for number in range(LARGEST):
        made.append(leaf_hash(f"{prefix}{number}".encode()))
    return made


AT_LEAST = 50_000
"""Wrong proofs of each kind."""

TREE, OTHER = tree_of("entry "), tree_of("other ")
ROOTS = [TREE.root(size) for size in range(LARGEST + 1)]


def wrong_paths(path: list[bytes], *near: bytes) -> Iterator[list[bytes]]:
    """Each single change to a path: dropped, doubled, swapped, put in, replaced, cut, flipped."""
    strange = [EMPTY_ROOT, b"", b"\0" * 31, b"\0" * 33, b"\0" * 64, OTHER.leaf(0), *near]
    for place in range(len(path)):
        one = path[place]
        yield path[:place] + path[place + 1 :]
        yield [*path[:place], one, *path[place:]]
        yield path[:place] + path[place + 1 :] + [one]
        for bit in (0, 7, 100, 255):
            flipped = bytearray(one)
            flipped[bit // 8] ^= 1 << bit % 8
            yield [*path[:place], bytes(flipped), *path[place + 1 :]]
        for other in (one[:-1], one + b"\0", one[::-1], *strange):
            yield [*path[:place], other, *path[place + 1 :]]
    for place in range(len(path) + 1):
        for other in strange:
            yield [*path[:place], other, *path[place:]]
    if len(path) > 1:
        yield []
        yield path[::-1]


def wrong_inclusions() -> Iterator[Inclusion]:
    for size in SIZES:
        for index in sorted({0, 1, 2, size // 3, size // 2, size - 2, size - 1} & set(range(size))):
            leaf, path, root = TREE.leaf(index), TREE.inclusion(index, size), ROOTS[size]
            for changed in wrong_paths(path, leaf, root):
                if changed != path:
                    yield leaf, index, size, changed, root
            for strange in (OTHER.leaf(index), EMPTY_ROOT, b"", leaf[:31], leaf + b"\0", *path):
                yield strange, index, size, path, root
            for at in {*range(size + 2), -1, -size, size * 2, 2**64, 2**64 + index} - {index}:
                yield leaf, at, size, path, root
            for other in {*range(LARGEST + 1)} - {size}:
                yield leaf, index, other, path, ROOTS[other]
            for root_too in (OTHER.root(size), EMPTY_ROOT, b"", root[:31], root + b"\0", ROOTS[size - 1]):
                yield leaf, index, size, path, root_too
            for no_size in (0, -1, -size):
                yield leaf, index, no_size, path, root
                yield leaf, 0, no_size, [], leaf


def wrong_consistencies() -> Iterator[Consistency]:
    for new in SIZES:
        for old in sorted({0, 1, 2, 3, new // 3, new // 2, new - 1, new} & set(range(new + 1))):
            path, old_root, new_root = TREE.consistency(old, new), ROOTS[old], ROOTS[new]
            for changed in wrong_paths(path, old_root, new_root):
                if changed != path:
                    yield old, new, changed, old_root, new_root
            for other in {*range(LARGEST + 1)} - {old}:
                if (other, path) != (0, []) and (other, path) != (new, []):
                    yield other, new, path, ROOTS[other], new_root
            for later in {*range(LARGEST + 1)} - {new}:
                if path or (old not in (0, later)):
                    yield old, later, path, old_root, ROOTS[later]
            for strange in (OTHER.root(old) if old else OTHER.leaf(0), b"", old_root[:31], old_root + b"\0"):
                yield old, new, path, strange, new_root
            for strange in (OTHER.root(new), b"", new_root[:31], new_root + b"\0"):
                if old or len(strange) != 32:
                    yield old, new, path, old_root, strange
            yield -1, new, path, old_root, new_root
            yield new + 1, new, path, old_root, new_root
            yield old, -1, path, old_root, new_root


@pytest.mark.parametrize("ours", IMPLEMENTATIONS, ids=str)
def test_no_wrong_inclusion_proof_is_accepted(ours: Ours) -> None:
    made = list(wrong_inclusions())
    assert [wrong for wrong in made if ours.includes(*wrong)] == []
    assert len(made) > AT_LEAST


@pytest.mark.parametrize("ours", IMPLEMENTATIONS, ids=str)
def test_no_wrong_consistency_proof_is_accepted(ours: Ours) -> None:
    made = list(wrong_consistencies())
    assert [wrong for wrong in made if ours.is_consistent(*wrong)] == []
    assert len(made) > AT_LEAST


@pytest.mark.parametrize("ours", IMPLEMENTATIONS, ids=str)
def test_the_true_proofs_that_were_changed_are_accepted(ours: Ours) -> None:
    """Otherwise the two tests above would say nothing."""
    for size in SIZES:
        for at in range(size):
            assert ours.includes(TREE.leaf(at), at, size, TREE.inclusion(at, size), ROOTS[size])
            assert ours.is_consistent(at, size, TREE.consistency(at, size), ROOTS[at], ROOTS[size])
