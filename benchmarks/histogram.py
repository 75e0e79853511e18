"""Histograms of encrypted (g, h) for the layers of one tree, Paillier at 2048 bits.

30,000 rows, 10 features of 32 bins, a tree of depth 3: the layers of 1, 2 and 4 nodes. Ours packs g
and h into one ciphertext, lets features share sums, and derives the larger sibling. Beside it the
loop that anyone writes first: gmpy2, g and h apart, every row of every node into every feature's
bin. Both on one core, one after the other. Sums are decrypted and compared with the clear.

The limit beside is the products that ours takes, at the rate of a product alone.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from gmpy2 import mpz
from numpy.typing import NDArray

from benchmarks.he_peers import counting_by
from benchmarks.measure import Benchmark, Figure
from federation.crypto import Encrypted, PublicKey, generate_keypair, kernels
from federation.crypto.histogram import Layers
from federation.crypto.packing import Slots
from federation.crypto.paillier import PaillierPrivateKey, PaillierPublicKey
from federation.wire.codec import BigIntVector

ROWS, FEATURES, BINS, DEPTH = 30_000, 10, 32, 3
RUNS = {"ifma": 5, "portable": 3}
DISTINCT = 1000
"""Ciphertexts that are made; rows take one of them each, for sums cost the same."""

Layer = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Task:
    """Rows in bins, the nodes of every layer, and what each row's (g, h) is in the clear.

    Attributes:
        fixed: shape (n, 2), integers: (g, h) 2**23.
        picks: shape (n,), which of the ciphertexts is each row's.
        layers: nodes of rows and parents of nodes, below the root.
    """

    bins: NDArray[np.uint8]
    fixed: NDArray[np.int64]
    picks: NDArray[np.int64]
    layers: Sequence[Layer]

    @classmethod
    def drawn(cls, rows: int) -> "Task":
        """Random rows and splits."""
        rng = np.random.default_rng(1)
        distinct = np.stack(
            [rng.integers(-(1 << 23), 1 << 23, DISTINCT), rng.integers(0, 1 << 21, DISTINCT)], 1
        )
        picks = rng.integers(0, DISTINCT, rows)
        nodes, layers = np.zeros(rows, dtype=np.int64), []
        for depth in range(1, DEPTH):
            nodes = 2 * nodes + (rng.random(rows) < 0.4)
            layers.append((nodes, np.arange(1 << depth) // 2))
        bins = rng.integers(0, BINS, (rows, FEATURES)).astype(np.uint8)
        return cls(bins, distinct[picks], picks, layers)

    @property
    def nodes(self) -> list[NDArray[np.int64]]:
        """The node of each row, layer by layer, the root's among them."""
        return [np.zeros(len(self.bins), dtype=np.int64), *(nodes for nodes, _ in self.layers)]

    def clear(self, nodes: NDArray[np.int64]) -> NDArray[np.int64]:
        """The sums in the clear, shape (nodes, features, bins, 2)."""
        result = np.zeros((int(nodes.max()) + 1, FEATURES, BINS, 2), dtype=np.int64)
        for feature in range(FEATURES):
            np.add.at(result[:, feature], (nodes, self.bins[:, feature]), self.fixed)
        return result


def run(size: int) -> list[Figure]:
    """Both paths, where there are two, and the loop beside each."""
    task = Task.drawn(size)
    with counting_by("ifma"):
        public, private = generate_keypair("paillier", 2048)
        assert isinstance(public, PaillierPublicKey)
        assert isinstance(private, PaillierPrivateKey)
    paths = ["ifma", "portable"] if kernels.status().path == "ifma" else ["portable"]
    return [figure for path in paths for figure in measured(path, task, public, private)]


