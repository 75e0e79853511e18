"""The accelerated path: residues as rows of 52-bit limbs in Montgomery's form, 8 at a time.

A row holds a R mod n, or for a modulus n**2 the pair (a0, a1) of a R = a0 - a1 n, as `arithmetic`
says. Halves are below 2 n, not unique; on the way out they become the one integer there is:

    in:  sum_k mul(piece_k, R**(k + 2)), pieces of 52 limbs bits        out:  mul(a, 1) <= n

Learns: nobody anything. Secret exponents show neither in branches nor in addresses.
Source: Montgomery 1985.
"""

from collections.abc import Sequence

import numpy as np
from gmpy2 import mpz
from numpy.typing import NDArray

from federation.crypto.kernels import limbs
from federation.crypto.kernels.fixed_base import LimbFixedBase
from federation.crypto.kernels.limbs import Rows
from federation.crypto.kernels.machine import aligned, at, kernels_for, spread
from federation.crypto.kernels.multiexp import power_products
from federation.crypto.kernels.pieces import chain_plan, pieces_of
from federation.crypto.kernels.ring import Exponents, FixedBase, Residues, Ring
from federation.crypto.kernels.shape import LANES, LIMB_BITS, POWER_WINDOW, shape_of


class LimbRing(Ring):
    """Residues are uint64, shape (n, stride)."""

    def __init__(self, n: int, *, pair: bool = False) -> None:
        """Modulo n**2 if `pair`, else modulo n, which is odd."""
        self.shape = shape_of(n, pair)
        self.modulus = mpz(n) ** 2 if pair else mpz(n)
        self._root = mpz(n)
        self.kernels = kernels_for(self.shape)
        length = self.shape.limbs
        self.n = np.zeros(length + 1, dtype=np.uint64)
        self.n[:length] = limbs.from_ints([n], length)[0]
        self.n[length] = -pow(int(n), -1, 1 << LIMB_BITS) % (1 << LIMB_BITS)
        self._radix = mpz(1) << (LIMB_BITS * length)
        self._constants: dict[int, Rows] = {}

    # --- in and out ------------------------------------------------------------------------------

    def one_plus(self, multiples: Exponents) -> Residues:
        if not self.shape.pair:
            raise ValueError("the modulus is not known to be a square")
        if multiples.dtype == object:
            return self.from_ints([1 + m * self._root for m in multiples.tolist()])
        length = self.shape.limbs
        rows = np.zeros((len(multiples), self.shape.stride), dtype=np.uint64)
        rows[:, 0] = 1
        rows[:, length : 2 * length] = limbs.plus_signed(self.n[:length], -multiples)
        return self.multiply(rows, self._constant(2))

    def ones(self, count: int) -> Residues:
        return np.repeat(self._constant(1), count, axis=0)

    def from_ints(self, values: Sequence[int]) -> Residues:
        width = (self.modulus.bit_length() + 7) // 8
        data = b"".join(int(value % self.modulus).to_bytes(width, "little") for value in values)
        return self.read(data, width)

    def to_ints(self, residues: Residues) -> list[mpz]:
        width = (self.modulus.bit_length() + 7) // 8
        data = self.write(residues, width)
        return [
            mpz.from_bytes(data[at_ : at_ + width], "little") for at_ in range(0, len(data), width)
        ]

    def read(self, data: bytes | memoryview, width: int) -> Residues:
        numbers = limbs.from_bytes(data, width)
        length, total = self.shape.limbs, None
        for k, first in enumerate(range(0, numbers.shape[1], length)):
            piece = np.zeros((len(numbers), self.shape.stride), dtype=np.uint64)
            part = numbers[:, first : first + length]
            piece[:, : part.shape[1]] = part
            term = self.multiply(piece, self._constant(k + 2))
            total = term if total is None else self.multiply(self._sum(total, term), self._one())
        assert total is not None  # noqa: S101 - a width is positive
        return total

    def write(self, residues: Residues, width: int) -> bytes:
        plain = self.multiply(residues, self._constant(0))
        length = self.shape.limbs
        low, n = plain[:, :length], self.n[:length]
        if not self.shape.pair:
            low[_equal(low, n)] = 0
            return limbs.to_bytes(low, width)
        high = plain[:, length : 2 * length]
        # The pair stands for c0 - c1 n with c0 <= n and c1 <= n + 1: make that c0 < n, 0 < c1 <= n.
        odd = _equal(low, n)
        if odd.any():
            return self._write_slowly(plain, width)
        high[~high.any(axis=1)] = n
        high[_equal(high, limbs.from_ints([int(self._root) + 1], length)[0])] = _first(length)
        groups, whole = self._whole(plain)
        joined = np.empty_like(whole)

        def work(first: int, count: int) -> None:
            row = LANES * first
            self.kernels.join(at(joined, row), at(whole, row), at(self.n), count)

        spread(groups, 1, work)
        return limbs.to_bytes(joined[: len(plain), : 2 * length], width)

    def _write_slowly(self, plain: Rows, width: int) -> bytes:
        """Numbers that share a factor with n, which no encryption gives."""
        length = self.shape.limbs
        size = -(-LIMB_BITS * length // 8)
        halves = [limbs.to_bytes(plain[:, i : i + length], size) for i in (0, length)]
        result = []
        for start in range(0, size * len(plain), size):
            c0, c1 = (mpz.from_bytes(half[start : start + size], "little") for half in halves)
            result.append(int((c0 - c1 * self._root) % self.modulus).to_bytes(width, "little"))
        return b"".join(result)

    # --- products --------------------------------------------------------------------------------

    def multiply(self, a: Residues, b: Residues) -> Residues:
        count = max(len(a), len(b)) if min(len(a), len(b)) else 0
        return self._product(a, _places(a, count), b, _places(b, count))

    def picked_product(
        self, a: Residues, index_a: NDArray[np.int64], b: Residues, index_b: NDArray[np.int64]
    ) -> Residues:
        """a[index_a] * b[index_b], without copies of the factors; indices are not negative."""
        return self._product(a, index_a, b, index_b)

    def _product(
        self, a: Rows, index_a: NDArray[np.int64], b: Rows, index_b: NDArray[np.int64]
    ) -> Rows:
        count = len(index_a)
        groups = -(-count // LANES)
        result = np.empty((LANES * groups, self.shape.stride), dtype=np.uint64)
        a, b = np.ascontiguousarray(a), np.ascontiguousarray(b)
        index_a, index_b = _filled(index_a, groups), _filled(index_b, groups)

        def work(first: int, size: int) -> None:
            row = LANES * first
            self.kernels.multiply(
                at(result, row), at(a), at(b), at(index_a, row), at(index_b, row), at(self.n), size
            )

        spread(groups, 1, work)
        return result[:count]

    def squares(self, a: Residues, times: int) -> Residues:
        if times == 0:
            return a
        groups, rows = self._whole(a)
        result = np.empty_like(rows)

        def work(first: int, size: int) -> None:
            row = LANES * first
            self.kernels.squares(at(result, row), at(rows, row), times, at(self.n), size)

        spread(groups, times, work)
        return result[: len(a)]

    def power(self, a: Residues, exponents: Exponents) -> Residues:
        return self._raised(a, limbs.nibbles_of(exponents))

    def power_all(self, a: Residues, exponent: int, bits: int) -> Residues:
        digits = limbs.nibbles_of(np.array([int(exponent)], dtype=object), bits)
        return self._raised(a, np.broadcast_to(digits, (len(a), digits.shape[1])))

    def _raised(self, a: Rows, digits: NDArray[np.uint64]) -> Rows:
        """Powers of digits given lowest first, shape (n, places)."""
        places = digits.shape[1]
        if not places:
            return self.ones(len(a))
        groups, rows = self._whole(a)
        order = np.zeros((LANES * groups, places), dtype=np.uint64)
        order[: len(a)] = digits[:, ::-1]
        lanes = aligned(groups, places, LANES)
        lanes[:] = order.reshape(groups, LANES, places).transpose(0, 2, 1)
        result, one = np.empty_like(rows), self._constant(1)

        def work(first: int, size: int) -> None:
            row = LANES * first
            self.kernels.power(
                at(result, row), at(rows, row), at(one), at(lanes, first), places, at(self.n), size
            )

        spread(groups, places * (POWER_WINDOW + 1), work)
        return result[: len(a)]

    def inverses(self, a: Residues) -> Residues:
        return self.paired_inverses(a)

    def bucket_products(
        self,
        a: Residues,
        labels: NDArray[np.int64],
        count: int,
        picks: NDArray[np.int64] | None = None,
    ) -> Residues:
        # Numbers of 16 bits are sorted by counting, which takes a tenth of the time.
        short = labels.astype(np.uint16) if count <= 1 << 16 else labels
        order = np.argsort(short, kind="stable")
        items = order if picks is None else picks[order]
        sizes = np.bincount(labels, minlength=count).astype(np.int64)
        filled = np.flatnonzero(sizes)
        rows, sizes = np.ascontiguousarray(a), sizes[filled]
        while len(items):
            lengths, parts = pieces_of(sizes)
            rows = self._chained(rows, items, lengths)
            if len(rows) == len(filled):
                break
            items, sizes = np.arange(len(rows)), parts
        result = self.ones(count)
        if len(filled):
            result[filled] = rows
        return result

    def _chained(self, rows: Rows, items: NDArray[np.int64], lengths: NDArray[np.int64]) -> Rows:
        """Products of runs of items that follow each other; every run has at least one."""
        plan = chain_plan(items, lengths)
        groups = len(plan.starts)
        result = np.empty((LANES * groups, self.shape.stride), dtype=np.uint64)
        one = self._constant(1)

        def work(first: int, size: int) -> None:
            self.kernels.chains(
                at(result, LANES * first),
                at(rows),
                at(one),
                at(plan.picks),
                at(plan.starts, first),
                at(plan.lengths, first),
                at(self.n),
                size,
            )

        spread(groups, -(-len(plan.picks) // (LANES * max(1, groups))), work)
        return result[plan.places]

    def power_products(self, exponents: Exponents, a: Residues) -> Residues:
        return power_products(self, exponents, a)

    def fixed_base(self, base: int) -> FixedBase:
        return LimbFixedBase(self, base)

    # --- parts -----------------------------------------------------------------------------------

    def _one(self) -> Rows:
        return self._constant(1)

    def _constant(self, power: int) -> Rows:
        """R**power as one row, not in Montgomery's form; the first power stands for 1 in it."""
        if power not in self._constants:
            value = pow(self._radix, power, self.modulus)
            length = self.shape.limbs
            row = np.zeros((1, self.shape.stride), dtype=np.uint64)
            high, low = divmod(value, self._root)
            row[0, :length] = limbs.from_ints([low], length)[0]
            if self.shape.pair:
                row[0, length : 2 * length] = limbs.from_ints([-high % self._root], length)[0]
            self._constants[power] = row
        return self._constants[power]

    def _sum(self, a: Rows, b: Rows) -> Rows:
        """Sums of rows, to be multiplied by a reduced row next."""
        groups, one = self._whole(a)
        _, other = self._whole(b)
        result = np.empty_like(one)

        def work(first: int, size: int) -> None:
            row = LANES * first
            self.kernels.add(at(result, row), at(one, row), at(other, row), size)

        spread(groups, 1, work)
        return result[: len(a)]

    def _whole(self, a: Rows) -> tuple[int, Rows]:
        """How many groups, and the rows filled up to whole groups."""
        groups = -(-len(a) // LANES)
        if len(a) == LANES * groups:
            return groups, np.ascontiguousarray(a)
        rows = np.zeros((LANES * groups, self.shape.stride), dtype=np.uint64)
        rows[: len(a)] = a
        return groups, rows


def _places(a: Rows, count: int) -> NDArray[np.int64]:
    if len(a) == count:
        return np.arange(count)
    if len(a) != 1:
        raise ValueError(f"{len(a)} numbers do not go with {count}")
    return np.zeros(count, dtype=np.int64)


def _filled(index: NDArray[np.int64], groups: int) -> NDArray[np.int64]:
    """The index with zeros behind it, up to whole groups."""
    if len(index) == LANES * groups:
        return np.ascontiguousarray(index, dtype=np.int64)
    result = np.zeros(LANES * groups, dtype=np.int64)
    result[: len(index)] = index
    return result


def _equal(rows: Rows, row: Rows) -> NDArray[np.bool_]:
    """Which rows are `row`."""
    likely = rows[:, 0] == row[0]
    likely[likely] = (rows[likely] == row).all(axis=1)
    result: NDArray[np.bool_] = likely
    return result


def _first(length: int) -> Rows:
    row = np.zeros(length, dtype=np.uint64)
    row[0] = 1
    return row
