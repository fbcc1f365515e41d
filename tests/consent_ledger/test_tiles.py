"""Tiles: their paths and widths as C2SP tlog-tiles has them, and the tree that comes out of them again."""

from __future__ import annotations

import hashlib
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_ledger.tiles import Bundle, Tile, Tiling, bundled, bundles_of, read_bundle, read_tile, tiles_of
from consent_ledger.tree import Tree, leaf_hash


@cache
def leaves(size: int) -> tuple[bytes, ...]:
    return tuple(leaf_hash(b"%d" % number) for number in range(size))


@cache
def tree(size: int) -> Tree:
    grown = Tree()
    for leaf in leaves(size):
        grown.append(leaf)
    return grown


def merkle(hashes: list[bytes]) -> bytes:
    """RFC 6962, 2.1, as it is written there: nothing of ours."""
    if len(hashes) == 1:
        return hashes[0]
    half = 1
    while half * 2 < len(hashes):
        half *= 2
    return hashlib.sha256(b"\x01" + merkle(hashes[:half]) + merkle(hashes[half:])).digest()


def data(size: int, tile: Tile) -> bytes:
    start = tile.index * 256
    return tree(size).nodes(tile.level * 8, start, start + tile.width)


# Paths


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 1234067), "tile/0/x001/x234/067"),
        (Tile(1, 999, 17), "tile/1/999.p/17"),
        (Tile(63, 1000, 255), "tile/63/x001/000.p/255"),
        (Bundle(67), "tile/entries/067"),
        (Bundle(1067, 8), "tile/entries/x001/067.p/8"),
    ],
)
def test_a_tile_has_its_path(tile: Tile | Bundle, path: str) -> None:
    assert tile.path == path
    below = path.removeprefix("tile/")
    assert (read_bundle(below.removeprefix("entries/")) if "entries" in path else read_tile(below)) == tile


@given(st.integers(0, 63), st.integers(0, 10**18 - 1), st.integers(1, 256))
def test_every_path_is_read_as_it_was_written(level: int, index: int, width: int) -> None:
    tile, bundle = Tile(level, index, width), Bundle(index, width)
    assert read_tile(tile.path.removeprefix("tile/")) == tile
    assert read_bundle(bundle.path.removeprefix("tile/entries/")) == bundle


@pytest.mark.parametrize(
    "path",
    [
        *("", "0", "0/", "/000", "0/0", "0/00", "0/0000", "0/000/", "0//000", "0/000 ", "0/000\n", " 0/000"),
        *("00/000", "01/000", "64/000", "100/000", "-1/000", "+0/000", "0/-01", "a/000", "data/000"),
        *("0/x000/000", "0/x000/001", "0/x001", "0/x001/x002", "0/001/002", "0/X001/002", "0/x01/002"),
        *("0/000.p/0", "0/000.p/256", "0/000.p/257", "0/000.p/01", "0/000.p/", "0/000.p", "0/000.p/1000"),
        *("0/000.p/1.p/1", "0/000.p/-1", "0/x001.p/1/000", "0/٠٠٠", "0/000.p/٣", "0/../0/000", "0/%30%30%30"),
        "0/" + "x001/" * 6 + "000",
        "0/" + "x001/" * 5000 + "000",
    ],
)
def test_another_writing_is_no_tile(path: str) -> None:
    assert read_tile(path) is None
    assert read_bundle(path.removeprefix("0/")) is None or path == "000"


# Which tiles there are


def test_the_example_of_the_specification_is_right() -> None:
    """A tree of 70,000: 273 full tiles and one of 112, one full and one of 17, one of 1."""
    tiles = list(tiles_of(70_000))
    assert [one.index for one in tiles if one.level == 0 and one.width == 256] == list(range(273))
    assert [one for one in tiles if one.level > 0 or one.width < 256] == [
        Tile(0, 273, 112),
        Tile(1, 0),
        Tile(1, 1, 17),
        Tile(2, 0, 1),
    ]
    assert [one.width for one in bundles_of(70_000)] == [256] * 273 + [112]


