"""Products of a party's own numbers with numbers that two parties share; nobody sees a result.

Each of two parties has a key pair of its own. Party p has a matrix A, and q's share v_q of a vector
v = v_p + v_q (see ring_shares); [x]_q stands for ciphertexts under q's key:

    q:  [v_q]_q  -> p                                   the operand
    p:  [A v_q - r]_q  -> q,   r random                 the product
    p has A v_p + r,  q has A v_q - r                   (mod 2**256), shares of A v

r is so much longer than what it hides that the difference is within 2**-40 of random. The square of
a shared vector's length is 2 v_p v_q + v_p^2 + v_q^2, where A is p's own share; the product of two
of them, v w, is v_p w_p + v_q w_q + (v_p w_q + w_p v_q), whose last two go together.

Learns: the parties nothing but the sizes, under decisional composite residuosity. Parties that
follow the protocol are assumed.
Source: FATE 1.7 SecureMatrix (hetero SSHE); Chen et al. 2021, "When homomorphic encryption marries
secret sharing", section 4.
"""

import asyncio
import secrets
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from federation.channel import Channel, Message
from federation.crypto import Encrypted, PrivateKey, PublicKey
from federation.crypto.fixed_point import as_objects
from federation.errors import PeerMisbehaved
from federation.protocols.ring_shares import MODULUS, RING_BITS, Ring, packed, unpacked
from federation.spec.party import Party, Role
from federation.wire.codec import BigIntVector

STATISTICAL_BITS = 40
FACTOR_BITS = 62
"""Magnitudes of a matrix of factors stay below 2**62."""

_LENGTH_BITS = 32
_AGAINST_FACTORS = RING_BITS + FACTOR_BITS + _LENGTH_BITS + STATISTICAL_BITS
_AGAINST_SHARES = 2 * RING_BITS + _LENGTH_BITS + STATISTICAL_BITS

Factors = npt.NDArray[np.int64]
"""A party's own matrix, shape (m, k)."""


class UnfitShare(PeerMisbehaved):
    """Ciphertexts or shares are not as many as the protocol has."""

    code = "unfit_share"

    def __init__(self, tag: str, party: Party) -> None:
        super().__init__(
            f"{party} sent {tag} of another size or kind than was agreed",
            tag=tag,
            party=str(party),
        )


def product_messages(one: Role, other: Role) -> tuple[Message, ...]:
    """All letters between two roles; a component that multiplies declares them."""
    ways = ((one, other), (other, one))
    return tuple(
        Message(tag, way, kind, doc)
        for tag, kind, doc in (
            ("public_key", PublicKey, "what this party's operands are made with"),
            ("operand", Encrypted, "[v_q], this party's share of a vector, under its own key"),
            ("product", Encrypted, "[A v_q - r], one a line of the matrix, under the other's key"),
            ("share", BigIntVector, "this party's share of what the other may see, mod 2**256"),
        )
        for way in ways
    )


@dataclass(frozen=True, slots=True)
class Duo:
    """One of two parties that share numbers.

    Attributes:
        first: whether this party's shares are the first ones.
    """

    other: Party
    first: bool
    public: PublicKey
    private: PrivateKey
    theirs: PublicKey


@dataclass(frozen=True, slots=True)
class Products:
    """Shares of both parties' products.

    Attributes:
        own: this party's share of its own matrix times its vector.
        theirs: its share of the other's.
        operand: the other's share of this party's vector, under the other's key.
    """

    own: Ring
    theirs: Ring
    operand: Encrypted


async def pair_up(
    ch: Channel, other: Party, own: tuple[PublicKey, PrivateKey], *, first: bool
) -> Duo:
    """Swap public halves of key pairs."""
    public, private = own
    peer = ch.peer(other)
    await peer.send("public_key", public)
    theirs = ch.keyring.known(await peer.receive("public_key"))
    ch.keyring.add(public)
    return Duo(other, first, public, private, theirs)


async def multiply(
    ch: Channel, duo: Duo, matrix: Factors, *, held: Ring, given: Ring, count: int
) -> Products:
    """Shares of this party's matrix times its vector, and of the other's times its own.

    Args:
        held: shape (k,), this party's share of the vector that its matrix multiplies.
        given: its share of the vector that the other's matrix multiplies.
        count: how many lines the other's matrix has.

    Raises:
        UnfitShare: the other's letters are of another size.
    """
    peer = ch.peer(duo.other)
    await peer.send("operand", await _hidden(duo, given))
    operand: Encrypted = await peer.receive("operand")
    _check(operand, (matrix.shape[1],), duo.theirs, "operand", duo)
    noise = _noise(len(matrix), _AGAINST_FACTORS)
    await peer.send("product", await asyncio.to_thread(lambda: matrix @ operand + -noise))
    theirs = await _opened(ch, duo, count)
    own = await asyncio.to_thread(lambda: (matrix.astype(object) @ held + noise) % MODULUS)
    return Products(own, theirs, operand)


