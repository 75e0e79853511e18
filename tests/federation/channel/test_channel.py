import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from federation.channel import Bounds, Channel, Message, Payload, open_channel
from federation.channel.memory import MemoryRelay, run_together, seats_of
from federation.errors import NotFound, PeerLeft, UndeclaredLetter, WrongLetterType
from federation.spec.party import ARBITER, GUEST, HOST, LOCAL, Party
from federation.wire.frames import Frame, FrameKind, pack_bytes

G, H1, H2, A = Party(GUEST, "9999"), Party(HOST, "10000"), Party(HOST, "10001"), Party(ARBITER, "1")


class Update(Payload):
    gradient: NDArray[np.float64]
    rows: int


MESSAGES = (
    Message("ask", (GUEST, HOST), int, "a number"),
    Message("answer", (HOST, GUEST), int, "another"),
    Message("update", (HOST, ARBITER), Update, "a gradient"),
    Message("table", (GUEST, HOST), np.ndarray, "a large array"),
    Message("table", (HOST, GUEST), np.ndarray, "a large array"),
    Message("said", (GUEST, HOST), str, "a text"),
)


async def until(condition: Callable[[], bool]) -> None:
    """Let the others run until it is so, or for long enough."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0)


async def nothing(ch: Channel) -> None:
    pass


async def test_letters_reach_each_host_and_come_back_in_the_order_of_the_job() -> None:
    async def guest(ch: Channel) -> list[int]:
        await ch.hosts.send("ask", 5)
        return await ch.hosts.gather("answer")

    async def host(ch: Channel) -> None:
        if ch.index == 0:
            await ch.peer(G).receive("ask")
            await first_waits.wait()
        else:
            await ch.guest.receive("ask")
        await ch.guest.send("answer", ch.index)
        first_waits.set()

    first_waits = asyncio.Event()
    done = await run_together({G: guest, H2: host, H1: host}, MESSAGES)
    assert done[G] == [0, 1]


async def test_scopes_keep_letters_of_one_tag_apart() -> None:
    async def guest(ch: Channel) -> None:
        for epoch in range(3):
            await ch.scope("epoch", epoch).hosts.send("ask", epoch)
        await ch.hosts.send("ask", -1)

    async def host(ch: Channel) -> list[int]:
        scopes = [ch, *(ch.scope("epoch").scope(epoch) for epoch in (2, 0, 1))]
        return [await scope.guest.receive("ask") for scope in scopes]

    assert (await run_together({G: guest, H1: host}, MESSAGES))[H1] == [-1, 2, 0, 1]


async def test_repeated_letters_arrive_in_the_order_they_were_sent() -> None:
    async def guest(ch: Channel) -> None:
        for number in range(50):
            await ch.hosts[0].send("ask", number)

    async def host(ch: Channel) -> list[int]:
        return [await ch.guest.receive("ask") for _ in range(50)]

    assert (await run_together({G: guest, H1: host}, MESSAGES))[H1] == list(range(50))


async def test_peers_are_named_by_role() -> None:
    async def seen(ch: Channel) -> tuple[Any, ...]:
        return ([p.party for p in ch.hosts], [p.party for p in ch.guests], ch.index, ch.me)

    done = await run_together({G: seen, H1: seen, H2: seen, A: seen}, MESSAGES)
    assert done[G] == ([H1, H2], [], 0, G)
    assert done[H2] == ([H1], [G], 1, H2)
    assert done[A] == ([H1, H2], [G], 0, A)


async def test_a_role_that_nobody_has_can_not_be_talked_to() -> None:
    async def guest(ch: Channel) -> None:
        with pytest.raises(NotFound):
            _ = ch.arbiter
        with pytest.raises(NotFound):
            _ = ch.guest
        assert len(ch.all(LOCAL)) == 0
        await ch.all(LOCAL).send("ask", 1)

    await run_together({G: guest, H1: nothing}, MESSAGES)


@pytest.mark.parametrize("tag", ["unheard of", "answer", "update"])
async def test_an_undeclared_letter_does_not_leave(tag: str) -> None:
    async def guest(ch: Channel) -> None:
        await ch.hosts.send(tag, 5)

    relay = MemoryRelay()
    with pytest.raises(UndeclaredLetter):
        await run_together({G: guest, H1: nothing}, MESSAGES, relay=relay)
    assert relay.ledger == []


async def test_an_undeclared_letter_can_not_be_waited_for() -> None:
    async def host(ch: Channel) -> None:
        await ch.guest.receive("answer")

    with pytest.raises(UndeclaredLetter):
        await run_together({G: nothing, H1: host}, MESSAGES)


async def test_a_value_of_the_wrong_type_does_not_leave() -> None:
    async def guest(ch: Channel) -> None:
        await ch.hosts.send("ask", "five")

    relay = MemoryRelay()
    with pytest.raises(WrongLetterType):
        await run_together({G: guest, H1: nothing}, MESSAGES, relay=relay)
    assert relay.ledger == []


async def between_unlike_peers(theirs: Message, ours: Message, value: Any) -> Any:
    """What a host that declares `ours` gets from a guest that declares and sends `theirs`."""
    relay = MemoryRelay()
    (guest_seat, guest_keys), (host_seat, host_keys) = seats_of([G, H1])
    guest = open_channel(relay.link(G), guest_seat, guest_keys, [theirs])
    host = open_channel(relay.link(H1), host_seat, host_keys, [ours])
    try:
        await guest.hosts.send(theirs.tag, value)
        return await host.guest.receive(ours.tag)
    finally:
        await guest.abort()
        await host.abort()


async def test_an_undeclared_letter_is_refused_by_its_receiver() -> None:
    theirs = Message("rows", (GUEST, HOST), np.ndarray, "more than agreed")
    with pytest.raises(UndeclaredLetter):
        await between_unlike_peers(theirs, MESSAGES[0], np.zeros(3))


async def test_a_letter_of_the_wrong_type_is_refused_by_its_receiver() -> None:
    theirs = Message("ask", (GUEST, HOST), str, "another type than agreed")
    with pytest.raises(WrongLetterType):
        await between_unlike_peers(theirs, MESSAGES[0], "five")


async def test_a_large_array_passes_through_a_small_window() -> None:
    table = np.arange(2_500_000, dtype=np.float64)
    bounds = Bounds(window_bytes=1 << 20, part_bytes=1 << 18)
    in_flight: list[int] = []

    def watch(frame: Frame) -> list[Frame]:
        if frame.kind is FrameKind.LETTER:
            in_flight.append(len(frame.body))
        else:
            in_flight.clear()
        assert sum(in_flight) <= 1 << 20
        return [frame]

    async def guest(ch: Channel) -> None:
        await ch.hosts.send("table", table)

    async def host(ch: Channel) -> Any:
        return await ch.guest.receive("table")

    done = await run_together(
        {G: guest, H1: host}, MESSAGES, bounds=bounds, relay=MemoryRelay(tamper=watch)
    )
    np.testing.assert_array_equal(done[H1], table)


async def test_a_sender_waits_for_a_receiver_that_computes_and_reads_nothing() -> None:
    bounds = Bounds(window_bytes=100_000, quiet_bytes=200_000)
    computed = asyncio.Event()
    waited: list[tuple[Party, str]] = []

    async def guest(ch: Channel) -> None:
        async def watch() -> None:
            await until(lambda: bool(ch.waiting))
            waited.extend((party, tag) for party, tag, _ in ch.waiting)
            computed.set()

        watching = asyncio.create_task(watch())
        for _ in range(20):
            await ch.hosts.send("table", np.zeros(5000))
        await watching

    async def host(ch: Channel) -> int:
        await computed.wait()
        return sum([(await ch.guest.receive("table")).size for _ in range(20)])

    done = await run_together({G: guest, H1: host}, MESSAGES, bounds=bounds)
    assert done[H1] == 100_000
    assert waited == [(H1, "table")]


async def test_two_tasks_that_send_more_than_a_window_to_each_other_both_end() -> None:
    bounds = Bounds(window_bytes=10_000, quiet_bytes=1000, part_bytes=4000)

    async def both(ch: Channel) -> float:
        (peer,) = ch
        for _ in range(5):
            await peer.send("table", np.ones(2000))
        return float(sum([(await peer.receive("table")).sum() for _ in range(5)]))

    done = await run_together({G: both, H1: both}, MESSAGES, bounds=bounds)
    assert (done[G], done[H1]) == (10_000, 10_000)


async def test_a_task_that_ends_right_after_a_send_loses_nothing() -> None:
    async def guest(ch: Channel) -> None:
        await ch.hosts.send("table", np.arange(500_000.0))

    async def host(ch: Channel) -> float:
        for _ in range(20):
            await asyncio.sleep(0)
        return float((await ch.guest.receive("table"))[-1])

    done = await run_together({G: guest, H1: host}, MESSAGES, bounds=Bounds(window_bytes=1000))
    assert done[H1] == 499_999


async def test_waiting_for_a_peer_that_has_ended_fails_by_name() -> None:
    async def host(ch: Channel) -> None:
        await ch.guest.receive("ask")

    with pytest.raises(PeerLeft):
        await run_together({G: nothing, H1: host}, MESSAGES)


async def test_letters_nobody_reads_do_not_keep_their_sender() -> None:
    async def guest(ch: Channel) -> None:
        await ch.hosts.send("table", np.zeros(100_000))

    await run_together({G: guest, H1: nothing}, MESSAGES, bounds=Bounds(window_bytes=1000))


async def test_the_first_failure_is_the_one_that_is_told() -> None:
    class Broken(Exception):
        pass

    async def guest(ch: Channel) -> None:
        raise Broken

    async def host(ch: Channel) -> None:
        await ch.guest.receive("ask")

    with pytest.raises(Broken):
        await run_together({G: guest, H1: host}, MESSAGES)


async def test_the_ledger_has_what_left_and_no_more() -> None:
    left: dict[tuple[str, str, str], list[int]] = {}

    def watch(frame: Frame) -> list[Frame]:
        if frame.kind is FrameKind.LETTER:
            header = frame.header
            assert "ledger" not in header
            left.setdefault((header["from"], header["to"], header["tag"]), []).append(
                len(frame.body)
            )
        return [frame]

    async def guest(ch: Channel) -> None:
        await ch.scope("epoch", 1).hosts.send("table", np.zeros((3000, 4)))
        await ch.hosts[1].send("ask", 5)

    async def host(ch: Channel) -> None:
        await ch.scope("epoch", 1).guest.receive("table")
        await ch.arbiter.send("update", Update(gradient=np.zeros(7), rows=12))

    async def arbiter(ch: Channel) -> None:
        await ch.hosts.gather("update")

    done = await run_together(
        {G: guest, H1: host, H2: host, A: arbiter},
        MESSAGES,
        component="hetero_lr_0",
        bounds=Bounds(part_bytes=10_000),
        relay=MemoryRelay(tamper=watch),
    )
    assert {(r.sender, r.receiver, r.tag): r.bytes for r in done.ledger} == {
        key: sum(sizes) for key, sizes in left.items()
    }
    assert len(done.ledger) == len(left) == 5
    row = next(r for r in done.ledger if r.tag == "table")
    assert (row.component, row.scope, row.type, row.shape) == (
        "hetero_lr_0",
        ("epoch", 1),
        "ndarray",
        "3000x4 float64",
    )
    assert {r.shape for r in done.ledger if r.tag == "update"} == {"gradient 7 float64, rows int"}


async def test_nothing_that_is_said_can_be_read_on_its_way() -> None:
    carried: list[bytes] = []

    def watch(frame: Frame) -> list[Frame]:
        carried.append(pack_bytes(frame))
        return [frame]

    async def guest(ch: Channel) -> None:
        await ch.hosts.send("said", "canary in a text")
        await ch.hosts.send("table", np.frombuffer(b"canary in an array......"))

    async def host(ch: Channel) -> str:
        await ch.guest.receive("table")
        return str(await ch.guest.receive("said"))

    relay = MemoryRelay(tamper=watch)
    done = await run_together({G: guest, H1: host}, MESSAGES, relay=relay)
    assert done[H1] == "canary in a text"
    assert carried
    assert not any(b"canary" in data for data in carried)


async def test_a_waiting_task_can_tell_for_whom_and_for_what() -> None:
    async def host(ch: Channel) -> Any:
        waiting = asyncio.create_task(ch.scope(1).guest.receive("ask"))
        await until(lambda: bool(ch.waiting))
        ((party, tag, seconds),) = ch.waiting
        told.set()
        assert await waiting == 7
        assert ch.waiting == []
        return party, tag, 0 <= seconds < 60

    async def guest(ch: Channel) -> None:
        await told.wait()
        await ch.scope(1).hosts.send("ask", 7)

    told = asyncio.Event()
    done = await run_together({G: guest, H1: host}, MESSAGES)
    assert done[H1] == (G, "ask", True)


async def test_giving_up_on_a_letter_loses_none() -> None:
    async def host(ch: Channel) -> list[int]:
        gone = asyncio.create_task(ch.guest.receive("ask"))
        await asyncio.sleep(0)
        gone.cancel()
        told.set()
        return [await ch.guest.receive("ask") for _ in range(2)]

    async def guest(ch: Channel) -> None:
        await told.wait()
        await ch.hosts.send("ask", 1)
        await ch.hosts.send("ask", 2)

    told = asyncio.Event()
    assert (await run_together({G: guest, H1: host}, MESSAGES))[H1] == [1, 2]


async def test_a_component_that_says_nothing_sends_nothing() -> None:
    frames: list[Frame] = []

    def watch(frame: Frame) -> list[Frame]:
        frames.append(frame)
        return [frame]

    await run_together({G: nothing, H1: nothing}, (), relay=MemoryRelay(tamper=watch))
    assert frames == []
