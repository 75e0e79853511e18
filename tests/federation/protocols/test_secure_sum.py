"""Sums behind pairwise masks, over sealed channels."""

from typing import Any

import numpy as np
import pytest

from federation.channel import Channel
from federation.channel.memory import run_together
from federation.errors import FixedPointOverflow, NonFiniteValues
from federation.protocols.secure_sum import (
    PRECISION,
    SECURE_SUM_MESSAGES,
    AddendAlone,
    UnfitAddend,
    add,
    agree,
    total,
)
from federation.spec.party import ARBITER, GUEST, HOST, Party

CLIENTS = [Party(GUEST, "9999"), *(Party(HOST, str(10000 + i)) for i in range(3))]
JUDGE = Party(ARBITER, "10009")


def adding(*vectors: Any) -> Any:
    async def client(ch: Channel) -> None:
        masks = await agree(ch)
        for number, vector in enumerate(vectors):
            await add(ch.scope("sum", number), masks, np.asarray(vector, dtype=float))

    return client


async def played(vectors: dict[Party, Any], arbiter: Any) -> Any:
    roles = {party: adding(*each) for party, each in vectors.items()}
    return await run_together({**roles, JUDGE: arbiter}, SECURE_SUM_MESSAGES)


@pytest.mark.parametrize("parties", [2, 3, 4])
async def test_every_total_is_that_of_all_vectors(parties: int) -> None:
    values = np.random.default_rng(parties).normal(size=(parties, 2, 5)) * 1000

    async def arbiter(ch: Channel) -> list[Any]:
        return [await total(ch.scope("sum", number), 5) for number in range(2)]

    results = await played(dict(zip(CLIENTS[:parties], values, strict=True)), arbiter)
    unit = 2.0**-PRECISION
    np.testing.assert_allclose(results[JUDGE], values.sum(axis=0), rtol=0, atol=unit * parties)


async def test_the_arbiter_can_not_tell_who_gave_what() -> None:
    """What one party sends is spread over the whole ring, and never the same twice."""
    zeros = np.zeros(4000)
    seen: list[Any] = []

    async def curious(ch: Channel) -> None:
        for number in range(2):
            there = ch.scope("sum", number)
            seen.extend([await there.peer(party).receive("masked") for party in CLIENTS[:2]])

    vectors = {party: [zeros, zeros] for party in CLIENTS[:2]}
    together = await played(vectors, curious)
    first, second, third, fourth = seen
    assert not np.any(first + second)
    assert not np.any(third + fourth)
    for masked in seen:
        assert len(np.unique(masked)) == 4000
        shares = np.bincount((masked >> np.uint64(61)).astype(int), minlength=8) / 4000
        np.testing.assert_allclose(shares, 1 / 8, atol=0.04)
    assert not np.any(first == third)
    assert {row.tag for row in together.ledger if row.receiver == str(JUDGE)} == {"masked"}


async def test_a_vector_of_another_length_is_refused() -> None:
    async def arbiter(ch: Channel) -> Any:
        return await total(ch.scope("sum", 0), 3)

    with pytest.raises(UnfitAddend, match="host:10000 sent masked"):
        await played({CLIENTS[0]: [[1, 2, 3]], CLIENTS[1]: [[1, 2]]}, arbiter)


async def test_a_short_seed_is_refused() -> None:
    async def careless(ch: Channel) -> None:
        await ch.hosts.send("seed", b"seed")

    roles = {CLIENTS[0]: careless, CLIENTS[1]: adding([1.0])}
    with pytest.raises(UnfitAddend, match="guest:9999 sent seed"):
        await run_together(roles, SECURE_SUM_MESSAGES)


@pytest.mark.parametrize(
    ("value", "error"), [(np.nan, NonFiniteValues), (2.0**33, FixedPointOverflow)]
)
async def test_values_that_do_not_fit_are_refused(value: float, error: type[Exception]) -> None:
    async def arbiter(ch: Channel) -> Any:
        return await total(ch.scope("sum", 0), 1)

    with pytest.raises(error):
        await played({CLIENTS[0]: [[value]], CLIENTS[1]: [[1.0]]}, arbiter)


async def test_one_party_alone_is_refused() -> None:
    with pytest.raises(AddendAlone, match="needs two parties"):
        await run_together({CLIENTS[0]: adding([1.0])}, SECURE_SUM_MESSAGES)
