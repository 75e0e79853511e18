"""Questions to agents, with bytes either way."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from coordinator.dispatch.calls import FIRST_CREDIT
from federation.errors import CallFailed, NoAnswer, PartyNotConnected
from federation.wire.codec import decode, encode
from federation.wire.frames import FrameKind


async def answer(agent: Any, call_id: str, value: object, *, ok: bool = True) -> None:
    await agent.send(FrameKind.ANSWER, {"call_id": call_id, "ok": ok}, encode(value))


async def test_a_call_gives_the_agents_answer(door: Any) -> None:
    agent = await door.linked("9999")
    asked = asyncio.ensure_future(door.links.calls.call("9999", "rows", {"limit": 3}, 5.0))
    call = await agent.receive(FrameKind.CALL)
    assert (call.header["method"], decode(call.body)) == ("rows", {"limit": 3})
    await answer(agent, call.header["call_id"], {"total": 7})
    assert await asked == {"total": 7}


async def test_answers_may_come_in_another_order(door: Any) -> None:
    agent = await door.linked("9999")
    asked = [asyncio.ensure_future(door.links.calls.call("9999", m, {}, 5.0)) for m in "ab"]
    calls = [await agent.receive(FrameKind.CALL) for _ in asked]
    for call in reversed(calls):
        await answer(agent, call.header["call_id"], call.header["method"])
    assert [await one for one in asked] == ["a", "b"]


async def test_a_no_is_raised_with_the_agents_words(door: Any) -> None:
    agent = await door.linked("9999")
    asked = asyncio.ensure_future(door.links.calls.call("9999", "rows", {}, 5.0))
    call = await agent.receive(FrameKind.CALL)
    no = {"code": "policy", "message": "rows stay at home"}
    await answer(agent, call.header["call_id"], no, ok=False)
    with pytest.raises(CallFailed, match="rows stay at home") as caught:
        await asked
    assert caught.value.facts["agent_code"] == "policy"


async def test_silence_is_named(door: Any) -> None:
    await door.linked("9999")
    with pytest.raises(NoAnswer, match="did not answer rows"):
        await door.links.calls.call("9999", "rows", {}, 0.01)


async def test_a_call_to_an_agent_that_is_away_fails_at_once(door: Any) -> None:
    with pytest.raises(PartyNotConnected):
        await door.links.calls.call("9999", "rows", {}, 5.0)


async def test_a_call_ends_with_its_link(door: Any) -> None:
    agent = await door.linked("9999")
    asked = asyncio.ensure_future(door.links.calls.call("9999", "rows", {}, 60.0))
    await agent.receive(FrameKind.CALL)
    await agent.socket.close()
    with pytest.raises(PartyNotConnected):
        await asked


async def source(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def test_an_upload_arrives_whole_at_the_agents_pace(door: Any) -> None:
    agent = await door.linked("9999")
    data = bytes(range(256)) * (3 * FIRST_CREDIT // 256)
    sent = asyncio.ensure_future(
        door.links.calls.send_stream("9999", "receive_upload", {"upload_id": "u"}, source(data))
    )
    call_id = (await agent.receive(FrameKind.CALL)).header["call_id"]
    got, ungranted, most = b"", 0, 0
    while True:
        chunk = await agent.receive(FrameKind.CHUNK)
        got += bytes(chunk.body)
        ungranted += len(chunk.body)
        most = max(most, ungranted)
        if chunk.header["last"]:
            break
        if ungranted == FIRST_CREDIT:
            await agent.send(FrameKind.CREDIT, {"call_id": call_id, "bytes": ungranted})
            ungranted = 0
    await answer(agent, call_id, {"size_bytes": len(got)})
    assert (await sent, got == data, most) == ({"size_bytes": len(data)}, True, FIRST_CREDIT)


async def test_an_upload_the_agent_refuses_ends_early(door: Any) -> None:
    agent = await door.linked("9999")
    sent = asyncio.ensure_future(
        door.links.calls.send_stream("9999", "receive_upload", {}, source(bytes(8 << 20)))
    )
    call_id = (await agent.receive(FrameKind.CALL)).header["call_id"]
    await answer(agent, call_id, {"code": "disk_full", "message": "no room"}, ok=False)
    with pytest.raises(CallFailed, match="no room"):
        await sent


async def test_an_upload_whose_source_breaks_is_given_up_at_the_agent_too(door: Any) -> None:
    agent = await door.linked("9999")

    async def broken() -> AsyncIterator[bytes]:
        yield b"begin"
        raise ConnectionResetError("the client went away")

    sent = asyncio.ensure_future(
        door.links.calls.send_stream("9999", "receive_upload", {}, broken())
    )
    with pytest.raises(ConnectionResetError):
        await sent
    told = await agent.receive(FrameKind.ANSWER)
    assert (told.header["ok"], decode(told.body)["code"]) == (False, "call_given_up")


async def test_a_download_gives_the_agents_bytes_and_grants_more(door: Any) -> None:
    agent = await door.linked("9999")

    async def read() -> bytes:
        stream = door.links.calls.receive_stream("9999", "download_csv", {})
        return b"".join([chunk async for chunk in stream])

    reading = asyncio.ensure_future(read())
    call_id = (await agent.receive(FrameKind.CALL)).header["call_id"]
    await agent.send(FrameKind.CHUNK, {"call_id": call_id, "last": False}, bytes(FIRST_CREDIT))
    granted = (await agent.receive(FrameKind.CREDIT)).header["bytes"]
    await agent.send(FrameKind.CHUNK, {"call_id": call_id, "last": True}, b"end")
    await answer(agent, call_id, {"rows": 1})
    assert (granted, len(await reading)) == (FIRST_CREDIT, FIRST_CREDIT + 3)


async def test_a_download_that_breaks_off_is_an_error_and_not_a_short_file(door: Any) -> None:
    agent = await door.linked("9999")

    async def read() -> list[bytes]:
        stream = door.links.calls.receive_stream("9999", "download_csv", {})
        return [chunk async for chunk in stream]

    reading = asyncio.ensure_future(read())
    call_id = (await agent.receive(FrameKind.CALL)).header["call_id"]
    await agent.send(FrameKind.CHUNK, {"call_id": call_id, "last": False}, b"begin")
    await answer(agent, call_id, {"code": "table_not_found", "message": "gone"}, ok=False)
    with pytest.raises(CallFailed, match="gone"):
        await reading


async def test_more_bytes_than_were_granted_end_the_link(door: Any) -> None:
    agent = await door.linked("9999")
    stream = door.links.calls.receive_stream("9999", "download_csv", {})
    first = asyncio.ensure_future(anext(stream))
    call_id = (await agent.receive(FrameKind.CALL)).header["call_id"]
    too_many = bytes(FIRST_CREDIT + 1)
    await agent.send(FrameKind.CHUNK, {"call_id": call_id, "last": False}, too_many)
    assert (await agent.receive(FrameKind.BYE)).header["code"] == "malformed_message"
    with pytest.raises(PartyNotConnected):
        await first
