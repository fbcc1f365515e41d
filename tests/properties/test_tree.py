"""The tree against a naive recomputation of the whole tree, and its proofs against every mutation."""

from __future__ import annotations

import hashlib
import random
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent_ledger.tree import (
    EMPTY_ROOT,
    Frontier,
    ProofRefused,
    Tree,
    leaf_hash,
    node_hash,
    verify_consistency,
    verify_inclusion,
)
from consent_ledger.verify import Refused
from consent_ledger.verify import tree as verifier

SIZE = 131
LEAVES = [leaf_hash(b"%d" % index) for index in range(SIZE)]


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162, 2.1.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashlib.sha256(b"\x01" + naive_root(leaves[:split]) + naive_root(leaves[split:])).digest()


def naive_inclusion(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 9162, 2.1.3.1."""
    if len(leaves) == 1:
        return []
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    if index < split:
        return [*naive_inclusion(index, leaves[:split]), naive_root(leaves[split:])]
    return [*naive_inclusion(index - split, leaves[split:]), naive_root(leaves[:split])]


def naive_consistency(old: int, leaves: list[bytes], *, whole: bool = True) -> list[bytes]:
    """SUBPROOF of RFC 9162, 2.1.4.1."""
    if old == len(leaves):
        return [] if whole else [naive_root(leaves)]
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    if old <= split:
        return [*naive_consistency(old, leaves[:split], whole=whole), naive_root(leaves[split:])]
    return [*naive_consistency(old - split, leaves[split:], whole=False), naive_root(leaves[:split])]


def tree_of(size: int) -> Tree:
    tree = Tree()
    for leaf in LEAVES[:size]:
        tree.append(leaf)
    return tree


WHOLE = tree_of(SIZE)
ROOTS = [naive_root(LEAVES[:size]) for size in range(SIZE + 1)]


def test_known_answers() -> None:
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    # RFC 6962 reference leaf of the public test vectors: the empty entry
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert node_hash(leaf_hash(b""), leaf_hash(b"\x00")).hex() == (
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
    )


def test_the_root_at_every_size_is_the_naive_one() -> None:
    frontier = Frontier()
    for size in range(SIZE + 1):
        assert WHOLE.root(size) == ROOTS[size]
        assert frontier.root() == ROOTS[size]
        assert WHOLE.frontier(size).to_bytes() == frontier.to_bytes()
        assert Frontier.from_bytes(frontier.to_bytes()).root() == ROOTS[size]
        if size < SIZE:
            frontier.push(LEAVES[size])


def test_every_inclusion_proof_is_the_naive_one_and_is_accepted() -> None:
    for size in [*range(1, 70), 127, 128, 129, 130, 131]:
        for index in range(size):
            proof = WHOLE.inclusion(index, size)
            assert proof == naive_inclusion(index, LEAVES[:size])
            verify_inclusion(LEAVES[index], index, size, proof, ROOTS[size])
            verifier.check_inclusion(LEAVES[index], index, size, proof, ROOTS[size])


def test_every_consistency_proof_is_the_naive_one_and_is_accepted() -> None:
    for new in [*range(1, 70), 127, 128, 129, 130, 131]:
        for old in range(new + 1):
            proof = WHOLE.consistency(old, new)
            if old:
                assert proof == naive_consistency(old, LEAVES[:new])
            verify_consistency(old, new, proof, ROOTS[old], ROOTS[new])
            verifier.check_consistency(old, new, proof, ROOTS[old], ROOTS[new])


def test_the_verifier_gives_the_same_roots_however_the_lines_arrive() -> None:
    for step in (1, 2, 7, 64, SIZE):
        frontier = verifier.Frontier()
        for start in range(0, SIZE, step):
            frontier.add(b"%d" % index for index in range(start, min(start + step, SIZE)))
            assert frontier.root() == ROOTS[frontier.size]
    assert verifier.Frontier().root() == EMPTY_ROOT == verifier.EMPTY_ROOT


def mutations(dice: random.Random, proof: list[bytes]) -> list[bytes]:
    """One change to a list of hashes."""
    changed = list(proof)
    match dice.randrange(7):
        case 0 if changed:
            changed.pop(dice.randrange(len(changed)))
        case 1:
            changed.insert(dice.randrange(len(changed) + 1), dice.choice(LEAVES))
        case 2 if changed:
            place = dice.randrange(len(changed))
            flipped = bytearray(changed[place])
            flipped[dice.randrange(32)] ^= 1 << dice.randrange(8)
            changed[place] = bytes(flipped)
        case 3 if len(changed) > 1:
            one, two = dice.sample(range(len(changed)), 2)
            changed[one], changed[two] = changed[two], changed[one]
        case 4 if changed:
            changed[-1] = changed[-1][:-1]
        case 5:
            changed.append(b"")
        case _:
            changed.append(changed[-1] if changed else EMPTY_ROOT)
    return changed


def refused_inclusion(*wrong: Any) -> None:
    """By both implementations, which share no line."""
    with pytest.raises(ProofRefused):
        verify_inclusion(*wrong)
    with pytest.raises(Refused):
        verifier.check_inclusion(*wrong)


def refused_consistency(*wrong: Any) -> None:
    with pytest.raises(ProofRefused):
        verify_consistency(*wrong)
    with pytest.raises(Refused):
        verifier.check_consistency(*wrong)


def test_no_proof_is_taken_of_an_empty_tree_and_none_but_the_empty_of_a_single_entry() -> None:
    leaf, other = LEAVES[0], LEAVES[1]
    for root in (EMPTY_ROOT, leaf, b"", b"\0" * 32):
        for proof in ([], [leaf], [EMPTY_ROOT], [b""]):
            refused_inclusion(leaf, 0, 0, proof, root)
            refused_inclusion(b"", 0, 0, proof, root)
            refused_inclusion(leaf, -1, 0, proof, root)
            if (proof, root) != ([], leaf):
                refused_inclusion(leaf, 0, 1, proof, root)
            refused_inclusion(b"", 0, 1, proof, root)
            refused_inclusion(leaf, 1, 1, proof, root)
    refused_consistency(0, 0, [], EMPTY_ROOT, leaf)
    refused_consistency(0, 0, [], leaf, EMPTY_ROOT)
    refused_consistency(0, 0, [], leaf, leaf)
    refused_consistency(0, 0, [leaf], EMPTY_ROOT, EMPTY_ROOT)
    refused_consistency(0, 1, [], leaf, leaf)
    refused_consistency(0, 1, [leaf], EMPTY_ROOT, leaf)
    refused_consistency(0, 1, [], b"", leaf)
    refused_consistency(0, 1, [], EMPTY_ROOT, b"")
    refused_consistency(1, 0, [], leaf, EMPTY_ROOT)
    refused_consistency(1, 1, [], leaf, other)
    refused_consistency(1, 1, [leaf], leaf, leaf)
    refused_consistency(1, 2, [], leaf, ROOTS[2])
    refused_consistency(1, 2, [other, other], leaf, ROOTS[2])
    refused_consistency(-1, 1, [], leaf, leaf)
    for check in (verify_consistency, verifier.check_consistency):
        check(0, 0, [], EMPTY_ROOT, EMPTY_ROOT)
        check(0, 1, [], EMPTY_ROOT, leaf)
        check(1, 1, [], leaf, leaf)
        check(1, 2, [other], leaf, ROOTS[2])


def test_thirty_thousand_wrong_proofs_are_refused_by_both() -> None:
    dice = random.Random(20_253)
    refused = 0
    while refused < 15_000:
        size = dice.randint(1, SIZE)
        index = dice.randrange(size)
        leaf, proof, root = LEAVES[index], WHOLE.inclusion(index, size), ROOTS[size]
        right = (leaf, index, size, proof, root)
        match dice.randrange(6):
            case 0:
                wrong = (leaf, dice.choice([-1, size, size + 1, dice.randrange(size)]), size, proof, root)
            case 1:
                wrong = (dice.choice([*LEAVES, b"", leaf[:31], leaf + b"\0"]), index, size, proof, root)
            case 2:
                wrong = (leaf, index, size, proof, dice.choice([*ROOTS, b"", root[:31], EMPTY_ROOT]))
            case 3:
                wrong = (leaf, index, dice.choice([0, -1, index, size * 2, size + 1]), proof, root)
            case _:
                wrong = (leaf, index, size, mutations(dice, proof), root)
        if wrong == right or proves_inclusion(*wrong):
            continue
        refused_inclusion(*wrong)
        refused += 1
    while refused < 30_000:
        new = dice.randint(1, SIZE)
        old = dice.randint(0, new)
        both = (old, new, WHOLE.consistency(old, new), ROOTS[old], ROOTS[new])
        match dice.randrange(6):
            case 0:
                off = (dice.choice([-1, new + 1, dice.randint(0, new)]), *both[1:])
            case 1:
                off = (old, dice.choice([old - 1, new + 1, dice.randint(0, SIZE)]), *both[2:])
            case 2:
                off = (*both[:3], dice.choice([*ROOTS, b"", ROOTS[old][:31]]), ROOTS[new])
            case 3:
                off = (*both[:4], dice.choice([*ROOTS, b"", ROOTS[new] + b"\0"]))
            case _:
                off = (old, new, mutations(dice, both[2]), *both[3:])
        if off == both or proves_consistency(*off):
            continue
        refused_consistency(*off)
        refused += 1


def proves_inclusion(leaf: bytes, index: int, size: int, proof: list[bytes], root: bytes) -> bool:
    """
    Whether this is a true statement about some tree, told without the code under test.

    A path fixes only the shape, so another size of the same shape makes an equally valid proof: that
    is why the size is always taken from a signed checkpoint.
    """
    if not 0 <= index < size or any(len(one) != 32 for one in (leaf, root, *proof)):
        return False
    return rebuilt(index, size, leaf, proof) == root


def rebuilt(index: int, size: int, leaf: bytes, proof: list[bytes]) -> bytes | None:
    """Root by the recursion of 2.1.3.1, from the last sibling down; None when the length is not right."""
    if size == 1:
        return leaf if not proof else None
    if not proof:
        return None
    split = 1 << ((size - 1).bit_length() - 1)
    if index < split:
        below = rebuilt(index, split, leaf, proof[:-1])
        return None if below is None else node_hash(below, proof[-1])
    below = rebuilt(index - split, size - split, leaf, proof[:-1])
    return None if below is None else node_hash(proof[-1], below)


def proves_consistency(old: int, new: int, proof: list[bytes], old_root: bytes, new_root: bytes) -> bool:
    if not 0 <= old <= new or any(len(one) != 32 for one in (old_root, new_root, *proof)):
        return False
    if old == 0:
        return not proof and old_root == EMPTY_ROOT and (new > 0 or new_root == EMPTY_ROOT)
    return both_rebuilt(old, new, proof, old_root, whole=True) == (old_root, new_root)


def both_rebuilt(
    old: int, new: int, proof: list[bytes], old_root: bytes, *, whole: bool
) -> tuple[bytes, bytes] | None:
    """Both roots by the recursion of 2.1.4.1."""
    if old == new:
        if whole:
            return (old_root, old_root) if not proof else None
        return (proof[0], proof[0]) if len(proof) == 1 else None
    if not proof:
        return None
    split = 1 << ((new - 1).bit_length() - 1)
    if old <= split:
        below = both_rebuilt(old, split, proof[:-1], old_root, whole=whole)
        return None if below is None else (below[0], node_hash(below[1], proof[-1]))
    below = both_rebuilt(old - split, new - split, proof[:-1], old_root, whole=False)
    return None if below is None else (node_hash(proof[-1], below[0]), node_hash(proof[-1], below[1]))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=40), st.data())
def test_any_leaves_give_proofs_that_hold(lines: list[bytes], data: st.DataObject) -> None:
    tree = Tree()
    leaves = [leaf_hash(line) for line in lines]
    for leaf in leaves:
        tree.append(leaf)
    assert tree.root() == naive_root(leaves)
    old = data.draw(st.integers(0, len(lines)))
    verify_consistency(old, len(lines), tree.consistency(old, len(lines)), tree.root(old), tree.root())
    if lines:
        index = data.draw(st.integers(0, len(lines) - 1))
        verify_inclusion(leaves[index], index, len(lines), tree.inclusion(index, len(lines)), tree.root())


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_a_frontier_reads_only_what_it_wrote(data: bytes) -> None:
    with suppress(ValueError):
        assert Frontier.from_bytes(data).to_bytes() == data
