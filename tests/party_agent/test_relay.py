"""Letters through the agent: by the audit on the way out, to their task on the way in."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from federation.channel.link import LEDGER
from federation.channel.stream import FrameStream
from federation.errors import MalformedMessage
from federation.spec.party import GUEST, HOST, Party
from federation.wire.frames import Frame, FrameKind
from party_agent.audit import Audit
from party_agent.journal import AttemptKey
from party_agent.relay import EARLY_BYTES, Relay

GUEST_SEAT, OWN_HOST, PEER = Party(GUEST, "9999"), Party(HOST, "9999"), Party(HOST, "10000")
KEY = AttemptKey("t", 0, "guest")


class Desk:
    """A relay whose way out is a list."""

    def __init__(self, root: Path) -> None:
        self.sent: list[Frame] = []
        self.audit = Audit(root)
        self.relay = Relay("9999", self.audit, self.send)
        self.written_when_sent: list[int] = []

    def send(self, frame: Frame) -> None:
        self.written_when_sent.append(len(self.audit.rows("j")))
        self.sent.append(frame)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.audit.close_all()


def letter(sender: Party, receiver: Party, *, row: bool = True, **changes: Any) -> Frame:
    header: dict[str, Any] = {"job": "j", "task": "t", "version": 0}
    header |= {"from": str(sender), "to": str(receiver), "seq": 0, **changes}
    if row:
        header |= {"scope": [], "tag": "x", LEDGER: ["lr_0", "int", "", 19]}
    return Frame(FrameKind.LETTER, header, b"sealed")


def test_a_letter_leaves_without_its_row_after_the_row_was_written(desk: Desk) -> None:
    box = desk.relay.open(KEY, GUEST_SEAT)
    desk.relay.leave(box, letter(GUEST_SEAT, PEER))
    (sent,) = desk.sent
    assert LEDGER not in sent.header
    assert sent.body == b"sealed"
    assert desk.written_when_sent == [1]
    assert (box.letters, box.letter_bytes) == (1, 19)


def test_further_parts_of_a_letter_are_not_counted_again(desk: Desk) -> None:
    box = desk.relay.open(KEY, GUEST_SEAT)
    desk.relay.leave(box, letter(GUEST_SEAT, PEER))
    desk.relay.leave(box, letter(GUEST_SEAT, PEER, row=False, seq=1))
    assert (box.letters, len(desk.sent)) == (1, 2)


def test_a_task_can_not_write_in_another_seats_name(desk: Desk) -> None:
    box = desk.relay.open(KEY, GUEST_SEAT)
    desk.relay.leave(box, letter(OWN_HOST, PEER))
    assert desk.sent == []
    assert desk.relay.dropped == {"forged_sender": 1}


def test_a_letter_that_the_audit_can_not_hold_does_not_leave(desk: Desk, tmp_path: Path) -> None:
    box = desk.relay.open(KEY, GUEST_SEAT)
    (tmp_path / "j.jsonl").mkdir()
    with pytest.raises(OSError, match=r"j\.jsonl"):
        desk.relay.leave(box, letter(GUEST_SEAT, PEER))
    assert desk.sent == []


@pytest.mark.parametrize("entry", [None, 1, [], ["lr_0", "int", "", 19, "more"], {"bytes": 19}])
def test_a_letter_whose_row_can_not_be_read_does_not_leave(desk: Desk, entry: Any) -> None:
    box = desk.relay.open(KEY, GUEST_SEAT)
    frame = letter(GUEST_SEAT, PEER)
    frame.header[LEDGER] = entry
    with pytest.raises(MalformedMessage):
        desk.relay.leave(box, frame)
    assert desk.sent == []


async def test_letters_between_two_roles_of_the_party_stay_inside(desk: Desk) -> None:
    mine, theirs = socket.socketpair()
    stream, task = await FrameStream.over(mine), await FrameStream.over(theirs)
    box = desk.relay.open(KEY, GUEST_SEAT)
    desk.relay.open(AttemptKey("t", 0, "host"), OWN_HOST).open(stream)
    desk.relay.leave(box, letter(GUEST_SEAT, OWN_HOST))
    async with asyncio.timeout(5):
        got = await task.receive()
    assert got.header["to"] == str(OWN_HOST)
    assert desk.sent == []
    assert desk.audit.rows("j") == []
    assert box.letters == 0
    await stream.close()
    await task.close()


async def test_letters_that_come_before_the_process_are_held_for_it(desk: Desk) -> None:
    mine, theirs = socket.socketpair()
    stream, task = await FrameStream.over(mine), await FrameStream.over(theirs)
    box = desk.relay.open(KEY, GUEST_SEAT)
    for seq in range(3):
        desk.relay.arrive(letter(PEER, GUEST_SEAT, row=False, seq=seq))
    box.open(stream)
    desk.relay.arrive(letter(PEER, GUEST_SEAT, row=False, seq=3))
    async with asyncio.timeout(5):
        got = [(await task.receive()).header["seq"] for _ in range(4)]
    assert got == [0, 1, 2, 3]
    await stream.close()
    await task.close()


def test_what_is_held_before_a_process_runs_is_bounded(desk: Desk) -> None:
    desk.relay.open(KEY, GUEST_SEAT)
    big = Frame(FrameKind.LETTER, letter(PEER, GUEST_SEAT, row=False).header, bytes(1 << 20))
    for _ in range(2 * (EARLY_BYTES >> 20)):
        desk.relay.arrive(big)
    assert desk.relay.dropped["not_held"] >= EARLY_BYTES >> 20


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"task": "other"}, "no_such_attempt"),
        ({"version": 1}, "no_such_attempt"),
        ({"version": "0"}, "malformed"),
        ({"to": "guest:10000"}, "not_for_this_party"),
        ({"to": "nobody"}, "not_for_this_party"),
    ],
)
def test_a_letter_for_no_task_here_is_dropped_by_name(
    desk: Desk, changes: dict[str, Any], reason: str
) -> None:
    desk.relay.open(KEY, GUEST_SEAT)
    desk.relay.arrive(letter(PEER, GUEST_SEAT, row=False, **changes))
    assert desk.relay.dropped == {reason: 1}


def test_the_last_word_of_an_ended_task_is_repeated_for_it(desk: Desk) -> None:
    box = desk.relay.open(KEY, GUEST_SEAT)
    header = {**letter(GUEST_SEAT, PEER, row=False).header, "closed": True, "mac": b"m"}
    desk.relay.leave(box, Frame(FrameKind.LETTER_ACK, header))
    desk.relay.close(KEY)
    desk.relay.arrive(letter(PEER, GUEST_SEAT, row=False))
    assert len(desk.sent) == 2
    assert desk.sent[0] == desk.sent[1]
