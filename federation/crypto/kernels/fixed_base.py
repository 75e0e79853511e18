"""Powers of one base on the accelerated path: a product a digit of 7 bits, and tables read whole.

    b**e = prod_i T_i[d_i],    e = sum_i d_i 2**(7 i),    T_i[d] = b**(d 2**(7 i))

Learns: nobody anything; the same memory is read whatever the exponents are. Tables hold powers of a
public base: 12 MB for random powers of 1024 bits modulo the square of a 2048-bit number.
Source: Brickell et al. 1992.
"""

import secrets
import threading
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from federation.crypto.kernels.limbs import Rows, digits_of
from federation.crypto.kernels.machine import aligned, at, spread
from federation.crypto.kernels.ring import Exponents, FixedBase, Residues
from federation.crypto.kernels.shape import LANES

if TYPE_CHECKING:
    from federation.crypto.kernels.limb_ring import LimbRing

_BLOCK = 32
"""Groups that fit into the second cache beside a table."""


class LimbFixedBase(FixedBase):
    """Powers from tables of base**(digit 2**(window place)), laid out for the kernel `fixed`."""

    def __init__(self, ring: "LimbRing", base: int) -> None:
        self._ring = ring
        self._base = base
        self._window = ring.shape.window
        self._tables = aligned(0, ring.shape.words, 1 << self._window)
        self._next = ring.from_ints([base])
        self._making = threading.Lock()

    def random_powers(self, count: int, bits: int) -> Residues:
        places, groups = -(-bits // self._window), -(-count // LANES)
        if not count:
            return self._ring.ones(0)
        drawn = np.frombuffer(secrets.token_bytes(places * groups * LANES), dtype=np.uint8)
        return self._of_digits(drawn.reshape(places, groups, LANES))[:count]

    def powers(self, exponents: Exponents, bits: int) -> Residues:
        count = len(exponents)
        places, groups = max(2, -(-bits // self._window)), -(-count // LANES)
        if not count:
            return self._ring.ones(0)
        digits = np.zeros((LANES * groups, places), dtype=np.uint8)
        found = digits_of(exponents, bits, self._window)
        digits[:count, : found.shape[1]] = found
        return self._of_digits(digits.T.reshape(places, groups, LANES))[:count]

    def _of_digits(self, digits: NDArray[np.uint8]) -> Rows:
        """Powers of digits[place][group][lane], lowest place first; higher bits are cut off."""
        places, groups, _ = digits.shape
        ring, tables = self._ring, self._tables_of(places)
        result = np.empty((LANES * groups, ring.shape.stride), dtype=np.uint64)
        mask = np.uint8((1 << self._window) - 1)

        def work(first: int, size: int) -> None:
            for start in range(first, first + size, _BLOCK):
                block = digits[:, start : min(start + _BLOCK, first + size)]
                lanes = aligned(*block.shape)
                lanes[:] = block & mask
                row = at(result, LANES * start)
                ring.kernels.fixed(row, at(tables), at(lanes), places, at(ring.n), block.shape[1])

        spread(groups, places, work)
        return result

    def _tables_of(self, places: int) -> NDArray[np.uint64]:
        """Tables[place][limb][digit] for at least so many places."""
        with self._making:
            have = len(self._tables)
            if have < places:
                tables = aligned(places, self._ring.shape.words, 1 << self._window)
                tables[:have] = self._tables
                tables[have:] = self._made(places - have)
                self._tables = tables
            return self._tables

    def _made(self, places: int) -> NDArray[np.uint64]:
        """Tables of the next places."""
        ring, firsts = self._ring, []
        for _ in range(places):
            firsts.append(self._next)
            self._next = ring.squares(self._next, self._window)
        table = ring.power_table(np.concatenate(firsts), self._window)
        entries = table.reshape(1 << self._window, places, ring.shape.stride)
        return entries.transpose(1, 2, 0)[:, : ring.shape.words]
