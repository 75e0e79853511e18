"""Numbers in shares and products of them, over sealed channels."""

from functools import cache
from typing import Any

import numpy as np
import pytest

from federation.channel import Channel
from federation.channel.memory import run_together
from federation.crypto import generate_keypair
from federation.errors import FixedPointOverflow
from federation.protocols.ring_shares import (
    MODULUS,
    decoded,
    drawn,
    encoded,
    packed,
    signed,
    truncated,
    unpacked,
)
from federation.protocols.shared_products import (
    UnfitShare,
    dots,
    dotted,
    multiply,
    offer,
    offered,
    pair_up,
    product_messages,
    seen,
    show,
    square,
    squared,
)
from federation.spec.party import GUEST, HOST, Party
from federation.wire.codec import BigIntVector

ONE, OTHER = Party(GUEST, "9999"), Party(HOST, "10000")
LETTERS = product_messages(GUEST, HOST)
MATRIX = {
    ONE: np.array([[3, -2], [1 << 40, 5], [0, -7]]),
    OTHER: np.array([[-1, 4, 9], [6, 0, -(1 << 30)]]),
}
VECTOR = {ONE: np.array([1.5, -2.25]), OTHER: np.array([0.5, 3.0, -1.0])}


@cache
def keys(party: Party) -> Any:
    """One pair for all tests."""
    return generate_keypair()


def halves(values: Any) -> tuple[Any, Any]:
    first = drawn(len(values))
    return first, (encoded(values, 20) - first) % MODULUS


SHARES = {party: halves(VECTOR[party]) for party in (ONE, OTHER)}


def party(me: Party, then: Any = None) -> Any:
    other, place = (OTHER, 0) if me == ONE else (ONE, 1)

    async def run(ch: Channel) -> Any:
        duo = await pair_up(ch, other, keys(me), first=me == ONE)
        products = await multiply(
            ch,
            duo,
            MATRIX[me],
            held=SHARES[me][place],
            given=SHARES[other][place],
            count=len(MATRIX[other]),
        )
        return products, await then(ch, duo) if then else None

    return run


async def test_both_get_shares_of_both_products() -> None:
    played = await run_together({ONE: party(ONE), OTHER: party(OTHER)}, LETTERS)
    (mine, _), (theirs, _) = played[ONE], played[OTHER]
    for one, other, owner in ((mine.own, theirs.theirs, ONE), (theirs.own, mine.theirs, OTHER)):
        total = decoded((one + other) % MODULUS, 20)
        np.testing.assert_array_equal(total, MATRIX[owner] @ VECTOR[owner])
        for share in (one, other):
            assert all(abs(value) > 1 << 180 for value in signed(share))


async def test_only_the_first_party_sees_the_sum_of_squares() -> None:
    share = SHARES[OTHER]

    async def first(ch: Channel, duo: Any) -> Any:
        return await seen(ch, duo, await square(ch, duo, share[0]))

    async def second(ch: Channel, duo: Any) -> Any:
        await show(ch, duo, await squared(ch, duo, share[1]))

    played = await run_together({ONE: party(ONE, first), OTHER: party(OTHER, second)}, LETTERS)
    np.testing.assert_allclose(decoded(played[ONE][1], 40), [0.25 + 9 + 1])


async def test_only_the_first_party_sees_products_of_vectors_it_does_not_know() -> None:
    vectors = np.array([[1.5, -2.0, 4.0], [0.25, 8.0, -1.0]])
    firsts = drawn(6).reshape(2, 3)
    seconds = (encoded(vectors.ravel(), 20).reshape(2, 3) - firsts) % MODULUS
    opened: list[Any] = []

    async def first(ch: Channel, duo: Any) -> Any:
        given = (await offered(ch, duo, 6)).reshape(2, 3)
        share = await dots(ch, duo, firsts[:1], firsts, (given[:1], given))
        assert all(abs(value) > 1 << 180 for value in signed(share).ravel())
        return decoded(await seen(ch, duo, share.ravel()), 40)

    async def second(ch: Channel, duo: Any) -> None:
        await offer(ch, duo, seconds.ravel())
        share = await dotted(ch, duo, seconds[:1], seconds)
        opened.extend(signed(share).ravel())
        await show(ch, duo, share.ravel())

    played = await run_together({ONE: party(ONE, first), OTHER: party(OTHER, second)}, LETTERS)
    np.testing.assert_allclose(played[ONE][1], vectors[0] @ vectors.T)
    assert all(abs(value) > 1 << 180 for value in opened)


async def test_what_a_party_decrypts_is_far_wider_than_what_it_hides() -> None:
    """A product without its mask would tell the other party's matrix."""
    opened: list[int] = []

    async def curious(ch: Channel) -> None:
        duo = await pair_up(ch, ONE, keys(OTHER), first=False)
        peer = ch.guest
        await peer.send("operand", duo.public.encrypt_ints([1, 0]))
        operand = await peer.receive("operand")
        await peer.send("product", operand[:2].refreshed())
        opened.extend(duo.private.decrypt_ints(await peer.receive("product")))

    await run_together({ONE: party(ONE), OTHER: curious}, LETTERS)
    assert all(abs(value) > 1 << 340 for value in opened)
    assert len({value % (1 << 40) for value in opened}) == 3


@pytest.mark.parametrize("count", [1, 4])
async def test_letters_of_another_size_are_refused(count: int) -> None:
    async def careless(ch: Channel) -> None:
        duo = await pair_up(ch, ONE, keys(OTHER), first=False)
        await ch.guest.send("operand", duo.public.encrypt_ints([0] * count))
        await ch.guest.receive("product")

    with pytest.raises(UnfitShare, match="host:10000 sent operand"):
        await run_together({ONE: party(ONE), OTHER: careless}, LETTERS)


def test_shares_lose_their_last_bits_apart_and_the_sum_nearly_not() -> None:
    values = np.array([0.0, 1.0, -1.0, 123456.789, -98765.4321, 2.0**60])
    for _ in range(50):
        first = drawn(len(values))
        second = (encoded(values, 90) - first) % MODULUS
        total = truncated(first, 60, first=True) + truncated(second, 60, first=False)
        assert np.all(np.abs(decoded(total % MODULUS, 30) - values) <= 2.0**-29)


def test_elements_come_out_of_a_letter_as_they_went_in() -> None:
    values = encoded(np.array([-1.0, 0.0, 1e9]), 30)
    np.testing.assert_array_equal(unpacked(packed(values)), values)
    np.testing.assert_allclose(decoded(values, 30), [-1.0, 0.0, 1e9])
    assert unpacked(BigIntVector.from_ints([1], 16)) is None
    with pytest.raises(FixedPointOverflow):
        encoded(np.array([1e80]), 30)
