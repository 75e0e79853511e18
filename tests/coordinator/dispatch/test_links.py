"""Who is let in, who is lost, and what a link carries."""

import asyncio
from typing import Any

import pytest

from coordinator.dispatch.links import LinkLimits
from coordinator.domain.state import Outgoing
from federation.spec.orders import CloseJob
from federation.spec.party import GUEST
from federation.wire.codec import decode
from federation.wire.frames import FrameKind
from federation.wire.identity import Identity

STARTED = {
    "kind": "task_started",
    "job_id": "j",
    "task_id": "t",
    "version": 0,
    "role": GUEST.value,
    "pid": 1,
    "time_ms": 1,
}


async def test_an_agent_that_proves_its_key_is_linked(door: Any) -> None:
    await door.linked("9999")
    assert door.links.parties == ["9999"]


async def test_a_catalogue_is_asked_for_once_and_can_be_used_when_the_agent_is_linked(
    door: Any,
) -> None:
    first = await door.linked("9999")
    second = await door.linked("10000")
    assert [agent.welcome["catalogue_wanted"] for agent in (first, second)] == [True, False]
    assert set(door.links.catalogue) == {"Reader"}


async def test_a_party_that_never_joined_is_sent_away(door: Any) -> None:
    agent = await door.dial("777", identity=Identity.generate())
    assert agent.welcome["bye"]["code"] == "party_not_joined"


async def test_another_key_is_sent_away(door: Any) -> None:
    agent = await door.dial("9999", identity=Identity.generate())
    assert agent.welcome["bye"]["code"] == "bad_signature"


async def test_a_signature_for_another_purpose_is_sent_away(door: Any) -> None:
    agent = await door.dial("9999", label="session offer")
    assert agent.welcome["bye"]["code"] == "bad_signature"


async def test_another_version_of_the_protocol_is_named(door: Any) -> None:
    agent = await door.dial("9999", protocol=2)
    assert agent.welcome["bye"]["code"] == "protocol_not_spoken"


async def test_bytes_that_are_no_frame_end_the_link_and_not_the_door(door: Any) -> None:
    agent = await door.linked("9999")
    await agent.socket.send_bytes(b"\x01\xff nonsense")
    assert (await agent.receive(FrameKind.BYE)).header["code"] == "malformed_message"
    await door.linked("10000")


async def test_a_second_machine_with_the_same_key_is_sent_away(door: Any) -> None:
    first = await door.linked("9999", "b1")
    listening = asyncio.ensure_future(first.receive(FrameKind.BYE))  # It answers pings.
    second = await door.dial("9999", "b2")
    bye = await second.receive(FrameKind.BYE)
    assert bye.header["code"] == "party_connected_twice"
    listening.cancel()


async def test_the_same_process_may_link_again_and_takes_over(door: Any, until: Any) -> None:
    first = await door.linked("9999", "b1")
    before = door.links.find("9999")
    await door.dial("9999", "b1")
    await until(lambda: door.links.find("9999") not in (None, before))
    assert (await first.receive(FrameKind.BYE)).header["code"] == "link_replaced"


async def test_peers_are_told_who_is_back(door: Any) -> None:
    first = await door.linked("9999")
    await door.linked("10000")
    notice = await first.receive(FrameKind.NOTICE)
    assert notice.header == {"event": "peer_up", "party_id": "10000"}


async def test_an_agent_that_stays_away_is_lost(door: Any, until: Any) -> None:
    agent = await door.linked("9999")
    await agent.socket.close()
    await until(lambda: ("lost", "9999") in door.diary.entries)


async def test_an_agent_that_is_expected_and_never_comes_is_lost(door: Any, until: Any) -> None:
    door.links.expect("10000", 0.01)
    await until(lambda: ("lost", "10000") in door.diary.entries)


class TestWithALongGrace:
    @pytest.fixture
    def limits(self) -> LinkLimits:
        return LinkLimits(grace_s=60.0, heartbeat_s=5.0)

    async def test_an_agent_that_comes_back_in_time_is_not_lost(
        self, door: Any, until: Any
    ) -> None:
        agent = await door.linked("9999")
        await agent.socket.close()
        await until(lambda: door.links.find("9999") is None)
        assert door.links.expected("9999")
        await door.linked("9999")
        assert "lost" not in {entry[0] for entry in door.diary.entries}


