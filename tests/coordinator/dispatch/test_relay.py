"""Letters pass as they came, or not at all."""

from typing import Any

import pytest

from coordinator.dispatch.link import Link
from coordinator.dispatch.meters import Meters
from coordinator.dispatch.relay import Relay
from federation.spec.party import GUEST, HOST, Party
from federation.spec.status import Status
from federation.wire.frames import Frame, FrameKind, pack_bytes

G, H = Party(GUEST, "9999"), Party(HOST, "10000")


def letter(sender: object, receiver: object, job_id: str = "j", body: bytes = b"sealed") -> bytes:
    header = {"job": job_id, "task": "t", "from": str(sender), "to": str(receiver), "seq": 1}
    return pack_bytes(Frame(FrameKind.LETTER, header, body))


def dropped(meters: Meters, reason: str) -> float:
    return (
        meters.registry.get_sample_value("tripact_letters_dropped_total", {"reason": reason}) or 0
    )


async def pair(door: Any) -> tuple[Any, Any]:
    await door.keep_job("j", G, H)
    return await door.linked("9999"), await door.linked("10000")


async def settle(agent: Any) -> None:
    """Wait until the coordinator has handled all that the agent sent."""
    await agent.send(FrameKind.PING, {})
    await agent.receive(FrameKind.PONG)


async def test_a_letter_arrives_byte_for_byte(door: Any) -> None:
    guest, host = await pair(door)
    body = bytes(range(256)) * 100
    await guest.socket.send_bytes(letter(G, H, body=body))
    frame = await host.receive(FrameKind.LETTER)
    assert (frame.header["from"], bytes(frame.body)) == ("guest:9999", body)
    relayed = door.meters.registry.get_sample_value("tripact_letters_relayed_bytes_total")
    assert relayed == len(letter(G, H, body=body))


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (letter("host:10000", "guest:9999"), "forged_sender"),
        (letter("arbiter:9999", "host:10000"), "not_in_job"),
        (letter("guest:9999", "host:777"), "not_in_job"),
        (letter("guest:9999", "host:10000", job_id="another"), "not_in_job"),
    ],
    ids=["another party's seat", "a role it does not have", "a stranger", "another job"],
)
async def test_a_letter_with_a_wrong_address_is_dropped_by_name(
    door: Any, message: bytes, reason: str
) -> None:
    guest, _host = await pair(door)
    await guest.socket.send_bytes(message)
    await settle(guest)
    assert dropped(door.meters, reason) == 1
    assert door.meters.registry.get_sample_value("tripact_letters_relayed_total") == 0


async def test_letters_of_a_job_that_has_ended_are_dropped(door: Any) -> None:
    await door.keep_job("j", G, H, status=Status.SUCCESS)
    guest, _ = await door.linked("9999"), await door.linked("10000")
    await guest.socket.send_bytes(letter(G, H))
    await settle(guest)
    assert dropped(door.meters, "job_ended") == 1


async def test_a_letter_to_an_agent_that_is_away_is_dropped(door: Any) -> None:
    await door.keep_job("j", G, H)
    guest = await door.linked("9999")
    await guest.socket.send_bytes(letter(G, H))
    await settle(guest)
    assert dropped(door.meters, "receiver_away") == 1


async def test_a_letter_without_an_address_ends_the_link(door: Any) -> None:
    guest, _ = await pair(door)
    await guest.send(FrameKind.LETTER, {"job": "j"})
    assert (await guest.receive(FrameKind.BYE)).header["code"] == "malformed_message"


class Silent:
    """A socket that takes nothing."""

    closed = False

    async def send_bytes(self, data: bytes) -> None: ...

    async def ping(self, message: bytes = b"") -> None: ...

    async def close(self) -> None: ...


async def test_a_lane_holds_no_more_letters_than_its_bound(door: Any) -> None:
    await door.keep_job("j", G, H)
    meters = Meters()
    sender = Link(Silent(), "9999", "b", 1 << 20)
    receiver = Link(Silent(), "10000", "b", 3_000)  # Nobody empties it.
    relay = Relay(door.store, {"10000": receiver}.get, meters)
    message = letter(G, H, body=bytes(900))
    frame = Frame(FrameKind.LETTER, {"job": "j", "from": str(G), "to": str(H)})
    for _ in range(10):
        await relay.forward(sender, frame, message)
    assert meters.registry.get_sample_value("tripact_letters_relayed_total") == 3
    assert dropped(meters, "lane_full") == 7
