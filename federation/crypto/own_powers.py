"""Random powers for whoever knows the primes: modulo each factor apart, in a fraction of the time.

    h**r mod m_1 m_2:   h**(r mod o_i) mod m_i,   o_i a multiple of h's order there

joined by the Chinese remainder theorem. r is drawn as everyone else draws it, so the powers are
distributed just as theirs are; numbers and exponents are half as long.

Learns: nobody anything. As decryption, this is not constant time: it is for a party's own machine.
Source: Quisquater, Couvreur 1982.
"""

import secrets
from dataclasses import dataclass
from functools import cached_property

import gmpy2
from gmpy2 import mpz

from federation.crypto import kernels
from federation.crypto.fixed_point import as_objects
from federation.crypto.kernels import FixedBase, Residues
from federation.crypto.kernels.ring import Exponents


@dataclass(frozen=True, repr=False)
class Factor:
    """One of two numbers without a common factor, whose product is the modulus.

    Attributes:
        modulus: it.
        order: a multiple of the order that the base has modulo it.
        root: its square root, if it has one.
    """

    modulus: mpz
    order: mpz
    root: mpz | None = None


class OwnBase(FixedBase):
    """Powers of a base modulo a number whose factors are known."""

    def __init__(self, ring: kernels.Ring, base: int, one: Factor, other: Factor) -> None:
        """`ring` is modulo the product of both factors."""
        self._ring = ring
        self._base = mpz(base)
        self._one, self._other = one, other
        self._inverse = gmpy2.invert(other.modulus, one.modulus)

    @cached_property
    def _bases(self) -> tuple[tuple[kernels.Ring, FixedBase], ...]:
        rings = [kernels.ring(part.modulus, part.root) for part in (self._one, self._other)]
        return tuple((ring, ring.fixed_base(self._base % ring.modulus)) for ring in rings)

    def random_powers(self, count: int, bits: int) -> Residues:
        width = -(-bits // 8)
        drawn = secrets.token_bytes(width * count)
        cuts = range(0, len(drawn), width)
        exponents = [mpz.from_bytes(drawn[at : at + width], "little") for at in cuts]
        return self.powers(as_objects(exponents, (count,)), 8 * width)

    def powers(self, exponents: Exponents, bits: int) -> Residues:
        parts = []
        for (ring, base), factor in zip(self._bases, (self._one, self._other), strict=True):
            own = as_objects([e % factor.order for e in exponents.tolist()], exponents.shape)
            parts.append(ring.to_ints(base.powers(own, factor.order.bit_length())))
        one, other, inverse = self._one.modulus, self._other.modulus, self._inverse
        return self._ring.from_ints(
            [b + other * ((a - b) * inverse % one) for a, b in zip(*parts, strict=True)]
        )