async def test_orders_arrive_in_the_order_in_which_they_were_kept(door: Any) -> None:
    agent = await door.linked("9999")
    orders = [Outgoing("9999", f"o{n}", CloseJob(job_id=f"j{n}")) for n in range(5)]
    async with door.store.begin() as tx:
        await tx.outbox.add(orders, 1)
    door.links.wake("9999")
    frames = [await agent.receive(FrameKind.ORDER) for _ in orders]
    assert [decode(frame.body)["job_id"] for frame in frames] == [f"j{n}" for n in range(5)]


async def test_orders_that_were_not_acknowledged_come_again_after_a_reconnect(
    door: Any, until: Any
) -> None:
    agent = await door.linked("9999")
    async with door.store.begin() as tx:
        orders = [Outgoing("9999", name, CloseJob(job_id=name)) for name in ("a", "b", "c")]
        await tx.outbox.add(orders, 1)
    door.links.wake("9999")
    for _ in orders:
        await agent.receive(FrameKind.ORDER)
    await agent.send(FrameKind.ORDER_ACK, {"order_id": "a"})
    async with asyncio.timeout(10):
        while True:
            async with door.store.read() as view:
                if len(await view.outbox.pending("9999")) == 2:
                    break
            # The store reads without giving way; the link must have its turn.
            await asyncio.sleep(0)
    await agent.socket.close()
    again = await door.dial("9999")
    names = [(await again.receive(FrameKind.ORDER)).header["order_id"] for _ in range(2)]
    assert names == ["b", "c"]


async def test_acknowledgements_that_wait_are_kept_when_the_door_closes(door: Any) -> None:
    agent = await door.linked("9999")
    async with door.store.begin() as tx:
        await tx.outbox.add([Outgoing("9999", "a", CloseJob(job_id="j"))], 1)
    door.links.wake("9999")
    await agent.receive(FrameKind.ORDER)
    await agent.send(FrameKind.ORDER_ACK, {"order_id": "a"})
    await agent.send(FrameKind.PING, {})
    await agent.receive(FrameKind.PONG)
    await door.links.close("bye", "now")
    async with door.store.read() as view:
        assert await view.outbox.pending("9999") == []


async def test_an_order_the_agent_can_not_read_is_told_to_the_jobs(door: Any, until: Any) -> None:
    agent = await door.linked("9999")
    refused = {"code": "unknown_order", "message": "of another version"}
    await agent.send(FrameKind.ORDER_ACK, {"order_id": "a", "refused": refused})
    await until(lambda: ("refused", "9999", "a", "unknown_order") in door.diary.entries)


async def test_reports_are_taken_in_order_after_the_greeting_and_then_acknowledged(
    door: Any,
) -> None:
    agent = await door.linked("9999")
    for seq in (1, 2, 3):
        await agent.report(seq, STARTED)
    acks = [(await agent.receive(FrameKind.REPORT_ACK)).header["seq"] for _ in range(3)]
    assert acks == [1, 2, 3]
    assert door.diary.entries == [
        ("up", "9999", "b1"),
        *(("report", "9999", seq, "task_started") for seq in (1, 2, 3)),
    ]


async def test_a_slow_report_of_one_party_does_not_hold_up_its_letters_nor_other_parties(
    door: Any,
) -> None:
    agent = await door.linked("9999")
    door.diary.slow = asyncio.Event()
    await agent.report(1, STARTED)
    await agent.send(FrameKind.PING, {})
    await agent.receive(FrameKind.PONG)
    door.diary.slow.set()
    await agent.receive(FrameKind.REPORT_ACK)


async def test_a_report_that_fails_once_is_taken_in_at_the_second_try(door: Any) -> None:
    agent = await door.linked("9999")
    door.diary.fails = 1
    await agent.report(1, STARTED)
    await agent.receive(FrameKind.REPORT_ACK)
    assert ("report", "9999", 1, "task_started") in door.diary.entries


async def test_a_report_nobody_can_read_does_not_block_the_next(door: Any) -> None:
    agent = await door.linked("9999")
    await agent.report(1, {"kind": "of_tomorrow"})
    await agent.report(2, STARTED)
    await agent.receive(FrameKind.REPORT_ACK)
    await agent.receive(FrameKind.REPORT_ACK)
    assert [entry[2] for entry in door.diary.entries if entry[0] == "report"] == [2]


async def test_the_welcome_tells_how_far_reports_were_taken_in(door: Any) -> None:
    async with door.store.begin() as tx:
        await tx.parties.take_report("9999", 7)
    assert (await door.linked("9999")).welcome["report_seq"] == 7
