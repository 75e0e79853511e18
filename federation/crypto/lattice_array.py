"""Lines of numbers under the lattice scheme, and products that stand apart; see `lattice`.

Learns: as `lattice`.
"""

import secrets
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from federation.crypto.fixed_point import precision_of, to_fixed
from federation.crypto.scheme import Encrypted
from federation.crypto.seal import DEGREE, HALF, PLAIN_BITS, Coefficients, Thing, seal
from federation.errors import FixedPointOverflow, MixedKeys, SchemeLacks

if TYPE_CHECKING:
    from federation.crypto.lattice import LatticePublicKey

PRECISION = 16
"""Most bits after the point of what is encrypted."""
FACTOR_PRECISION = 14
"""Most bits after the point of a single factor."""
LIMIT_BITS = 23
"""Of a fresh number, as an integer."""
MOST_TERMS = 1 << 20
"""Most fresh numbers that one number of a letter is the sum of."""

_FACTOR_BITS = 3
"""Bits before the point that a sum of factors has, for each of them."""
_KEPT_LEVEL = 2
_MOST_APART = 1024


class LatticeEncrypted(Encrypted):
    """A line of numbers, 8192 a block; or, of what was multiplied, one block each (`apart`)."""

    key: "LatticePublicKey"

    def __init__(
        self,
        key: "LatticePublicKey",
        blocks: Sequence[Thing],
        shape: tuple[int, ...],
        precision: int,
        *,
        fresh: bool,
        apart: bool,
        most: int,
    ) -> None:
        """Blocks as they are; `most` is a magnitude that no number exceeds, as an integer."""
        self.key = key
        self.blocks = list(blocks)
        self.shape = shape
        self.precision = precision
        self.fresh = fresh
        self.apart = apart
        self.most = most

    # --- sums ------------------------------------------------------------------------------------

    def __add__(self, other: Encrypted | ArrayLike) -> Self:
        if not isinstance(other, Encrypted):
            return self._plus(np.asarray(other))
        theirs = self._same_key(other)
        precision = max(self.precision, theirs.precision)
        one, two = self._at(precision), theirs._at(precision)
        if one.size != two.size:
            lacks("sums of arrays of different lengths")
        if one.apart != two.apart:
            one, two = one._set_apart(), two._set_apart()
        library, blocks = seal(), []
        for a, b in zip(one.blocks, two.blocks, strict=True):
            level = max(library.level_of(a), library.level_of(b))
            total = library.new()
            library.evaluator.add(library.lowered(a, level), library.lowered(b, level), total)
            blocks.append(total)
        shape = one.shape if one.shape else two.shape
        return one._like(blocks, shape, most=one.most + two.most)

    def _plus(self, plain: NDArray[Any]) -> Self:
        """Sum with plain numbers, each below the limit of what is encrypted."""
        precision = max(self.precision, min(precision_of(plain, None), PRECISION))
        mine = self._at(precision)
        most = 1 << (LIMIT_BITS - PRECISION + precision)
        fixed = np.broadcast_to(to_fixed(plain, precision, most), self.shape).ravel()
        if mine.apart:
            parts = [fixed[i : i + 1] for i in range(len(fixed))]
        else:
            parts = [fixed[i : i + DEGREE] for i in range(0, len(fixed), DEGREE)]
        library = seal()

        def added(block: Thing, part: Coefficients) -> Thing:
            total = library.new()
            library.evaluator.add_plain(block, library.polynomial(part), total)
            return total

        blocks = [added(block, part) for block, part in zip(mine.blocks, parts, strict=True)]
        return mine._like(blocks, most=mine.most + most)

    def __neg__(self) -> Self:
        return self._each(seal().evaluator.negate)

    def sum(self, axis: int | None = None) -> Self:
        if axis not in (None, 0, -1):
            raise ValueError(f"there is no axis {axis}")
        if self.apart:
            total = self[0] if self.size else self.key.encrypt(0).halved(self.precision)
            for position in range(1, self.size):
                total = total + self[position]
            return self._like(total.blocks, (), apart=True, most=total.most)
        ones = np.ones((1, self.size), dtype=np.int64)
        return self.__rmatmul__(ones)[0]

    # --- products --------------------------------------------------------------------------------

    def __mul__(self, plain: ArrayLike) -> Self:
        if isinstance(plain, Encrypted):
            raise TypeError("ciphertexts can not be multiplied with each other")
        array = np.asarray(plain)
        bits = min(precision_of(array, None), FACTOR_PRECISION)
        fixed = to_fixed(array, bits, HALF)
        if fixed.size == 1:
            fixed = np.broadcast_to(fixed.reshape(()), len(self.blocks))
        elif not self.apart or fixed.shape != self.shape:
            lacks("products number by number")
        return self._times(fixed, bits)

    def _times(self, factors: Coefficients, bits: int) -> Self:
        """Every block by an integer of its own."""
        most = self.most * int(np.abs(factors).max(initial=0))
        blocks = [
            self._product(block, np.array([factor]))
            for block, factor in zip(self.blocks, factors, strict=True)
        ]
        return self._like(blocks, precision=self.precision + bits, most=most)

    def _product(self, block: Thing, polynomial: Coefficients) -> Thing:
        library, result = seal(), seal().new()
        if not polynomial.any():
            return self.key.made(polynomial)
        library.evaluator.multiply_plain(block, library.polynomial(polynomial), result)
        return result

    def __rmatmul__(self, plain: NDArray[Any]) -> Self:
        matrix = np.asarray(plain)
        if matrix.ndim == 1:
            return self.__rmatmul__(matrix[np.newaxis])[0]
        if matrix.ndim != 2 or self.ndim != 1 or matrix.shape[1] != self.size:
            raise ValueError(f"shapes {matrix.shape} and {self.shape} do not go together")
        if self.apart:
            lacks("products of products")
        bits = min(precision_of(matrix, None), self._factor_precision())
        factors = to_fixed(matrix, bits, HALF)
        lengths = np.abs(factors.astype(object)).sum(axis=1) if factors.size else np.zeros(1)
        most = self.most * max(int(length) for length in lengths)
        _check_most(most)
        spread = [self._in_ntt(block) for block in self.blocks]
        blocks = [self._row_product(spread, row) for row in factors]
        shape, precision = (len(matrix),), self.precision + bits
        return self._like(blocks, shape, precision=precision, apart=True, most=max(1, most))

    def _factor_precision(self) -> int:
        """Bits after the point of a matrix: of what everybody knows, and not of its numbers."""
        used = self.most.bit_length() + self.size.bit_length() + _FACTOR_BITS
        return max(0, HALF.bit_length() - 1 - used)

    def _in_ntt(self, block: Thing) -> Thing:
        library, result = seal(), seal().new()
        library.evaluator.transform_to_ntt(block, result)
        return result

    def _row_product(self, spread: Sequence[Thing], row: Coefficients) -> Thing:
        library, total = seal(), None
        evaluator = library.evaluator
        for number, block in enumerate(spread):
            part = row[number * DEGREE : (number + 1) * DEGREE]
            if not part.any():
                continue
            turned = np.zeros(DEGREE, dtype=np.int64)
            turned[0], turned[DEGREE - len(part) + 1 :] = part[0], -part[:0:-1]
            factor, term = library.polynomial(turned), library.new()
            evaluator.transform_to_ntt_inplace(factor, block.parms_id())
            evaluator.multiply_plain(block, factor, term)
            if total is None:
                total = term
            else:
                evaluator.add_inplace(total, term)
        if total is None:
            return self.key.made(np.zeros(1, dtype=np.int64))
        evaluator.transform_from_ntt_inplace(total)
        return total

    def halved(self, times: int) -> Self:
        return self._like(self.blocks, precision=self.precision + times, fresh=self.fresh)

    def doubled(self, times: int) -> Self:
        _check_most(self.most << times)
        return self._times(np.full(len(self.blocks), 1 << times), 0)

    # --- parts -----------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Self:
        picked = np.arange(self.size).reshape(self.shape)[index]
        if picked.ndim > 1:
            lacks("arrays of several axes")
        line = np.atleast_1d(picked)
        if not self.apart and np.array_equal(line, np.arange(len(line))):
            blocks = self.blocks[: -(-len(line) // DEGREE)]
            return self._like(blocks, picked.shape, fresh=self.fresh and len(line) == self.size)
        apart = self if self.apart else self._shifted(line)
        blocks = [apart.blocks[i] for i in line] if self.apart else apart.blocks
        return self._like(blocks, picked.shape, apart=True)

    def _set_apart(self) -> Self:
        return self if self.apart else self._shifted(np.arange(self.size))

    def _shifted(self, positions: NDArray[np.int64]) -> Self:
        """One block for each number, which is its constant coefficient."""
        if len(positions) > _MOST_APART:
            lacks("single numbers of long arrays")
        blocks = []
        for block, place in zip(*np.divmod(positions, DEGREE), strict=True):
            turn = np.zeros(DEGREE, dtype=np.int64)
            turn[-place % DEGREE] = -1 if place else 1
            blocks.append(self._product(self.blocks[block], turn))
        return self._like(blocks, (len(positions),), apart=True)

    def reshape(self, *shape: int) -> Self:
        wanted = np.arange(self.size).reshape(*shape).shape
        if len(wanted) > 1:
            lacks("arrays of several axes")
        return self._like(self.blocks, wanted, fresh=self.fresh)

    def transpose(self) -> Self:
        return self

    def bucket_sums(
        self, labels: NDArray[np.int64], count: int, picks: NDArray[np.int64] | None = None
    ) -> Self:
        lacks("sums of picked numbers, which histograms need")

    def refreshed(self) -> Self:
        each = 1 if self.apart else DEGREE
        starts = range(0, self.size, each)
        counts = [min(each, self.size - start) for start in starts]
        blocks = [self._hidden(*pair) for pair in zip(self.blocks, counts, strict=True)]
        return self._like(blocks, fresh=True)

    def _hidden(self, block: Thing, count: int) -> Thing:
        """A block under new randomness, with nothing left beyond its `count` numbers."""
        library = seal()
        level = library.level_of(block)
        result = library.lowered(self.key.made(_mask(count)), level)
        library.evaluator.add_inplace(result, block)
        return library.lowered(result, max(level, _KEPT_LEVEL)) if self.apart else result

    def _cells(self) -> Any:
        blocks = [seal().written(block) for block in self.blocks]
        terms = 1 if self.apart else max(1, -(-self.most // self.key.limit))
        if terms > MOST_TERMS:
            raise FixedPointOverflow(self.size)
        return {"apart": self.apart, "terms": terms, "blocks": blocks}

    def _joined(self, others: Sequence[Encrypted]) -> Self:
        parts = [self, *(self._same_key(other) for other in others)]
        precision = max(part.precision for part in parts)
        apart = [part._at(precision)._set_apart() for part in parts]
        blocks = [block for part in apart for block in part.blocks]
        most = max(part.most for part in apart)
        return apart[0]._like(blocks, (len(blocks),), most=most)

    def _same_key(self, other: Encrypted) -> Self:
        if not isinstance(other, type(self)) or other.key != self.key:
            raise MixedKeys(other.key.short_name, self.key.short_name)
        return other

    def _at(self, precision: int) -> Self:
        """The same values at a precision that is as fine or finer."""
        if precision == self.precision:
            return self
        finer = self.doubled(precision - self.precision)
        return finer._like(finer.blocks, precision=precision)

    def _each(self, operation: Callable[[Thing, Thing], None]) -> Self:
        blocks = [seal().new() for _ in self.blocks]
        for block, result in zip(self.blocks, blocks, strict=True):
            operation(block, result)
        return self._like(blocks)

    def _like(
        self,
        blocks: Sequence[Thing],
        shape: tuple[int, ...] | None = None,
        *,
        precision: int | None = None,
        fresh: bool = False,
        apart: bool | None = None,
        most: int | None = None,
    ) -> Self:
        _check_most(self.most if most is None else most)
        return type(self)(
            self.key,
            blocks,
            self.shape if shape is None else shape,
            self.precision if precision is None else precision,
            fresh=fresh,
            apart=self.apart if apart is None else apart,
            most=self.most if most is None else most,
        )


def _mask(known: int) -> Coefficients:
    """Zeros where numbers are, and uniform coefficients everywhere else."""
    drawn = np.frombuffer(secrets.token_bytes(8 * DEGREE), dtype=np.uint64)
    mask = (drawn >> np.uint64(64 - PLAIN_BITS)).astype(np.int64)
    mask[:known] = 0
    return mask


def _check_most(most: int) -> None:
    if most >= HALF:
        raise FixedPointOverflow(1)


def lacks(operation: str) -> NoReturn:
    """Refuse what this scheme can not do."""
    raise SchemeLacks("BFV", operation)
