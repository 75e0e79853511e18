"""The processor's path, with batches that another path counts sooner sent there and back.

Residues are the processor's. A batch that goes travels as a blob of integers, which costs a few
products a number each way: powers are worth it, single products never are.

Learns: nobody anything; whether a batch goes depends on counts alone.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from gmpy2 import mpz
from numpy.typing import NDArray

from federation.crypto.kernels.multiexp import cheapest, longest
from federation.crypto.kernels.ring import Exponents, FixedBase, Residues, Ring

_WINDOW = 7


@dataclass(frozen=True, slots=True)
class Work:
    """What a batch takes.

    Attributes:
        products: in all.
        steps: of these that wait for each other.
        moved: numbers that travel, there or back.
        powers: the products raise numbers, each to a power of its own or all to one.
    """

    products: int
    steps: int
    moved: int
    powers: bool = True


class Broker(Protocol):
    """Who decides, and has the other path's ring."""

    def takes(self, work: Work) -> bool:
        """Whether the other path is there, right, and sooner done with that."""

    def ring(self, modulus: int, root: int | None) -> Ring | None:
        """The other path's ring, or None if it has none for that modulus."""

    def failed(self, error: Exception) -> None:
        """The other path can not count; it is not asked again."""


class BatchRing(Ring):
    """Residues are those of `near`."""

    def __init__(self, near: Ring, root: int | None, broker: Broker) -> None:
        self.modulus = near.modulus
        self.near = near
        self._root = root
        self._broker = broker
        self._width = (self.modulus.bit_length() + 7) // 8
        self._sending = threading.Lock()

    @cached_property
    def _other(self) -> Ring | None:
        return self._broker.ring(int(self.modulus), self._root)

    @property
    def far(self) -> Ring:
        """The other path's ring, for what `counted` sends there."""
        assert self._other is not None  # noqa: S101 - else nothing is sent
        return self._other

    def counted(
        self, work: Work, near: Callable[[], Residues], far: Callable[[], Residues]
    ) -> Residues:
        """What either gives; `far`'s is of the other path, and turned into one of this one."""
        if not self._broker.takes(work):
            return near()
        try:
            with self._sending:
                if self._other is None:
                    return near()
                result = self._other.write(far(), self._width)
        except RuntimeError as error:
            self._broker.failed(error)
            return near()
        return self.near.read(result, self._width)

    def sent(self, a: Residues) -> Residues:
        """The same numbers on the other path."""
        return self.far.read(self.near.write(a, self._width), self._width)

    # --- what the processor does -----------------------------------------------------------------

    def one_plus(self, multiples: Exponents) -> Residues:
        return self.near.one_plus(multiples)

    def ones(self, count: int) -> Residues:
        return self.near.ones(count)

    def joined(self, parts: Sequence[Residues]) -> Residues:
        return self.near.joined(parts)

    def from_ints(self, values: Sequence[int]) -> Residues:
        return self.near.from_ints(values)

    def to_ints(self, residues: Residues) -> list[mpz]:
        return self.near.to_ints(residues)

    def read(self, data: bytes | memoryview, width: int) -> Residues:
        return self.near.read(data, width)

    def write(self, residues: Residues, width: int) -> bytes:
        return self.near.write(residues, width)

    def multiply(self, a: Residues, b: Residues) -> Residues:
        return self.near.multiply(a, b)

    def inverses(self, a: Residues) -> Residues:
        return self.near.inverses(a)

    # --- what may travel -------------------------------------------------------------------------

    def squares(self, a: Residues, times: int) -> Residues:
        return self.counted(
            Work(len(a) * times, times, 2 * len(a)),
            lambda: self.near.squares(a, times),
            lambda: self.far.squares(self.sent(a), times),
        )

    def power(self, a: Residues, exponents: Exponents) -> Residues:
        bits = int(exponents.max()).bit_length() if len(exponents) else 0
        return self.counted(
            Work(len(a) * bits, bits, 2 * len(a)),
            lambda: self.near.power(a, exponents),
            lambda: self.far.power(self.sent(a), exponents),
        )

    def power_all(self, a: Residues, exponent: int, bits: int) -> Residues:
        return self.counted(
            Work(len(a) * bits, bits, 2 * len(a)),
            lambda: self.near.power_all(a, exponent, bits),
            lambda: self.far.power_all(self.sent(a), exponent, bits),
        )

    def bucket_products(
        self,
        a: Residues,
        labels: NDArray[np.int64],
        count: int,
        picks: NDArray[np.int64] | None = None,
    ) -> Residues:
        return self.counted(
            Work(len(labels), len(labels).bit_length(), len(a) + count, powers=False),
            lambda: self.near.bucket_products(a, labels, count, picks),
            lambda: self.far.bucket_products(self.sent(a), labels, count, picks),
        )

    def power_products(self, exponents: Exponents, a: Residues) -> Residues:
        rows, length = exponents.shape
        plan = cheapest(rows, length, longest(exponents))
        steps = plan.window * plan.places + 2 * plan.half
        return self.counted(
            Work(plan.cost, steps, rows + length, powers=False),
            lambda: self.near.power_products(exponents, a),
            lambda: self.far.power_products(exponents, self.sent(a)),
        )

    def fixed_base(self, base: int) -> "BatchFixedBase":
        return BatchFixedBase(self, base)


class BatchFixedBase(FixedBase):
    """Tables on each path, made when it first counts."""

    def __init__(self, ring: BatchRing, base: int) -> None:
        self._ring = ring
        self._base = base

    @cached_property
    def _near(self) -> FixedBase:
        return self._ring.near.fixed_base(self._base)

    @cached_property
    def _far(self) -> FixedBase:
        return self._ring.far.fixed_base(self._base)

    def random_powers(self, count: int, bits: int) -> Residues:
        return self._ring.counted(
            self._work(count, bits),
            lambda: self._near.random_powers(count, bits),
            lambda: self._far.random_powers(count, bits),
        )

    def powers(self, exponents: Exponents, bits: int) -> Residues:
        return self._ring.counted(
            self._work(len(exponents), bits),
            lambda: self._near.powers(exponents, bits),
            lambda: self._far.powers(exponents, bits),
        )

    @staticmethod
    def _work(count: int, bits: int) -> Work:
        steps = -(-bits // _WINDOW)
        return Work(count * steps, steps, count, powers=False)
