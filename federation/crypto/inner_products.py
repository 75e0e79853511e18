"""Inner products with numbers that lie several in a plaintext.

A plaintext holds k numbers v_s in slots of b bits, and a plain row x lies the other way round:

    (sum_s v_s B**s)(sum_t x_t B**(k-1-t)) = low + B**(k-1) sum_s x_s v_s + B**k high,     B = 2**b

Added up over the ciphertexts of a line, slot k - 1 holds the inner product of line and row. An
exponent is almost all zeros, so it takes as many products as with one number a ciphertext, and k
times fewer ciphertexts are made and sent.

Low and high are sums of other pairs, which nobody asked for. Before a private key may see them,
`hidden` adds random numbers that fill their room: slots are 41 bits wider than the sums in them, so
that what is seen is 2**-40 from uniform and never runs over into the slot between.

Learns: who decrypts, the inner products and nothing of the other sums. Widths and precisions travel
in clear; they follow from how many rows there are. Only where a factor is 2**16 or more are
factors written less precisely, and then the precision tells the size of the largest one.
Source: Huang et al. 2022 (Cheetah), section 3, for coefficients; Pippenger 1976.
"""

import math
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from federation.crypto.fixed_point import DEFAULT_PRECISION, as_objects, from_fixed, to_fixed
from federation.crypto.group import GroupEncrypted, GroupPublicKey
from federation.crypto.kernels.ring import Residues, Ring
from federation.crypto.packing import Slots
from federation.crypto.scheme import Encrypted, PrivateKey, PublicKey
from federation.errors import BadCiphertext, FixedPointOverflow

HIDING_BITS = 41
MOST_NUMBER = 2.0**28
"""What a single number in a slot may be at most: scores of unscaled columns stay far below."""
FACTOR_BITS = 18 + DEFAULT_PRECISION
"""Of a factor as an integer."""

_MOST_WINDOW = 12
_MOST_BUCKETS = 1 << 16
"""So many buckets at once are sorted fastest."""


