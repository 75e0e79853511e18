"""What each party of HeteroLR gets to see, and what it could make of it."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from federation.channel import Channel
from federation.components.common.unfit import UnfitLetter
from federation.components.linear.hetero_linr import hetero_linr
from federation.components.linear.hetero_lr import hetero_lr
from federation.components.linear.letters import Course, Forward, HostBatch, Packed
from federation.components.linear.parts import lines_of
from federation.crypto import generate_keypair
from federation.crypto.inner_products import InnerSlots, slot_bits

TO_HOST = {"course", "ids", "public_key", "batch", "residual", "step", "converged"}
TO_ARBITER = {"course", "gradient", "loss"}
TO_GUEST = {"width", "public_key", "forward", "step", "converged", "scores"}


@pytest.fixture
async def ledger(play: Any, bench: Any) -> Any:
    played = await play(hetero_lr, {**bench.quiet, "max_iter": 2}, bench.drawn(34, [2, 3]).ports())
    return played.ledger


async def test_what_is_about_rows_reaches_host_and_arbiter_encrypted_alone(
    ledger: Any, bench: Any
) -> None:
    seen = {seat: {r.tag for r in ledger if r.receiver == str(seat)} for seat in _seats(bench)}
    assert seen == {bench.hosts[0]: TO_HOST, bench.arbiter: TO_ARBITER, bench.guest: TO_GUEST}
    shapes = {(row.tag, row.shape) for row in ledger if row.type == "Encrypted"}
    assert shapes == {
        ("residual", "5 encrypted"),  # eight rows in each
        ("gradient", "3 encrypted"),
        ("loss", "1 encrypted"),
    }
    clear_to_arbiter = [
        r for r in ledger if r.receiver == str(bench.arbiter) and r.type != "Encrypted"
    ]
    assert {row.tag for row in clear_to_arbiter} == {"course"}
    scores = [row for row in ledger if row.tag == "scores"]
    assert [(row.sender, row.shape) for row in scores] == [("host:10000", "34x1 float64")]


def _seats(bench: Any) -> list[Any]:
    return [bench.guest, bench.hosts[0], bench.arbiter]


@pytest.mark.parametrize("component", [hetero_lr, hetero_linr])
async def test_a_host_can_not_take_its_own_share_out_of_the_residual(
    play: Any, bench: Any, component: Any
) -> None:
    """Without fresh randomness [d] / [u] would be 1 + m n, and m tells the labels."""
    split = bench.drawn(34, [2, 3])
    ratios: list[int] = []

    async def curious(ch: Channel) -> None:
        await ch.guest.send("width", 3)
        course = await ch.guest.receive("course")
        await ch.scope("train").guest.receive("ids")
        await ch.scope("batches", 0).guest.receive("batch")
        key = await ch.arbiter.receive("public_key")
        ch.keyring.add(key)
        here = ch.scope("model", 0).scope("epoch", 0).scope("batch", 0)
        lines = lines_of(key, course, component.params.parse(bench.quiet))
        share = lines.encrypt(np.zeros(34)).refreshed()
        await here.guest.send("forward", Forward(share=share, loss=key.encrypt([0.0])))
        residual = await here.guest.receive("residual")
        mine, theirs = (e.to_wire()["cells"].to_ints() for e in (share, residual))
        n = int(key.n)
        ratios.extend(d * pow(u, -1, n * n) % n**2 for u, d in zip(mine, theirs, strict=True))
        assert all(ratio % n != 1 for ratio in ratios)
        raise InterruptedError

    with pytest.raises(InterruptedError):
        await play(component, bench.quiet, split.ports(), {bench.hosts[0]: curious})
    assert max(Counter(ratios).values()) == 1
    assert len(ratios) == (5 if component is hetero_lr else 34)


async def test_an_arbiter_sees_noise_around_every_gradient(play: Any, bench: Any) -> None:
    """Plaintexts hold other sums of rows as well; the same job twice shows the arbiter others."""
    seen: list[list[list[int]]] = []

    async def curious(ch: Channel) -> None:
        public, private = generate_keypair()
        ch.keyring.add(public)
        for peer in (ch.guest, *ch.hosts):
            await peer.send("public_key", public)
        course = await ch.guest.receive("course")
        here = ch.scope("model", 0).scope("epoch", 0).scope("batch", 0)
        letter = await here.hosts[0].receive("gradient")
        lines = lines_of(public, course, hetero_lr.params.parse(bench.quiet))
        assert isinstance(lines, InnerSlots)
        plain, bits = private.decrypt_ints(letter), lines.slots.bits
        width = 2 * lines.slots.count - 1
        cut = [[(p >> (bits * i)) & ((1 << bits) - 1) for i in range(width)] for p in plain]
        seen.append(cut)
        raise InterruptedError

    for _ in range(2):
        with pytest.raises(InterruptedError):
            ports = bench.drawn(34, [2, 3]).ports()
            await play(hetero_lr, bench.quiet, ports, {bench.arbiter: curious})
    middle = len(seen[0][0]) // 2
    products = [[slots.pop(middle) for slots in letter] for letter in seen]
    assert products[0] == products[1]
    beside = [slot for letter in seen for slots in letter for slot in slots]
    assert len(set(beside)) == len(beside) == 2 * 3 * 2 * middle
    assert middle >= 2


async def test_a_host_that_sends_too_few_scores_is_refused(play: Any, bench: Any) -> None:
    async def lazy(ch: Channel) -> None:
        await ch.guest.send("width", 3)
        key = await ch.arbiter.receive("public_key")
        here = ch.scope("model", 0).scope("epoch", 0).scope("batch", 0)
        share = key.encrypt(np.zeros(33))
        await here.guest.send("forward", Forward(share=share, loss=key.encrypt([0.0])))
        await here.guest.receive("residual")

    with pytest.raises(UnfitLetter, match="host:10000 sent forward"):
        ports = bench.drawn(34, [2, 3]).ports()
        await play(hetero_lr, bench.quiet, ports, {bench.hosts[0]: lazy})


COURSE = Course(
    stage="fit",
    starts=[0],
    epochs=1,
    batches=1,
    drawn=False,
    loss=True,
    rule="diff",
    follows=[],
    stages=["train"],
    stops_early=False,
)


@pytest.mark.parametrize("rows", [[0, 1, 99], [1, 1, 2], [-1, 0, 1]])
async def test_a_host_refuses_rows_it_does_not_have(play: Any, bench: Any, rows: list[int]) -> None:
    async def greedy(ch: Channel) -> None:
        split = bench.drawn(34, [2, 3])
        ids = sorted(split.ids())
        for peer in (ch.arbiter, *ch.hosts):
            await peer.send("course", COURSE)
        await ch.scope("train").hosts.send("ids", _digest(ids))
        batch = HostBatch(rows=np.array(rows), size=3)
        await ch.scope("batches", 0).hosts.send("batch", batch)
        await ch.hosts.gather("forward")

    with pytest.raises(UnfitLetter, match="guest:9999 sent batch"):
        ports = bench.drawn(34, [2, 3]).ports()
        await play(hetero_lr, bench.quiet, ports, {bench.guest: greedy})


@pytest.mark.parametrize("away", [{"bits": 112}, {"terms": 1}, {"precision": 50}])
async def test_a_host_refuses_slots_that_would_not_hide_its_sums(
    play: Any, bench: Any, away: dict[str, int]
) -> None:
    async def careless(ch: Channel) -> None:
        enough = {"bits": slot_bits(34, 2, 23), "terms": 2, "precision": 23}
        course = COURSE.model_copy(update={"packed": Packed(**(enough | away))})
        for peer in (ch.arbiter, *ch.hosts):
            await peer.send("course", course)
        await ch.hosts.gather("forward")

    with pytest.raises(UnfitLetter, match="guest:9999 sent course"):
        ports = bench.drawn(34, [2, 3]).ports()
        await play(hetero_lr, bench.quiet, ports, {bench.guest: careless})


def _digest(ids: list[str]) -> bytes:
    from federation.components.linear.rows import rows_of
    from federation.tables import Table

    return rows_of(Table.instances(ids, np.zeros((len(ids), 1)), ["x"])).digest


async def test_an_arbiter_that_sends_a_step_of_another_size_is_refused(
    play: Any, bench: Any
) -> None:
    async def careless(ch: Channel) -> None:
        public, _ = generate_keypair()
        ch.keyring.add(public)
        for peer in (ch.guest, *ch.hosts):
            await peer.send("public_key", public)
        here = ch.scope("model", 0).scope("epoch", 0).scope("batch", 0)
        for peer in (here.guest, *here.hosts):
            await peer.send("step", np.zeros(7))
        await ch.guest.receive("course")
        await ch.guest.receive("loss")

    with pytest.raises(UnfitLetter, match="sent step"):
        ports = bench.drawn(34, [2, 3]).ports()
        await play(hetero_lr, bench.quiet, ports, {bench.arbiter: careless})
