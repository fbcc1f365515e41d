"""Edges of the tree: empty, single entry, bounds and lengths."""

from __future__ import annotations

import pytest

from consent_ledger.tree import (
    EMPTY_ROOT,
    Frontier,
    ProofRefused,
    Tree,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)

LEAF = leaf_hash(b"one")


def tree(*lines: bytes) -> Tree:
    made = Tree()
    for line in lines:
        made.append(leaf_hash(line))
    return made


def test_the_empty_tree_has_the_root_of_nothing_and_no_proofs() -> None:
    assert Tree().root() == EMPTY_ROOT == Frontier().root()
    with pytest.raises(IndexError):
        Tree().inclusion(0, 0)
    assert Tree().consistency(0, 0) == []
    verify_consistency(0, 0, [], EMPTY_ROOT, EMPTY_ROOT)


def test_a_single_entry_is_its_own_root() -> None:
    assert tree(b"one").root() == LEAF
    verify_inclusion(LEAF, 0, 1, [], LEAF)


@pytest.mark.parametrize(
    ("leaf", "index", "size", "proof", "root"),
    [
        (LEAF, 0, 0, [], EMPTY_ROOT),
        (LEAF, 0, 0, [], LEAF),
        (LEAF, 1, 1, [], LEAF),
        (LEAF, -1, 1, [], LEAF),
        (b"", 0, 1, [], b""),
        (LEAF, 0, 1, [LEAF], LEAF),
        (LEAF, 0, 1, [b""], LEAF),
        (LEAF, 0, 2, [], LEAF),
        (EMPTY_ROOT, 0, 1, [], LEAF),
    ],
)
def test_an_edge_that_proves_nothing_is_refused(
    leaf: bytes, index: int, size: int, proof: list[bytes], root: bytes
) -> None:
    with pytest.raises(ProofRefused):
        verify_inclusion(leaf, index, size, proof, root)


def test_the_empty_tree_begins_every_tree_but_only_under_its_own_root() -> None:
    verify_consistency(0, 3, [], EMPTY_ROOT, tree(b"1", b"2", b"3").root())
    with pytest.raises(ProofRefused):
        verify_consistency(0, 3, [], LEAF, LEAF)
    with pytest.raises(ProofRefused):
        verify_consistency(0, 3, [LEAF], EMPTY_ROOT, LEAF)
    with pytest.raises(ProofRefused):
        verify_consistency(0, 0, [], EMPTY_ROOT, LEAF)


def test_equal_sizes_need_equal_roots() -> None:
    with pytest.raises(ProofRefused):
        verify_consistency(2, 2, [], LEAF, leaf_hash(b"other"))
    with pytest.raises(ProofRefused):
        verify_consistency(2, 1, [], LEAF, LEAF)


def test_a_tree_refuses_what_is_no_leaf_hash_and_sizes_it_has_not() -> None:
    made = tree(b"1", b"2")
    with pytest.raises(ValueError, match="32 bytes"):
        made.append(b"short")
    with pytest.raises(ValueError, match="32 bytes"):
        Frontier().push(b"short")
    assert made.size == 2
    for size in (-1, 3):
        with pytest.raises(IndexError):
            made.root(size)
    with pytest.raises(IndexError):
        made.consistency(2, 3)
    with pytest.raises(IndexError):
        made.leaf(2)


def test_a_growth_tells_the_tree_as_it_will_be_and_changes_nothing_before_it_is_taken() -> None:
    leaves = [leaf_hash(b"%d" % index) for index in range(40)]
    for old in range(20):
        for more in range(1, 20):
            made, whole = Tree(), Tree()
            for leaf in leaves[:old]:
                made.append(leaf)
            for leaf in leaves[: old + more]:
                whole.append(leaf)
            before = made.root()
            growth = made.growth(leaves[old : old + more])
            assert made.frontier_after(growth).to_bytes() == whole.frontier().to_bytes()
            assert (made.size, made.root()) == (old, before)
            made.grow(growth)
            assert [made.root(size) for size in range(old + more + 1)] == [
                whole.root(size) for size in range(old + more + 1)
            ]
            assert made.inclusion(old, old + more) == whole.inclusion(old, old + more)


def test_a_growth_of_an_earlier_tree_is_refused() -> None:
    made = tree(b"1", b"2")
    growth = made.growth([leaf_hash(b"3")])
    made.append(leaf_hash(b"other"))
    with pytest.raises(ValueError, match="grown since"):
        made.grow(growth)
    with pytest.raises(ValueError, match="grown since"):
        made.frontier_after(growth)
    with pytest.raises(ValueError, match="32 bytes"):
        made.growth([b"short"])


def test_a_frontier_goes_on_where_the_tree_stood() -> None:
    lines = [b"%d" % index for index in range(23)]
    whole = tree(*lines)
    frontier = Frontier.from_bytes(whole.frontier(11).to_bytes())
    for line in lines[11:]:
        frontier.push(leaf_hash(line))
    assert frontier.root() == whole.root()
    assert whole.root(11) == tree(*lines[:11]).root()
