"""Sums by node, feature and bin against numpy's, and siblings by subtraction against counting."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from federation.crypto import Encrypted
from federation.crypto import histogram as module
from federation.crypto.histogram import Layers, histogram
from federation.crypto.packing import Slots
from federation.crypto.paillier import PaillierPrivateKey, PaillierPublicKey, _from_primes

Pair = tuple[PaillierPublicKey, PaillierPrivateKey]
# A toy key: far too short to protect anything, and quick to count with.
PUBLIC, PRIVATE = _from_primes((1 << 127) - 1, 0xA000000000000000000000000000006F)


def plain_sums(bins: np.ndarray, nodes: np.ndarray, values: np.ndarray, **counts: int) -> Any:
    result = np.zeros((counts["node_count"], bins.shape[1], counts["bin_count"], *values.shape[1:]))
    inside = nodes >= 0
    for feature in range(bins.shape[1]):
        np.add.at(result[:, feature], (nodes[inside], bins[inside, feature]), values[inside])
    return result


def opened(encrypted: Encrypted) -> np.ndarray:
    return PRIVATE.decrypt(encrypted)


@settings(max_examples=40)
@given(st.data(), st.integers(0, 25), st.integers(0, 5), st.integers(1, 4), st.integers(1, 6))
def test_every_node_feature_and_bin_sums_its_rows(
    data: st.DataObject, rows: int, features: int, node_count: int, bin_count: int
) -> None:
    bins = data.draw(hnp.arrays(np.uint8, (rows, features), elements=st.integers(0, bin_count - 1)))
    nodes = data.draw(hnp.arrays(np.int64, rows, elements=st.integers(-1, node_count - 1)))
    columns = data.draw(st.sampled_from([(), (1,), (2,)]))
    values = data.draw(hnp.arrays(np.int64, (rows, *columns), elements=st.integers(-99, 99)))
    counts = {"node_count": node_count, "bin_count": bin_count}
    sums = histogram(bins, nodes, PUBLIC.encrypt(values), **counts)
    assert sums.shape == (node_count, features, bin_count, *columns)
    np.testing.assert_array_equal(opened(sums), plain_sums(bins, nodes, values, **counts))
    assert not sums.fresh


@pytest.mark.parametrize("bin_count", [2, 3, 9])
def test_features_taken_together_give_the_same_sums(bin_count: int) -> None:
    rng = np.random.default_rng(bin_count)
    rows, features = 400, 7
    bins = rng.integers(0, bin_count, (rows, features)).astype(np.uint16)
    nodes, values = rng.integers(-1, 2, rows), rng.integers(-50, 50, (rows, 2))
    counts = {"node_count": 2, "bin_count": bin_count}
    assert module._together(rows, features, 2, bin_count) > 1
    sums = histogram(bins, nodes, PUBLIC.encrypt(values), **counts)
    np.testing.assert_array_equal(opened(sums), plain_sums(bins, nodes, values, **counts))


def test_features_in_blocks_give_the_same_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BLOCK_ITEMS", 50)
    rng = np.random.default_rng(5)
    bins, nodes = rng.integers(0, 4, (20, 9)), rng.integers(0, 3, 20)
    values = rng.normal(size=20).round(3)
    counts = {"node_count": 3, "bin_count": 4}
    sums = histogram(bins, nodes, PUBLIC.encrypt(values), **counts)
    np.testing.assert_allclose(opened(sums), plain_sums(bins, nodes, values, **counts), atol=1e-5)


def test_rows_enter_once_for_several_features() -> None:
    assert module._together(30_000, 10, 1, 32) == 2
    assert module._together(30_000, 10, 1, 4) == 4
    assert module._together(30_000, 1, 1, 4) == 1
    assert module._together(500, 10, 8, 32) == 1


def grown(tree: np.random.Generator, rows: int, depth: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Layers of a random tree: nodes of rows, and parents of nodes; some branches end early."""
    nodes, count, layers = np.zeros(rows, dtype=np.int64), 1, []
    for _ in range(depth):
        splits = np.flatnonzero(tree.random(count) < 0.8)
        place = np.full(count, -1)
        place[splits] = np.arange(len(splits))
        right = (tree.random(rows) < tree.random()).astype(int)
        before = np.where(nodes >= 0, place[nodes], -1)
        nodes = np.where(before >= 0, 2 * before + right, -1)
        layers.append((nodes, np.repeat(splits, 2)))
        count = 2 * len(splits)
        if not count:
            break
    return layers


