"""Several signed numbers in one plaintext: fewer ciphertexts to make, send and decrypt.

Slot i of a plaintext m holds the integer v_i of a fixed point number, all slots being `bits` wide:

    m = sum_i v_i 2**(bits i),     -2**(bits - 1) <= v_i < 2**(bits - 1)

Sums of plaintexts are sums slot by slot. A negative number borrows from the slot above; adding
2**(bits - 1) to every slot makes all of them positive, so slots come apart without borrows. What is
decrypted can be packed once more, k ciphertexts into one, by shift and add:

    E(m_0 + 2**w m_1 + 2**(2 w) m_2 + ...) = ((... * 2**w) + E(m_1)) * 2**w + E(m_0)

Slots are wide enough for `terms` numbers of magnitude `largest`, and one bit more at least: a slot
that holds more was not made by such a sum, and is an overflow by name. That no more than `terms`
numbers are added is for the caller to see to (`check_terms`).

Learns: nobody anything. Widths travel in clear and say how large numbers may be, so `largest`
should follow from the problem and not from the data.
Source: Ge, Zdonik 2007, section 4; Chen et al. 2021 (SecureBoost+), section 4.2.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from federation.crypto.fixed_point import DEFAULT_PRECISION, from_fixed, to_fixed
from federation.crypto.scheme import Encrypted, PrivateKey, PublicKey
from federation.errors import BadCiphertext, FixedPointOverflow, PackingOverflow


@dataclass(frozen=True, slots=True)
class Slots:
    """How numbers lie in plaintexts; small enough to send along.

    Attributes:
        count: numbers in one plaintext.
        bits: of a slot, whole bytes.
        precision: bits after the binary point.
        terms: how many numbers may be added in a slot.
        bound: the largest magnitude that a sum of so many may have, as an integer.
    """

    count: int
    bits: int
    precision: int
    terms: int
    bound: int

    @classmethod
    def for_sums(
        cls, count: int, *, largest: float, terms: int, precision: int = DEFAULT_PRECISION
    ) -> "Slots":
        """Slots for sums of up to `terms` numbers of magnitude at most `largest`."""
        if count < 1 or terms < 1 or not 0 < largest < math.inf:
            raise ValueError("slots hold at least one number, and sums of at least one")
        bound = math.ceil(math.ldexp(largest, precision)) * terms
        return cls(count, 8 * -(-(bound.bit_length() + 2) // 8), precision, terms, bound)

    @property
    def width(self) -> int:
        """Bits of a plaintext."""
        return self.count * self.bits

    def check_terms(self, terms: int) -> None:
        """Refuse sums that slots are not made for.

        Raises:
            PackingOverflow: more numbers would be added than fit.
        """
        if terms > self.terms:
            raise PackingOverflow(f"{terms} numbers would be added where {self.terms} fit")

    def fits_in(self, key: PublicKey) -> int:
        """How many such plaintexts one plaintext of `key` holds.

        Raises:
            PackingOverflow: not even one.
        """
        room = key.limit.bit_length() - 1
        if room < self.width:
            raise PackingOverflow(
                f"{self.count} numbers of {self.bits} bits do not fit the {room} of a plaintext"
            )
        return room // self.width

    def packed(self, values: ArrayLike) -> list[int]:
        """Plaintexts of numbers of shape (n, count), each of magnitude at most `largest`.

        Raises:
            NonFiniteValues: NaN or infinite values.
            FixedPointOverflow: a number is larger than slots are made for.
        """
        array = np.asarray(values)
        if array.ndim != 2 or array.shape[1] != self.count:
            raise ValueError(f"numbers of shape (n, {self.count}) are packed, not {array.shape}")
        fixed = to_fixed(array, self.precision, 1 << self.bits)
        beyond = int(np.count_nonzero(np.abs(fixed) > self.bound // self.terms))
        if beyond:
            raise FixedPointOverflow(beyond)
        whole = np.zeros(len(array), dtype=object)
        for slot in range(self.count - 1, -1, -1):
            whole = (whole << self.bits) + fixed[:, slot]
        return [int(value) for value in whole.tolist()]

    def unpacked(self, plain: Sequence[int], count: int) -> NDArray[np.float64]:
        """The numbers of `count` plaintexts that lie, one above the other, in those given.

        Args:
            plain: signed integers, each of the same number of plaintexts.
            count: how many plaintexts there are in all.

        Returns:
            Shape (count, self.count).

        Raises:
            FixedPointOverflow: a slot holds more than a sum of `terms` numbers can be.
        """
        each = -(-count // max(1, len(plain)))
        width = each * self.width
        half = 1 << (self.bits - 1)
        lift = sum(half << (self.bits * slot) for slot in range(each * self.count))
        lifted = [value + lift for value in plain]
        torn = sum(not 0 <= value < 1 << width for value in lifted)
        if torn:
            raise FixedPointOverflow(torn)
        blob = b"".join(value.to_bytes(width // 8, "little") for value in lifted)
        size, needed = self.bits // 8, count * self.count
        starts = range(0, len(blob), size)
        slots = [int.from_bytes(blob[at : at + size], "little") - half for at in starts]
        beyond = sum(abs(slot) > self.bound for slot in slots) + sum(map(bool, slots[needed:]))
        if beyond:
            raise FixedPointOverflow(beyond)
        return from_fixed(slots[:needed], self.precision).reshape(count, self.count)

    # --- under encryption ------------------------------------------------------------------------

    def encrypt(self, key: PublicKey, values: ArrayLike) -> Encrypted:
        """Ciphertexts of numbers of shape (n, count), shape (n,).

        Raises:
            PackingOverflow: so many slots do not fit a plaintext of `key`.
            NonFiniteValues: NaN or infinite values.
            FixedPointOverflow: a number is larger than slots are made for.
        """
        self.fits_in(key)
        return key.encrypt_ints(self.packed(values), precision=self.precision)

    def joined(self, encrypted: Encrypted) -> Encrypted:
        """As few ciphertexts as can hold these, any shape, in C order; shape (m,)."""
        line = encrypted.reshape(encrypted.size)
        each = min(self.fits_in(line.key), max(1, line.size))
        count = -(-line.size // each)
        each = -(-line.size // max(1, count))
        if not count:
            return line
        # Where the last one is not full it holds zeros above: the sums of empty buckets.
        line = line.bucket_sums(np.arange(line.size), each * count)
        parts = line.reshape(count, each)
        total = parts[:, each - 1]
        for place in range(each - 2, -1, -1):
            total = total.doubled(self.width) + parts[:, place]
        return total

    def opened(
        self, private: PrivateKey, encrypted: Encrypted, shape: Sequence[int]
    ) -> NDArray[np.float64]:
        """The numbers inside what `joined` gave for ciphertexts of that shape.

        Returns:
            Shape (*shape, count).

        Raises:
            MixedKeys: ciphertexts of another key.
            BadCiphertext: they are not what `joined` gives for that shape.
            FixedPointOverflow: a slot holds more than a sum of `terms` numbers can be.
        """
        count = math.prod(shape)
        each = min(self.fits_in(private.public), max(1, count))
        if encrypted.shape != (-(-count // each),) or encrypted.precision != self.precision:
            raise BadCiphertext(f"{count} packed ones do not come in an array of {encrypted.shape}")
        numbers = self.unpacked(private.decrypt_ints(encrypted), count)
        return numbers.reshape(*shape, self.count)
