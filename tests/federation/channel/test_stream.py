import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest

from federation.channel import Bounds, Channel, LedgerRow, Message, Resumed, open_channel
from federation.channel.link import LEDGER, Event
from federation.channel.memory import seats_of
from federation.channel.stream import FrameStream, StreamLink
from federation.errors import LinkClosed, MalformedMessage
from federation.spec.party import GUEST, HOST, Party
from federation.wire.frames import Frame, FrameKind, pack_stream
from federation.wire.mailbox import FinalAcks

G, H = Party(GUEST, "9999"), Party(HOST, "10000")
MESSAGES = (
    Message("table", (GUEST, HOST), np.ndarray, "a large array"),
    Message("sum", (HOST, GUEST), float, "its sum"),
)


class Agents:
    """Stands for the agents of all parties: writes the ledger, relays, loses what is in flight."""

    def __init__(self) -> None:
        self.ledger: list[LedgerRow] = []
        self.lost = 0
        self.lose_next = 0
        self._streams: dict[str, FrameStream] = {}
        self._final = FinalAcks()
        self._tasks: list[asyncio.Task[None]] = []

    async def link(self, party: Party) -> StreamLink:
        ours, theirs = socket.socketpair()
        self._streams[str(party)] = stream = await FrameStream.over(ours)
        self._tasks.append(asyncio.create_task(self._serve(stream)))
        return StreamLink(await FrameStream.over(theirs))

    async def _serve(self, stream: FrameStream) -> None:
        while True:
            frame = await stream.receive()
            if LEDGER in frame.header:
                self.ledger.append(LedgerRow.of(frame.header))
                del frame.header[LEDGER]
            self._final.note(frame)
            if self.lose_next:
                self.lose_next -= 1
                self.lost += 1
                if not self.lose_next:
                    for every in self._streams.values():
                        every.put(Frame(FrameKind.WELCOME))
                continue
            answer = self._final.answer(frame)
            if answer is not None:
                stream.put(answer)
            else:
                self._streams[frame.header["to"]].put(frame)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        for stream in self._streams.values():
            await stream.close()


@asynccontextmanager
async def seated(bounds: Bounds | None = None) -> AsyncIterator[tuple[Agents, Channel, Channel]]:
    """A guest's and a host's channel over socket pairs to their agents."""
    agents = Agents()
    guest, host = [
        open_channel(await agents.link(seat.me), seat, keys, MESSAGES, bounds)
        for seat, keys in seats_of([G, H])
    ]
    try:
        async with asyncio.timeout(20):
            yield agents, guest, host
    finally:
        await guest.abort()
        await host.abort()
        await agents.close()


async def send_and_sum(guest: Channel, host: Channel, table: np.ndarray) -> float:
    async def answer() -> None:
        await host.guest.send("sum", float((await host.guest.receive("table")).sum()))

    answering = asyncio.create_task(answer())
    await guest.hosts.send("table", table)
    total = await guest.hosts[0].receive("sum")
    await answering
    await asyncio.gather(guest.close(), host.close())
    return float(total)


async def test_letters_pass_two_agents_and_leave_their_ledger_rows_there() -> None:
    async with seated() as (agents, guest, host):
        assert await send_and_sum(guest, host, np.ones(400_000)) == 400_000
        assert [(row.tag, row.shape) for row in agents.ledger] == [
            ("table", "400000 float64"),
            ("sum", "float"),
        ]


async def test_an_agent_that_lost_its_way_and_found_it_again_costs_no_letter() -> None:
    bounds = Bounds(resend_after_s=1e6, window_bytes=1 << 18, part_bytes=1 << 16)
    async with seated(bounds) as (agents, guest, host):
        agents.lose_next = 3
        assert await send_and_sum(guest, host, np.ones(100_000)) == 100_000
        assert agents.lost == 3
        assert [row.tag for row in agents.ledger] == ["table", "sum"]


async def test_a_task_whose_agent_is_gone_fails_by_name() -> None:
    async with seated() as (agents, guest, _):
        waiting = asyncio.create_task(guest.hosts[0].receive("sum"))
        await asyncio.sleep(0)
        await agents.close()
        with pytest.raises(LinkClosed):
            await waiting


@asynccontextmanager
async def stream_pair() -> AsyncIterator[tuple[FrameStream, FrameStream]]:
    one, other = socket.socketpair()
    near, far = await FrameStream.over(one), await FrameStream.over(other)
    try:
        async with asyncio.timeout(20):
            yield near, far
    finally:
        await near.close()
        await far.close()


