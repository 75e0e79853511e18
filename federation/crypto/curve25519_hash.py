"""Texts hashed to points of Curve25519: the suite curve25519_XMD:SHA-512_ELL2_NU_ of RFC 9380.

    u = expand_message_xmd(text, domain, 48) mod p;   point = Elligator 2 of u

The cofactor is left in: whoever multiplies a point multiplies by 8 as well. Half of the points of
the curve have a u; which those are anybody can tell, and draw a u for one of them, so that the
decisional Diffie-Hellman problem is as hard on these as on all.
In batches SHA-512 and Elligator go through machine code where there is some.

Learns: nobody anything; no step but the padding of a text depends on what it is.
Source: RFC 9380, sections 5.3.1, 6.7.1 and 8.5; Bernstein, Hamburg, Krasnova, Lange 2013.
"""

import hashlib
from typing import TYPE_CHECKING

import gmpy2
import numpy as np
from gmpy2 import mpz
from numpy.typing import NDArray

from federation.crypto.byte_rows import END, ByteRows, Rows

if TYPE_CHECKING:
    from federation.crypto.curve25519_kernel import Kernel

SUITE = b"curve25519_XMD:SHA-512_ELL2_NU_"
_P = mpz(2**255 - 19)
_A = 486662
_SEED_BYTES = 48
_BLOCK = 128
_LENGTH_BYTES = 16
_AT_ONCE = 1 << 11
"""Texts of a turn: few enough that what is made of them stays near the core."""

Points = NDArray[np.uint8]


def point_of(text: bytes, domain: bytes) -> bytes:
    """The u-coordinate of the point of one text, 32 bytes."""
    u = mpz.from_bytes(_expanded(text, domain), "big") % _P
    t = 2 * u * u % _P
    h = 1 + t
    g = -_A * (h * h - _A * _A * t) % _P
    x = -_A * gmpy2.invert(h, _P) % _P
    if gmpy2.legendre(g * h % _P, _P) != 1:
        x = x * t % _P
    return bytes(x.to_bytes(32, "little"))


def points_of(fast: "Kernel", texts: ByteRows, rows: Rows, domain: bytes) -> Points:
    """The same for some texts, in machine code; shape (n, 32)."""
    ending = _ending(domain)
    blocks = (texts.lengths[rows] + len(ending) + 1 + _LENGTH_BYTES + _BLOCK - 1) // _BLOCK
    result = np.empty((len(rows), 32), dtype=np.uint8)
    for count in np.unique(blocks).tolist():
        members = np.flatnonzero(blocks == count)
        for start in range(0, len(members), _AT_ONCE):
            some = members[start : start + _AT_ONCE]
            seeds = _seeds(texts, rows[some], count * _BLOCK, domain)
            result[some] = fast.images(seeds[:, ::-1])[: len(some)]
    return result


def _expanded(text: bytes, domain: bytes) -> bytes:
    """expand_message_xmd with SHA-512, to 48 bytes."""
    first = hashlib.sha512(bytes(_BLOCK) + text + _ending(domain)).digest()
    return hashlib.sha512(first + b"\1" + _named(domain)).digest()[:_SEED_BYTES]


def _named(domain: bytes) -> bytes:
    return domain + bytes([len(domain)])


def _ending(domain: bytes) -> bytes:
    return _SEED_BYTES.to_bytes(2, "big") + b"\0" + _named(domain)


def _seeds(texts: ByteRows, rows: Rows, width: int, domain: bytes) -> NDArray[np.uint64]:
    """`_expanded` as six words of 64 bits each; shape (n, 6), most significant first."""
    from federation.crypto.sha512_lanes import sha512

    sha, ending = sha512(), _ending(domain)
    zeros = sha.digests(np.zeros((1, _BLOCK), dtype=np.uint8))[0]
    lengths = texts.lengths[rows]
    messages = texts.padded(rows, width, ending + END)
    _say_length(messages, _BLOCK + lengths + len(ending))
    first = sha.digests(messages, zeros)
    tail = b"\1" + _named(domain)
    room = 64 + len(tail) + 1 + _LENGTH_BYTES
    again = np.zeros((len(rows), -(-room // _BLOCK) * _BLOCK), dtype=np.uint8)
    again[:, :64] = first.astype(">u8").view(np.uint8)
    again[:, 64 : 64 + len(tail) + 1] = np.frombuffer(tail + END, dtype=np.uint8)
    _say_length(again, np.full(len(rows), 64 + len(tail)))
    return sha.digests(again)[:, : _SEED_BYTES // 8]


def _say_length(messages: Points, lengths: Rows) -> None:
    messages[:, -8:] = (8 * lengths).astype(">u8").view(np.uint8).reshape(-1, 8)
