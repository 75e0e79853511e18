"""Sums that outlast parties that leave, over sealed channels."""

import itertools
from typing import Any

import numpy as np
import pytest

from federation.channel import Channel
from federation.channel.memory import run_together
from federation.errors import PeerMisbehaved
from federation.protocols.lasting_sum import (
    LASTING_SUM_MESSAGES,
    TooFewStayed,
    add,
    join,
    judge,
    threshold_of,
    total,
)
from federation.protocols.masks import PRECISION, AddendAlone, UnfitAddend
from federation.protocols.secret_sharing import joined, polynomial, share_of
from federation.spec.party import ARBITER, GUEST, HOST, Party

CLIENTS = [Party(GUEST, "9999"), *(Party(HOST, str(10000 + i)) for i in range(3))]
JUDGE = Party(ARBITER, "10009")
SUMS = 2

STAYS, BEFORE, AFTER = "stays", "leaves before its addend", "leaves after its addend"
PATTERNS = [
    (parties, pattern)
    for parties in (2, 3, 4)
    for pattern in itertools.product((STAYS, BEFORE, AFTER), repeat=parties)
]


def member(vectors: Any, leaving: str = STAYS) -> Any:
    async def run(ch: Channel) -> None:
        masks = await join(ch, SUMS)
        for number, vector in enumerate(vectors):
            there = ch.scope("sum", number)
            if leaving == BEFORE:
                return
            if leaving == AFTER:
                await there.arbiter.send("masked", masks.masked(vector))
                return
            await add(there, masks, vector)

    return run


def arbiter(seen: list[Any]) -> Any:
    async def run(ch: Channel) -> Any:
        state = await judge(ch)
        for number in range(SUMS):
            found = await total(ch.scope("sum", number), state, 3)
            seen.append(found)

    return run


async def test_every_pattern_of_leaving_gives_the_exact_sum_of_those_who_stayed() -> None:
    """Of up to four parties, or no sum at all where half of them or fewer are left."""
    draw = np.random.default_rng(5)
    for parties, pattern in PATTERNS:
        values = np.ldexp(draw.integers(-(1 << 40), 1 << 40, (parties, SUMS, 3)), -PRECISION)
        everyone = list(zip(CLIENTS, values, pattern, strict=False))
        roles = {party: member(vectors, leaving) for party, vectors, leaving in everyone}
        seen: list[Any] = []
        added = [vectors[0] for _, vectors, leaving in everyone if leaving != BEFORE]
        stayed = [vectors for _, vectors, leaving in everyone if leaving == STAYS]
        together = run_together({**roles, JUDGE: arbiter(seen)}, LASTING_SUM_MESSAGES)
        if len(stayed) < threshold_of(parties):
            with pytest.raises(TooFewStayed):
                await together
            assert seen == [], pattern
            continue
        await together
        np.testing.assert_array_equal(seen[0], np.sum(added, axis=0), err_msg=str(pattern))
        np.testing.assert_array_equal(seen[1], np.sum(stayed, axis=0)[1], err_msg=str(pattern))


async def test_the_arbiter_sees_noise_and_the_shares_it_needs() -> None:
    """Both secrets of one party never come to it, whoever leaves."""
    zeros = np.zeros(4000)
    seen: dict[str, Any] = {}

    async def curious(ch: Channel) -> None:
        await judge(ch)
        there = ch.scope("sum", 0)
        stayed = CLIENTS[:3]
        for party in stayed:
            seen[str(party)] = await there.peer(party).receive("masked")
        for party in stayed:
            await there.peer(party).send("stayed", [str(each) for each in stayed])
        for party in stayed:
            told = await there.peer(party).receive("unmasking")
            assert set(told.own) == {str(each) for each in stayed}
            assert set(told.keys) == {str(CLIENTS[3])}

    roles: dict[Party, Any] = {party: member([zeros]) for party in CLIENTS[:3]}
    roles |= {CLIENTS[3]: member([zeros], BEFORE), JUDGE: curious}
    together = await run_together(roles, LASTING_SUM_MESSAGES)
    for masked in seen.values():
        assert len(np.unique(masked)) == 4000
        shares = np.bincount((masked >> np.uint64(61)).astype(int), minlength=8) / 4000
        np.testing.assert_allclose(shares, 1 / 8, atol=0.04)
    to_judge = {row.tag for row in together.ledger if row.receiver == str(JUDGE)}
    assert to_judge == {"pair_key", "masked", "unmasking"}


@pytest.mark.parametrize(
    "asked",
    [
        ["guest:9999"],
        ["guest:9999", "host:10000", "host:7"],
        ["host:10000", "host:10001"],
    ],
)
async def test_a_party_refuses_to_unmask_one_addend(asked: list[str]) -> None:
    """An arbiter that says all others left would be told the guest's addend."""

    async def greedy(ch: Channel) -> None:
        await judge(ch)
        there = ch.scope("sum", 0)
        for party in CLIENTS[:3]:
            await there.peer(party).receive("masked")
        await there.guest.send("stayed", asked)
        await there.guest.receive("unmasking")

    roles = {party: member([np.zeros(3)]) for party in CLIENTS[:3]}
    with pytest.raises(UnfitAddend, match="arbiter:10009 sent stayed"):
        await run_together({**roles, JUDGE: greedy}, LASTING_SUM_MESSAGES)


async def test_a_party_that_is_said_to_have_left_can_not_come_back() -> None:
    async def forgetful(ch: Channel) -> None:
        await judge(ch)
        names = [str(party) for party in CLIENTS[:3]]
        for number, stayed in enumerate((names[:2], names)):
            there = ch.scope("sum", number)
            for party in CLIENTS[: len(stayed)]:
                await there.peer(party).receive("masked")
                await there.peer(party).send("stayed", stayed)
                await there.peer(party).receive("unmasking")

    zeros = np.zeros((SUMS, 3))
    roles = {party: member(zeros) for party in CLIENTS[:2]} | {CLIENTS[2]: member(zeros, BEFORE)}
    with pytest.raises(PeerMisbehaved):
        await run_together({**roles, JUDGE: forgetful}, LASTING_SUM_MESSAGES)


async def test_a_vector_of_another_length_is_refused() -> None:
    roles = {CLIENTS[0]: member([np.zeros(3)]), CLIENTS[1]: member([np.zeros(2)])}
    with pytest.raises(UnfitAddend, match="host:10000 sent masked"):
        await run_together({**roles, JUDGE: arbiter([])}, LASTING_SUM_MESSAGES)


async def test_one_party_alone_has_no_lasting_sum() -> None:
    with pytest.raises(AddendAlone):
        await run_together({CLIENTS[0]: member([np.zeros(3)])}, LASTING_SUM_MESSAGES)


def test_any_enough_shares_give_the_secret() -> None:
    secret = 1 << 255
    hidden = polynomial(secret, 3)
    shares = {holder: share_of(hidden, holder) for holder in range(1, 6)}
    for chosen in itertools.combinations(shares, 3):
        assert joined({holder: shares[holder] for holder in chosen}) == secret
    assert joined({holder: shares[holder] for holder in (1, 2)}) != secret
    with pytest.raises(ValueError, match="below the prime"):
        polynomial(-1, 2)