async def weigh(ch: Channel, duo: Duo, factors: Factors, share: Ring, operand: Encrypted) -> Ring:
    """This party's share of a shared vector times its own factors, element by element.

    Args:
        operand: the other's share, which `weighed` at the other has sent.
    """
    noise = _noise(len(factors), _AGAINST_FACTORS)
    hidden = await asyncio.to_thread(lambda: operand * factors + -noise)
    await ch.peer(duo.other).send("product", hidden)
    return np.asarray((share * factors.astype(object) + noise) % MODULUS)


async def weighed(ch: Channel, duo: Duo, share: Ring) -> Ring:
    """This party's share of a shared vector times factors that only the other knows."""
    await offer(ch, duo, share)
    return await _opened(ch, duo, len(share))


async def square(ch: Channel, duo: Duo, share: Ring, operand: Encrypted | None = None) -> Ring:
    """A share of the sum of squares of a shared vector, shape (1,), at the first party.

    Args:
        operand: the second party's share, where it was received before.
    """
    if operand is None:
        operand = await offered(ch, duo, len(share))
    noise, cipher = _noise(1, _AGAINST_SHARES), operand
    hidden = await asyncio.to_thread(lambda: share[np.newaxis] @ cipher + -noise)
    await ch.peer(duo.other).send("product", hidden)
    return np.asarray((2 * noise + share @ share) % MODULUS)


async def squared(ch: Channel, duo: Duo, share: Ring, *, is_known: bool = False) -> Ring:
    """The second party's share of the sum of squares of a shared vector, shape (1,).

    Args:
        is_known: whether the first party has this share as an operand already.
    """
    if not is_known:
        await offer(ch, duo, share)
    cross = await _opened(ch, duo, 1)
    return np.asarray((2 * cross + share @ share) % MODULUS)


async def dots(
    ch: Channel, duo: Duo, new: Ring, every: Ring, operands: tuple[Encrypted, Encrypted]
) -> Ring:
    """A share of the products of shared vectors, shape (a, k), at the first party.

    Args:
        new: shape (a, d), its shares of some vectors, one a line; `every` (k, d) of others.
        operands: the second party's shares of the same, under its key.
    """
    noise = _noise(len(new) * len(every), _AGAINST_SHARES).reshape(len(new), len(every))

    def crossed() -> Encrypted:
        given: Encrypted = new @ operands[1].transpose()
        mirrored: Encrypted = every @ operands[0].transpose()
        return given + mirrored.transpose() + -noise

    await ch.peer(duo.other).send("product", (await asyncio.to_thread(crossed)).reshape(-1))
    return np.asarray((new @ every.T + noise) % MODULUS)


async def dotted(ch: Channel, duo: Duo, new: Ring, every: Ring) -> Ring:
    """The second party's share of the products of shared vectors, shape (a, k)."""
    cross = await _opened(ch, duo, len(new) * len(every))
    return np.asarray((cross.reshape(len(new), len(every)) + new @ every.T) % MODULUS)


async def offer(ch: Channel, duo: Duo, share: Ring) -> None:
    """Give the other this party's share under this party's key."""
    await ch.peer(duo.other).send("operand", await _hidden(duo, share))


async def offered(ch: Channel, duo: Duo, count: int) -> Encrypted:
    """The other's share under its key, shape (count,)."""
    operand: Encrypted = await ch.peer(duo.other).receive("operand")
    _check(operand, (count,), duo.theirs, "operand", duo)
    return operand


async def show(ch: Channel, duo: Duo, share: Ring) -> None:
    """Let the other see what both share."""
    await ch.peer(duo.other).send("share", packed(share))


async def seen(ch: Channel, duo: Duo, share: Ring) -> Ring:
    """What both share, once the other has shown its part; shape (n,).

    Raises:
        UnfitShare: its part is of another size.
    """
    letter: BigIntVector = await ch.peer(duo.other).receive("share")
    theirs = unpacked(letter)
    if theirs is None or theirs.shape != share.shape:
        raise UnfitShare("share", duo.other)
    return (share + theirs) % MODULUS


async def _hidden(duo: Duo, share: Ring) -> Encrypted:
    return await asyncio.to_thread(duo.public.encrypt_ints, share.tolist())


async def _opened(ch: Channel, duo: Duo, count: int) -> Ring:
    """What the other's product holds, as this party's share."""
    product: Encrypted = await ch.peer(duo.other).receive("product")
    _check(product, (count,), duo.public, "product", duo)
    integers = await asyncio.to_thread(duo.private.decrypt_ints, product)
    return as_objects(integers, (count,)) % MODULUS


def _noise(count: int, bits: int) -> Ring:
    return as_objects([secrets.randbits(bits) for _ in range(count)], (count,))


def _check(value: Encrypted, shape: tuple[int, ...], key: PublicKey, tag: str, duo: Duo) -> None:
    if tuple(value.shape) != shape or value.precision or value.key != key:
        raise UnfitShare(tag, duo.other)
