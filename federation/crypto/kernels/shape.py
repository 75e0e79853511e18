"""How numbers lie in memory on the accelerated path; what both the code and its callers know.

Learns: nobody anything.
"""

from dataclasses import dataclass

LANES = 8
LIMB_BITS = 52
POWER_WINDOW = 4
"""Bits of an exponent that one product of the kernel `power` takes."""

_SLACK_BITS = 8


@dataclass(frozen=True, slots=True)
class Shape:
    """What a set of kernels is made for.

    Attributes:
        limbs: of n, an even number.
        pair: numbers are modulo n**2, as pairs.
        window: bits of an exponent that one product of the kernel `fixed` takes, 4 to 8.
    """

    limbs: int
    pair: bool
    window: int = 7

    @property
    def words(self) -> int:
        """Words of a number."""
        return 2 * self.limbs if self.pair else self.limbs

    @property
    def stride(self) -> int:
        """Words from one row to the next."""
        return -(-self.words // LANES) * LANES


def shape_of(n: int, pair: bool) -> Shape:
    """The shape whose R is at least 2**8 n, with an even number of limbs."""
    needed = -(-(int(n).bit_length() + _SLACK_BITS) // LIMB_BITS)
    return Shape(needed + needed % 2, pair)