@pytest.mark.parametrize(
    ("size", "tiles"),
    [
        (0, []),
        (1, [Tile(0, 0, 1)]),
        (255, [Tile(0, 0, 255)]),
        (256, [Tile(0, 0), Tile(1, 0, 1)]),
        (257, [Tile(0, 0), Tile(0, 1, 1), Tile(1, 0, 1)]),
        (512, [Tile(0, 0), Tile(0, 1), Tile(1, 0, 2)]),
    ],
)
def test_a_small_tree_has_few_tiles(size: int, tiles: list[Tile]) -> None:
    assert list(tiles_of(size)) == tiles


def test_a_full_tree_of_tiles_has_one_hash_on_top() -> None:
    assert [one for one in tiles_of(65_536) if one.level] == [Tile(1, 0), Tile(2, 0, 1)]


@given(st.integers(0, 200_000), st.integers(0, 3), st.integers(0, 800), st.integers(1, 256))
def test_a_tile_is_of_a_size_when_it_is_listed_for_it(size: int, level: int, index: int, width: int) -> None:
    tile, bundle = Tile(level, index, width), Bundle(index, width)
    assert tile.is_of(size) == (tile in set(tiles_of(size)))
    assert bundle.is_of(size) == (bundle in set(bundles_of(size)))
    for one in tiles_of(size):
        assert one.is_of(size)
        assert one.stop <= size


# What they hold


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 700, 65_535, 65_536, 65_537])
def test_each_hash_is_the_root_of_the_entries_below_it(size: int) -> None:
    for tile in tiles_of(size):
        span = 256**tile.level
        hashes = data(size, tile)
        assert len(hashes) == 32 * tile.width
        for number in (0, tile.width // 2, tile.width - 1):
            first = (tile.index * 256 + number) * span
            assert hashes[number * 32 : number * 32 + 32] == merkle(list(leaves(size)[first : first + span]))


def hashes(size: int, tile: Tile) -> list[bytes]:
    whole = data(size, tile)
    return [whole[at : at + 32] for at in range(0, len(whole), 32)]


@pytest.mark.parametrize("size", [1, 255, 256, 257, 700, 65_536, 66_000])
def test_the_root_comes_out_of_the_tiles(size: int) -> None:
    """What a client of the tiles does: each full tile is a hash above it, each partial one the edge of the tree."""
    edge: list[bytes] = []
    for tile in tiles_of(size):
        if tile.width < 256:
            edge = [merkle(hashes(size, tile) + edge)]
        else:
            level, index = tile.level + 1, tile.index // 256
            above = next(one for one in tiles_of(size) if (one.level, one.index) == (level, index))
            assert hashes(size, above)[tile.index % 256] == merkle(hashes(size, tile))
    assert edge == [tree(size).root()]


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 65_536, 70_000])
def test_a_tree_read_once_gives_the_same_tiles(size: int) -> None:
    tiling = Tiling()
    found = [one for leaf in leaves(size) for one in tiling.push(leaf)] + tiling.rest()
    assert dict(found) == {one: data(size, one) for one in tiles_of(size)}
    assert len(found) == len(dict(found))


@pytest.mark.parametrize(
    ("level", "start", "stop"), [(0, 0, 701), (0, -1, 1), (8, 0, 3), (8, 2, 1), (-1, 0, 0), (504, 0, 1)]
)
def test_a_tree_gives_no_node_that_is_not_complete(level: int, start: int, stop: int) -> None:
    with pytest.raises(IndexError):
        tree(700).nodes(level, start, stop)
    assert tree(700).nodes(504, 0, 0) == b""


def test_a_bundle_tells_each_length_in_two_bytes() -> None:
    assert bundled([b"{}", b"x" * 65_535, b""]) == b"\x00\x02{}\xff\xff" + b"x" * 65_535 + b"\x00\x00"
    with pytest.raises(OverflowError):
        bundled([b"x" * 65_536])
