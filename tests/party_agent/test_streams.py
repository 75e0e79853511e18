"""Bytes of a call: never more under way than was granted, and an end by name."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.errors import CallGivenUp, MalformedMessage
from federation.wire.frames import Frame, FrameKind
from party_agent.streams import FIRST_CREDIT, Stream

CALL = {"call_id": "c"}


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_no_more_is_sent_than_was_granted() -> None:
    sent: list[Frame] = []
    stream = Stream("c", sent.append)
    writing = asyncio.create_task(stream.write(bytes(FIRST_CREDIT + 10)))
    await settle()
    assert sum(len(frame.body) for frame in sent) == FIRST_CREDIT
    assert not writing.done()
    stream.take(Frame(FrameKind.CREDIT, {**CALL, "bytes": 10}))
    await writing
    assert sum(len(frame.body) for frame in sent) == FIRST_CREDIT + 10


async def test_what_was_read_is_granted_again() -> None:
    sent: list[Frame] = []
    stream = Stream("c", sent.append)
    stream.take(Frame(FrameKind.CHUNK, {**CALL, "last": False}, b"abc"))
    stream.take(Frame(FrameKind.CHUNK, {**CALL, "last": True}))
    assert [await stream.read(), await stream.read()] == [b"abc", b""]
    assert [frame.header["bytes"] for frame in sent] == [3]


async def test_more_than_was_granted_is_refused() -> None:
    stream = Stream("c", lambda _: None)
    stream.take(Frame(FrameKind.CHUNK, CALL, bytes(FIRST_CREDIT)))
    with pytest.raises(MalformedMessage, match="granted"):
        stream.take(Frame(FrameKind.CHUNK, CALL, b"x"))


@pytest.mark.parametrize("credit", [-1, "10", None, True])
async def test_a_credit_is_a_number_of_bytes(credit: object) -> None:
    with pytest.raises(MalformedMessage):
        Stream("c", lambda _: None).take(Frame(FrameKind.CREDIT, {**CALL, "bytes": credit}))


async def test_who_waits_hears_that_nobody_asks_any_more() -> None:
    stream = Stream("c", lambda _: None)
    reading = asyncio.create_task(stream.read())
    await settle()
    stream.take(Frame(FrameKind.ANSWER, {**CALL, "ok": False}))
    with pytest.raises(CallGivenUp):
        await reading


@settings(max_examples=20, deadline=None)
@given(st.lists(st.binary(max_size=300_000), max_size=6))
def test_what_is_written_arrives_whole_and_in_order(pieces: list[bytes]) -> None:
    async def play() -> bytes:
        both: dict[str, Stream] = {}

        def send(frame: Frame) -> None:
            both["taker"].take(frame)

        giver = Stream("c", send)
        taker = both["taker"] = Stream("c", giver.take)
        writing = asyncio.create_task(giver.write_all(pieces))
        got = b""
        async with asyncio.timeout(10):
            while chunk := await taker.read():
                got += chunk
        await writing
        return got

    assert asyncio.run(play()) == b"".join(pieces)