@pytest.mark.parametrize("seed", range(6))
def test_layers_that_grow_are_those_counted_anew(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bins, values = rng.integers(0, 5, (120, 3)), rng.integers(-9, 9, (120, 2))
    layers = Layers(bins, PUBLIC.encrypt(values), bin_count=5)
    root = layers.root()
    whole = np.zeros(120, dtype=np.int64)
    counts = {"node_count": 1, "bin_count": 5}
    np.testing.assert_array_equal(opened(root), plain_sums(bins, whole, values, **counts))
    for nodes, parents in grown(rng, 120, 3):
        counts["node_count"] = len(parents)
        sums = layers.grow(nodes, parents)
        np.testing.assert_array_equal(opened(sums), plain_sums(bins, nodes, values, **counts))


def test_the_larger_sibling_costs_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = []
    real = module.histogram

    def spy(bins: Any, nodes: Any, *rest: Any, **counts: int) -> Encrypted:
        counted.append(int((nodes >= 0).sum()))
        return real(bins, nodes, *rest, **counts)

    monkeypatch.setattr(module, "histogram", spy)
    layers = Layers(np.zeros((10, 1), np.uint8), PUBLIC.encrypt(np.arange(10)), bin_count=1)
    layers.root()
    layers.grow(np.array([0] * 3 + [1] * 7), np.array([0, 0]))
    assert counted == [10, 3]


def test_a_sibling_is_not_derived_where_rows_have_left() -> None:
    layers = Layers(np.zeros((6, 1), np.uint8), PUBLIC.encrypt(np.arange(6)), bin_count=1)
    layers.root()
    sums = layers.grow(np.array([0, 0, 1, 1, 1, -1]), np.array([0, 0]))
    np.testing.assert_array_equal(opened(sums).ravel(), [1, 9])


def test_a_tree_that_does_not_grow_from_its_own_layers_is_refused() -> None:
    layers = Layers(np.zeros((4, 1), np.uint8), PUBLIC.encrypt(np.arange(4)), bin_count=1)
    with pytest.raises(ValueError, match="root"):
        layers.grow(np.zeros(4, int), np.array([0]))
    layers.root(np.array([0, 0, 0, -1]))
    with pytest.raises(ValueError, match="does not come from its own"):
        layers.grow(np.array([0, 0, 1, 1]), np.array([0, 0]))
    with pytest.raises(IndexError, match="parent"):
        layers.grow(np.array([0, 0, 0, -1]), np.array([1]))
    with pytest.raises(IndexError, match="node"):
        layers.grow(np.array([0, 0, 2, -1]), np.array([0, 0]))


def test_what_does_not_go_together_is_refused() -> None:
    bins, nodes, hidden = np.zeros((3, 2), np.uint8), np.zeros(3, int), PUBLIC.encrypt([1, 2, 3])
    counts = {"node_count": 1, "bin_count": 1}
    with pytest.raises(IndexError, match="bin"):
        histogram(bins + np.uint8(1), nodes, hidden, **counts)
    with pytest.raises(IndexError, match="node"):
        histogram(bins, nodes + 1, hidden, **counts)
    for wrong in (
        (bins[:2], nodes, hidden),
        (bins * 0.5, nodes, hidden),
        (bins, nodes, hidden[:2]),
    ):
        with pytest.raises(ValueError, match="row"):
            histogram(*wrong, **counts)


def test_packed_gradients_and_hessians_are_exact_under_a_full_key(pair: Pair) -> None:
    public, private = pair
    rng = np.random.default_rng(8)
    rows = 300
    fixed = np.stack([rng.integers(-(2**23), 2**23, rows), rng.integers(0, 2**21, rows)], axis=1)
    bins, nodes = rng.integers(0, 4, (rows, 3)), rng.integers(0, 2, rows)
    slots = Slots.for_sums(2, largest=1.0, terms=rows)
    sums = histogram(
        bins, nodes, slots.encrypt(public, fixed * 2.0**-23), node_count=2, bin_count=4
    )
    few = slots.joined(sums)
    assert few.size == 1
    found = slots.opened(private, few.refreshed(), sums.shape)
    expected = plain_sums(bins, nodes, fixed, node_count=2, bin_count=4) * 2.0**-23
    np.testing.assert_array_equal(found, expected)


def test_a_hundred_thousand_packed_sums_of_trees_are_those_of_integers(pair: Pair) -> None:
    """Every slot of a ciphertext is the gradient of one class; borders and signs at random."""
    public, private = pair
    rng = np.random.default_rng(15)
    rows, features, bin_count, top = 300, 6, 12, 1 << 14
    one = Slots.for_sums(1, largest=top, terms=rows, precision=0)
    classes = one.fits_in(public)
    slots = Slots.for_sums(classes, largest=top, terms=rows, precision=0)
    compared = 0
    while compared < 100_000:
        bins = rng.integers(0, bin_count, (rows, features))
        edges = np.array([0, 1, -1, top, -top, top - 1, 1 - top])
        values = np.where(
            rng.random((rows, classes)) < 0.5,
            edges[rng.integers(0, len(edges), (rows, classes))],
            rng.integers(-top, top, (rows, classes), endpoint=True),
        )
        layers = Layers(bins, slots.encrypt(public, values), bin_count=bin_count)
        found = [(layers.root(), np.zeros(rows, np.int64), 1)]
        for nodes, parents in grown(rng, rows, 3):
            found.append((layers.grow(nodes, parents), nodes, len(parents)))
        for sums, nodes, count in found:
            numbers = slots.unpacked(private.decrypt_ints(sums), sums.size)
            expected = plain_sums(bins, nodes, values, node_count=count, bin_count=bin_count)
            np.testing.assert_array_equal(numbers.reshape(expected.shape), expected)
            compared += expected.size