async def test_a_receiver_that_gave_up_leaves_the_stream_in_order() -> None:
    one, other = socket.socketpair()
    near = await FrameStream.over(one)
    data = b"".join(pack_stream(Frame(FrameKind.CHUNK, {"n": 1}, bytes(1000))))
    for cut in (0, 2, 4, 500):
        other.sendall(data[:cut])
        receiving = asyncio.create_task(near.receive())
        for _ in range(5):
            await asyncio.sleep(0)
        receiving.cancel()
        await asyncio.gather(receiving, return_exceptions=True)
        other.sendall(data[cut:])
        assert len((await near.receive()).body) == 1000
    await near.close()
    other.close()


async def test_frames_of_other_kinds_go_to_whoever_asked_for_them() -> None:
    async with stream_pair() as (near, far):
        others: list[Frame] = []
        link = StreamLink(near, others.append)
        for kind in (FrameKind.ORDER, FrameKind.WELCOME, FrameKind.LETTER, FrameKind.BYE):
            await far.send(Frame(kind, {"to": "guest:1"}))
        events: list[Event] = []
        with pytest.raises(LinkClosed):
            await link.serve(events.append)
        resumed, letter = events
        assert isinstance(resumed, Resumed)
        assert isinstance(letter, Frame)
        assert letter.kind is FrameKind.LETTER
        assert [frame.kind for frame in others] == [FrameKind.ORDER]


async def test_frames_of_other_kinds_are_refused_where_nobody_asked_for_them() -> None:
    async with stream_pair() as (near, far):
        await far.send(Frame(FrameKind.ORDER))
        with pytest.raises(MalformedMessage):
            await StreamLink(near).serve(lambda _: None)


async def put_numbers(stream: FrameStream, count: int) -> None:
    for number in range(count):
        await stream.send(Frame(FrameKind.CHUNK, {"n": number}))


async def test_frames_are_handed_over_until_something_is_given_and_later_ones_are_held() -> None:
    async with stream_pair() as (near, far):
        await put_numbers(far, 5)
        taken: list[int] = []

        def take(frame: Frame) -> str | None:
            taken.append(frame.header["n"])
            return "enough" if len(taken) == 3 else None

        assert await near.serve(take) == "enough"
        assert taken == [0, 1, 2]
        assert [(await near.receive()).header["n"] for _ in range(2)] == [3, 4]


async def test_whoever_serves_hears_what_taking_a_frame_raised_and_later_frames_are_held() -> None:
    async with stream_pair() as (near, far):
        await put_numbers(far, 3)

        def take(frame: Frame) -> None:
            if frame.header["n"] == 1:
                raise OSError("the disk is full")

        with pytest.raises(OSError, match="the disk is full"):
            await near.serve(take)
        assert (await near.receive()).header["n"] == 2


async def test_frames_that_wait_already_are_handed_over_before_those_that_come() -> None:
    async with stream_pair() as (near, far):
        await put_numbers(far, 2)
        await near.receive()
        taken: list[int] = []
        serving = asyncio.create_task(near.serve(lambda f: taken.append(f.header["n"])))
        await asyncio.sleep(0)
        await far.send(Frame(FrameKind.CHUNK, {"n": 2}))
        await far.close()
        with pytest.raises(LinkClosed):
            await serving
        assert taken == [1, 2]


async def test_serving_that_is_given_up_leaves_the_stream_in_order() -> None:
    async with stream_pair() as (near, far):
        taken: list[int] = []
        serving = asyncio.create_task(near.serve(lambda f: taken.append(f.header["n"])))
        await asyncio.sleep(0)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        await put_numbers(far, 2)
        assert [(await near.receive()).header["n"] for _ in range(2)] == [0, 1]
        assert taken == []


async def test_a_frame_that_announces_too_much_is_refused_at_once() -> None:
    one, other = socket.socketpair()
    near = await FrameStream.over(one)
    other.sendall(b"\xff\xff\xff\xff")
    with pytest.raises(MalformedMessage):
        await near.receive()
    await near.close()
    other.close()


async def test_nothing_can_be_sent_to_an_end_that_was_closed() -> None:
    async with stream_pair() as (near, _):
        await near.close()
        with pytest.raises(LinkClosed):
            await near.send(Frame(FrameKind.PING))


async def test_an_end_whose_other_end_does_not_read_can_be_closed_at_once() -> None:
    one, other = socket.socketpair()
    near = await FrameStream.over(one)
    sending = asyncio.create_task(near.send(Frame(FrameKind.CHUNK, {}, bytes(12 << 20))))
    await asyncio.sleep(0)
    assert near.unsent_bytes
    near.abort()
    with pytest.raises(LinkClosed):
        await sending
    other.close()


async def test_a_large_frame_arrives_whole() -> None:
    async with stream_pair() as (near, far):
        body = np.arange(1 << 20, dtype=np.uint32).data.cast("B")
        sending = asyncio.create_task(near.send(Frame(FrameKind.CHUNK, {}, body)))
        assert (await far.receive()).body == body
        await sending