def slot_bits(rows: int, terms: int, precision: int) -> int:
    """Bits of a slot that holds inner products over so many rows.

    Args:
        terms: how many numbers are added in a slot before.
        precision: bits after the point of the numbers.
    """
    numbers = Slots.for_sums(1, largest=MOST_NUMBER, terms=terms, precision=precision)
    needed = numbers.bound.bit_length() + FACTOR_BITS + _scale_bits(rows) + 1 + HIDING_BITS
    return 8 * -(-needed // 8)


@dataclass(frozen=True, slots=True)
class InnerSlots:
    """How numbers lie in plaintexts of a key.

    Attributes:
        key: a key whose ciphertexts are multiplied to add.
        slots: each as wide as an inner product.
    """

    key: GroupPublicKey
    slots: Slots

    @classmethod
    def of(cls, key: PublicKey, bits: int, terms: int, precision: int) -> "InnerSlots | None":
        """Slots of so many bits; None under a key that has no use or no room for two of them."""
        if not isinstance(key, GroupPublicKey) or not bits:
            return None
        count = ((key.limit.bit_length() - 1) // bits + 1) // 2
        if count < 2:
            return None
        narrow = Slots.for_sums(count, largest=MOST_NUMBER, terms=terms, precision=precision)
        return cls(key, Slots(count, bits, precision, terms, narrow.bound))

    def length(self, count: int) -> int:
        """How many ciphertexts hold `count` numbers."""
        return -(-count // self.slots.count)

    # --- lines -----------------------------------------------------------------------------------

    def encrypt(self, values: NDArray[np.float64]) -> Encrypted:
        """A line of numbers, shape (n,), each of magnitude at most `MOST_NUMBER`.

        Raises:
            FixedPointOverflow: a number is larger.
        """
        plain = self.slots.packed(self._rows(values))
        return self.key.encrypt_ints(plain, precision=self.slots.precision)

    def plus(self, line: Encrypted, values: NDArray[np.float64]) -> Encrypted:
        """A line and plain numbers of the same length added, number by number.

        Raises:
            FixedPointOverflow: a plain number is too large.
        """
        plain = self.slots.packed(self._rows(values))
        return self._raised(line, plain)

    def _rows(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        padded = np.zeros(self.length(len(values)) * self.slots.count)
        padded[: len(values)] = values
        return padded.reshape(-1, self.slots.count)

    def _raised(self, encrypted: Encrypted, plain: Sequence[int]) -> Encrypted:
        """Plus integers as they stand in the plaintexts."""
        bits = encrypted.precision
        return (encrypted.halved(-bits) + as_objects(plain, (len(plain),))).halved(bits)

    # --- products --------------------------------------------------------------------------------

    def mean_products(
        self, matrix: NDArray[np.float64], line: Encrypted, size: int
    ) -> GroupEncrypted:
        """matrix^T line / size, shape (d,), in the middle slots.

        Args:
            matrix: shape (n, d).
            line: of n numbers.
            size: at most as many as the rows the slots are made for.

        Raises:
            BadCiphertext: the line is not under this key, or of another length.
        """
        if not isinstance(line, GroupEncrypted) or line.key != self.key:
            raise BadCiphertext("a line is not under the key of its slots")
        if line.shape != (self.length(len(matrix)),):
            raise BadCiphertext(f"{len(matrix)} numbers do not come in {line.shape} ciphertexts")
        scale = _scale_bits(size)
        factors = np.ascontiguousarray(matrix.T) * (2.0**scale / size)
        whole = math.frexp(float(np.max(np.abs(factors), initial=0.0)))[1]
        bits = max(0, min(DEFAULT_PRECISION, FACTOR_BITS - 1 - whole))
        fixed = to_fixed(factors, bits, 1 << FACTOR_BITS)
        values = slot_products(self.key.ring, fixed, line.residues, self.slots)
        precision = line.precision + bits + scale
        return GroupEncrypted(self.key, values, (len(fixed),), precision, False)

    def lifted(self, encrypted: Encrypted) -> Encrypted:
        """The values of a line with one number a ciphertext, in the middle slots."""
        return encrypted.doubled(self._low)

    def told(self, products: Encrypted, plain: NDArray[np.float64]) -> Encrypted:
        """Products for whoever decrypts: plain numbers added, and all other slots hidden.

        Args:
            plain: shape (d,).
        """
        bits = products.precision
        added = to_fixed(plain, bits, self._most_product).tolist()
        middle = [(int(number) << self._low) + self._mask() for number in added]
        return self._raised(products, middle)

    def _mask(self) -> int:
        """Random numbers around the middle slot, so far from its bounds that nothing runs over."""
        least = 1 << max(0, self._low - HIDING_BITS)
        room = (1 << self._low) - 2 * least
        low, high = (secrets.randbelow(room) + least for _ in range(2))
        return low + (high << (self._low + self.slots.bits))

    @property
    def _low(self) -> int:
        """Bits below the middle slot, as many as above it."""
        return (self.slots.count - 1) * self.slots.bits

    @property
    def _most_product(self) -> int:
        """Beyond what an inner product, as an integer, can be."""
        return 1 << (self.slots.bits - HIDING_BITS)

    def opened(self, private: PrivateKey, told: Encrypted) -> NDArray[np.float64]:
        """The inner products, shape (d,).

        Raises:
            MixedKeys: ciphertexts of another key.
            FixedPointOverflow: a slot holds more than an inner product can be.
        """
        bits, found = self.slots.bits, []
        half = 1 << (bits - 1)
        for plain in private.decrypt_ints(told):
            slot = (plain >> self._low) & ((1 << bits) - 1)
            found.append(slot - (slot >= half) * (1 << bits))
        beyond = sum(abs(slot) >= 2 * self._most_product for slot in found)
        if beyond:
            raise FixedPointOverflow(beyond)
        return from_fixed(found, told.precision).reshape(told.shape)


def slot_products(
    ring: Ring, factors: NDArray[np.int64], residues: Residues, slots: Slots
) -> Residues:
    """prod_j residues[j // k] ** (factors[i, j] 2**(b (k - 1 - j % k))) for every row i.

    Args:
        ring: of the residues.
        factors: shape (m, n), signed.
        residues: ceil(n / k) of them, k the count of slots and b their bits.

    Returns:
        m residues.
    """
    rows, length = factors.shape
    bits = int(np.max(np.abs(factors), initial=0)).bit_length()
    if not bits:
        return ring.ones(rows)
    plan = _plan(length, bits, slots)
    both = ring.joined([residues, ring.inverses(residues)])
    step = max(1, _MOST_BUCKETS // (plan.places * slots.count * plan.half))
    step = -(-rows // -(-rows // step))
    parts = [
        _bucketed(ring, factors[start : start + step], both, plan) for start in range(0, rows, step)
    ]
    return ring.joined(parts)


@dataclass(frozen=True, slots=True)
class _Plan:
    """Bits of a digit and digits of a factor."""

    window: int
    places: int
    slots: Slots

    @property
    def half(self) -> int:
        """The largest digit."""
        return 1 << (self.window - 1)

    def cost(self, length: int) -> int:
        """Products that a row takes."""
        return self.places * (length + 2 * self.half * self.slots.count)

    def digits_of(self, factors: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        """Signed digits, lowest place first, each of the shape of `factors`."""
        sign, rest = np.sign(factors), np.abs(factors)
        for _ in range(self.places):
            digit = rest & (2 * self.half - 1)
            over = (digit > self.half).astype(np.int64)
            yield sign * (digit - (over << self.window))
            rest = (rest >> self.window) + over


def _plan(length: int, bits: int, slots: Slots) -> _Plan:
    windows = range(2, _MOST_WINDOW + 1)
    plans = [_Plan(window, -(-(bits + 1) // window), slots) for window in windows]
    return min(plans, key=lambda plan: plan.cost(length))


def _bucketed(ring: Ring, factors: NDArray[np.int64], both: Residues, plan: _Plan) -> Residues:
    """Bases fall into buckets by row, slot, place and digit; see `kernels.multiexp`."""
    rows, length = factors.shape
    count, places, half = plan.slots.count, plan.places, plan.half
    columns = np.arange(length)
    bases, turned = columns // count, count - 1 - columns % count
    labels, picks = [], []
    for place, digits in enumerate(plan.digits_of(factors)):
        row, column = np.nonzero(digits)
        digit = digits[row, column]
        level = (np.abs(digit) - 1) * places + place
        labels.append((level * count + turned[column]) * rows + row)
        picks.append(bases[column] + len(both) // 2 * (digit < 0))
    wide = count * places * rows
    buckets = ring.bucket_products(both, np.concatenate(labels), half * wide, np.concatenate(picks))
    running = total = buckets[(half - 1) * wide :]
    for below in range(half - 2, -1, -1):
        running = ring.multiply(running, buckets[below * wide : (below + 1) * wide])
        total = ring.multiply(total, running)
    by_slot = _combined(ring, total, count * rows, plan.window)
    return _combined(ring, by_slot, rows, plan.slots.bits)


def _combined(ring: Ring, parts: Residues, width: int, bits: int) -> Residues:
    """prod_i parts[i] ** 2**(bits i), `width` at once, those of lowest i first."""
    result = parts[len(parts) - width :]
    for start in range(len(parts) - 2 * width, -1, -width):
        result = ring.multiply(ring.squares(result, bits), parts[start : start + width])
    return result


def _scale_bits(rows: int) -> int:
    """Bits of the least power of two that is as large as `rows`."""
    return max(0, rows - 1).bit_length()
