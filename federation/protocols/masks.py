"""Vectors behind masks: fixed point modulo 2**64, and random numbers that a seed stands for.

    x  ->  round(x 2**30) mod 2**64            y = x + PRG(seed)

A sum of such vectors is the sum of the real ones while 33 bits before the point suffice. Masks are
the ChaCha20 key stream of a seed of 32 bytes that hides one vector and no other. Learns: whoever
has y and not the seed nothing.
Source: Bonawitz et al. 2017, section 4.
"""

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from federation.errors import FixedPointOverflow, NonFiniteValues, PartyRefused, PeerMisbehaved
from federation.spec.party import Party

Ring = npt.NDArray[np.uint64]
Vector = npt.NDArray[np.float64]

PRECISION = 30
"""Bits after the binary point; 33 remain before it for the total of all parties."""

SEED_BYTES = 32


class UnfitAddend(PeerMisbehaved):
    """A masked vector or a seed is not of the size the protocol has."""

    code = "unfit_addend"

    def __init__(self, tag: str, party: Party) -> None:
        super().__init__(
            f"{party} sent {tag} of another size or kind than the secure sum has",
            tag=tag,
            party=str(party),
        )


class AddendAlone(PartyRefused):
    """One party alone would show the arbiter its numbers."""

    code = "addend_alone"

    def __init__(self) -> None:
        super().__init__("a secure sum needs two parties that add, a guest and a host or more")


def in_ring(values: Vector, parties: int) -> Ring:
    """A vector in fixed point modulo 2**64, small enough for a sum of so many.

    Raises:
        NonFiniteValues: NaN or infinite values.
        FixedPointOverflow: a value is so large that the total might not fit.
    """
    wrong = int(np.count_nonzero(~np.isfinite(values)))
    if wrong:
        raise NonFiniteValues(wrong)
    scaled = np.rint(np.ldexp(values, PRECISION))
    beyond = int(np.count_nonzero(np.abs(scaled) >= 2.0**62 / parties))
    if beyond:
        raise FixedPointOverflow(beyond)
    return scaled.astype(np.int64).view(np.uint64)


def mask_of(seed: bytes, count: int) -> Ring:
    """The first numbers of a seed's key stream, shape (count,)."""
    stream = Cipher(ChaCha20(seed, bytes(16)), mode=None).encryptor()
    return np.frombuffer(stream.update(bytes(8 * count)), dtype="<u8")