def measured(
    path: str, task: Task, public: PaillierPublicKey, private: PaillierPrivateKey
) -> list[Figure]:
    """Ours on one path and the loop, in turns."""
    slots = Slots.for_sums(2, largest=1.0, terms=len(task.bins))
    distinct = np.zeros((DISTINCT, 2), dtype=np.int64)
    distinct[task.picks] = task.fixed
    with counting_by(path):
        key = PublicKey.from_wire(public.to_wire())
        packed = slots.encrypt(key, distinct * 2.0**-23)
        assert isinstance(key, PaillierPublicKey)
        apart = key.encrypt(distinct)
        cells = [[mpz(c) for c in apart[:, column].values] for column in range(2)]
        ours: list[float] = []
        theirs: list[float] = []
        product = min(_seconds(lambda: packed + packed) for _ in range(5)) / DISTINCT
        for _ in range(RUNS[path]):
            started = time.process_time()
            sums = grown(task, packed[task.picks])
            ours.append(time.process_time() - started)
            started = time.process_time()
            loop = [plain_loop(task, nodes, cells, key.modulus) for nodes in task.nodes]
            theirs.append(time.process_time() - started)
        wrong = faults(task, slots, sums, private, public)
    what = f"histogram of (g, h), {len(task.bins):,} rows, depth {DEPTH}, {path}"
    loop_wrong = _loop_faults(task, loop[-1], private, public)
    ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
    limit, loop_s = round(product * products_of(task), 4), round(statistics.median(theirs), 3)
    return [
        Figure.of(what, "s", ours, gmpy2_loop=loop_s).within(products_alone=limit),
        Figure.of(f"{what}: times as fast as the loop", "x", ratios, goal="at least 5"),
        Figure.of(f"{what}: sums that differ from the clear", "", [wrong], goal="0"),
        Figure.of(f"{what}: of the loop's, the first 40", "", [loop_wrong], goal="0"),
    ]


def grown(task: Task, ciphertexts: Encrypted) -> list[Encrypted]:
    """The histograms of every layer."""
    layers = Layers(task.bins, ciphertexts, bin_count=BINS)
    return [layers.root(), *(layers.grow(nodes, parents) for nodes, parents in task.layers)]


def products_of(task: Task) -> int:
    """Products that ours takes about: joint bins by rows, then by feature, and differences."""
    total, pairs = 0, FEATURES // 2
    for nodes in task.nodes:
        counts = np.bincount(nodes)
        rows = int(counts.sum() if len(counts) == 1 else counts.reshape(-1, 2).min(axis=1).sum())
        counted = max(1, len(counts) // 2)
        total += pairs * (rows + counted * BINS * BINS)
        total += 4 * FEATURES * BINS * (len(counts) // 2)
    return total


def plain_loop(
    task: Task, nodes: NDArray[np.int64], cells: Sequence[Sequence[mpz]], modulus: mpz
) -> list[list[list[list[mpz]]]]:
    """Sums of one layer, [node][feature][bin][g or h], a product at a time."""
    result = [
        [[[mpz(1), mpz(1)] for _ in range(BINS)] for _ in range(FEATURES)]
        for _ in range(int(nodes.max()) + 1)
    ]
    first, second = cells
    for row, node, pick in zip(
        task.bins.tolist(), nodes.tolist(), task.picks.tolist(), strict=True
    ):
        g, h = first[pick], second[pick]
        for feature, place in zip(result[node], row, strict=True):
            both = feature[place]
            both[0] = both[0] * g % modulus
            both[1] = both[1] * h % modulus
    return result


def faults(
    task: Task,
    slots: Slots,
    sums: Sequence[Encrypted],
    private: PaillierPrivateKey,
    public: PaillierPublicKey,
) -> int:
    """How many sums of all layers are not those in the clear."""
    wrong = 0
    for nodes, layer in zip(task.nodes, sums, strict=True):
        few = Encrypted.from_wire(slots.joined(layer).to_wire(), public)
        found = slots.opened(private, few, layer.shape)
        wrong += int(np.count_nonzero(found != task.clear(nodes) * 2.0**-23))
    return wrong


def _loop_faults(
    task: Task,
    sums: Sequence[Sequence[Sequence[Sequence[mpz]]]],
    private: PaillierPrivateKey,
    public: PaillierPublicKey,
) -> int:
    cells = [value for both in sums[0][0][:20] for value in both]
    wire = public.encrypt(np.zeros(len(cells), dtype=np.int64)).to_wire()
    loose = wire | {"cells": BigIntVector.from_ints(cells, public.width)}
    hidden = Encrypted.from_wire(loose, public)
    expected = task.clear(task.nodes[-1])[0, 0, :20].ravel()
    return sum(a != b for a, b in zip(private.decrypt_ints(hidden), expected.tolist(), strict=True))


def _seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


BENCHMARK = Benchmark(
    "histogram", "encrypted histograms of a tree beside a gmpy2 loop, one core", run, size=ROWS
)
