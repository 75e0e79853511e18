"""Verifiable secret sharing: a dealer that deals shares which do not fit together is found out.

For a secret s the dealer draws polynomials f and r of degree t - 1 with f(0) = s, and shows all
holders commitments to their coefficients, on points G and H of Ed25519:

    C_j = f_j G + r_j H
    holder x has f(x), r(x), and checks   f(x) G + r(x) H = sum_j x**j C_j

Shares and commitments of several dealers add up to those of the sum. The discrete logarithm of H
is known to nobody: it is a hash.

Learns: fewer than t holders nothing of s, however few values it may have, for r hides it perfectly;
Feldman's own commitments f_j G would let anyone test guesses of s. A dealer can not cheat under the
discrete logarithm assumption.
Source: Feldman 1987; Pedersen 1991, "Non-interactive and information-theoretic secure verifiable
secret sharing".
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import nacl.bindings as sodium

from federation.errors import BadPoint, PeerMisbehaved
from federation.protocols.secret_sharing import joined, polynomial, share_of
from federation.spec.party import Party

ORDER = 2**252 + 27742317777372353535851937790883648493
"""Of the subgroup that G generates; secrets are integers modulo it."""

POINT_BYTES = 32
_NOTHING = b"\x01" + bytes(31)
"""The neutral point, which libsodium does not multiply."""


class BadShare(PeerMisbehaved):
    """A share does not fit its dealer's commitments."""

    code = "bad_share"

    def __init__(self, party: Party) -> None:
        super().__init__(
            f"{party} sent a share that does not fit its commitments", party=str(party)
        )


def _second_point() -> bytes:
    digest = hashlib.sha256(b"tripact/verifiable-sharing/1 second point").digest()
    point: bytes = sodium.crypto_core_ed25519_from_uniform(digest)
    return point


SECOND = _second_point()


@dataclass(frozen=True, slots=True)
class Dealt:
    """One secret as its dealer deals it.

    Attributes:
        values: f, `blinds` r; coefficients, lowest first.
        commitments: C_j, 32 bytes each.
    """

    values: list[int]
    blinds: list[int]
    commitments: list[bytes]

    def share(self, holder: int) -> tuple[int, int]:
        """f(holder) and r(holder)."""
        return share_of(self.values, holder, ORDER), share_of(self.blinds, holder, ORDER)


def deal(secret: int, threshold: int) -> Dealt:
    """Deal an integer, negative ones modulo the order."""
    values = polynomial(secret % ORDER, threshold, ORDER)
    blinds = polynomial(secrets.randbelow(ORDER), threshold, ORDER)
    points = [commitment(a, b) for a, b in zip(values, blinds, strict=True)]
    return Dealt(values, blinds, points)


def commitment(value: int, blind: int) -> bytes:
    """Value G + blind H."""
    first = sodium.crypto_scalarmult_ed25519_base_noclamp(_scalar(value)) if value else _NOTHING
    return _sum(first, _times(blind, SECOND))


def expected(commitments: Sequence[bytes], holder: int) -> bytes:
    """What a holder's share must commit to: sum_j holder**j C_j.

    Raises:
        BadPoint: a commitment is no point of the large subgroup.
    """
    total = _NOTHING
    for point in reversed(commitments):
        if len(point) != POINT_BYTES or not sodium.crypto_core_ed25519_is_valid_point(point):
            raise BadPoint("it is not of the large subgroup of Ed25519")
        total = _sum(_times(holder, total), point)
    return total


def fits(share: tuple[int, int], commitments: Sequence[bytes], holder: int) -> bool:
    """Whether a share is the one that its dealer committed to."""
    return commitment(share[0], share[1]) == expected(commitments, holder)


def added(commitments: Sequence[Sequence[bytes]]) -> list[bytes]:
    """Commitments of the sum of secrets, from those of each dealer."""
    total = list(commitments[0])
    for one in commitments[1:]:
        total = [_sum(a, b) for a, b in zip(total, one, strict=True)]
    return total


def opened(shares: dict[int, int]) -> int:
    """The secret of the values of enough shares, as the integer of least magnitude."""
    secret = joined(shares, ORDER)
    return secret - ORDER if secret > ORDER // 2 else secret


def _scalar(value: int) -> bytes:
    return (value % ORDER).to_bytes(32, "little")


def _times(factor: int, point: bytes) -> bytes:
    if factor % ORDER == 0 or point == _NOTHING:
        return _NOTHING
    return bytes(sodium.crypto_scalarmult_ed25519_noclamp(_scalar(factor), point))


def _sum(one: bytes, other: bytes) -> bytes:
    return bytes(sodium.crypto_core_ed25519_add(one, other))
