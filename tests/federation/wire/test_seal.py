from dataclasses import replace
from typing import Any

import pytest

from federation.errors import (
    AlteredLetter,
    ForgedSender,
    KeyExhausted,
    MalformedMessage,
    ReorderedLetter,
    ReplayedLetter,
)
from federation.spec.party import ARBITER, GUEST, HOST, Party
from federation.wire.seal import Ack, Direction, OpeningKey, Part, SealingKey

HERE = Direction("job", "job_lr_0", 0, Party(GUEST, "1"), Party(HOST, "2"))
KEY = bytes(range(32))


def pair(key: bytes = KEY, direction: Direction = HERE) -> tuple[SealingKey, OpeningKey]:
    return SealingKey(KEY, HERE), OpeningKey(key, direction)


def part(sequence: int = 0) -> Part:
    return Part(sequence, ("epoch", 3), "gradient", 0, True, 7)


def header(some: Part) -> dict[str, Any]:
    return {**HERE.header(), **some.header()}


def test_a_part_opens_with_the_key_of_its_direction() -> None:
    sealing, opening = pair()
    body = sealing.seal(part(), b"content")
    assert b"content" not in body
    assert opening.open(opening.expect(header(part())), body) == b"content"


@pytest.mark.parametrize(
    "claim",
    [
        {"from": "arbiter:1"},
        {"from": "guest:3"},
        {"to": "host:3"},
        {"job": "other"},
        {"task": "other"},
        {"version": 1},
    ],
)
def test_a_forged_sender_is_refused_by_name(claim: dict[str, Any]) -> None:
    _, opening = pair()
    with pytest.raises(ForgedSender):
        opening.expect(header(part()) | claim)


def test_a_replayed_part_is_refused_by_name() -> None:
    sealing, opening = pair()
    opening.open(opening.expect(header(part())), sealing.seal(part(), b"content"))
    with pytest.raises(ReplayedLetter):
        opening.expect(header(part()))


def test_a_reordered_part_is_refused_by_name() -> None:
    _, opening = pair()
    with pytest.raises(ReorderedLetter):
        opening.expect(header(part(1)))


@pytest.mark.parametrize(
    "change",
    [
        {"scope": ("epoch", 4)},
        {"tag": "other"},
        {"number": 1},
        {"last": False},
        {"size_bytes": 8},
    ],
)
def test_a_part_whose_place_was_altered_is_refused_by_name(change: dict[str, Any]) -> None:
    sealing, opening = pair()
    body = sealing.seal(part(), b"content")
    with pytest.raises(AlteredLetter):
        opening.open(opening.expect(header(part()._replace(**change))), body)


@pytest.mark.parametrize("at", [0, 3, -1])
def test_a_part_whose_content_was_altered_is_refused_by_name(at: int) -> None:
    sealing, opening = pair()
    body = bytearray(sealing.seal(part(), b"content"))
    body[at] ^= 1
    with pytest.raises(AlteredLetter):
        opening.open(opening.expect(header(part())), bytes(body))


@pytest.mark.parametrize("length", [0, 5, 16, 22])
def test_a_part_that_was_cut_is_refused_by_name(length: int) -> None:
    sealing, opening = pair()
    body = sealing.seal(part(), b"content")
    with pytest.raises(AlteredLetter):
        opening.open(opening.expect(header(part())), body[:length])


def test_a_wrong_key_opens_nothing() -> None:
    sealing, opening = pair(key=bytes(32))
    with pytest.raises(AlteredLetter):
        opening.open(opening.expect(header(part())), sealing.seal(part(), b"content"))


def test_a_key_used_for_another_direction_opens_nothing() -> None:
    other = replace(HERE, sender=Party(ARBITER, "9"))
    sealing, opening = pair(direction=other)
    claimed = {**part().header(), **other.header()}
    with pytest.raises(AlteredLetter):
        opening.open(opening.expect(claimed), sealing.seal(part(), b"content"))


def test_a_refused_part_leaves_the_count_as_it_was() -> None:
    sealing, opening = pair()
    body = sealing.seal(part(), b"content")
    with pytest.raises(AlteredLetter):
        opening.open(opening.expect(header(part())), b"x" + body[1:])
    assert opening.expected == 0
    assert opening.open(opening.expect(header(part())), body) == b"content"


def test_a_number_is_never_used_twice() -> None:
    sealing, _ = pair()
    sealing.seal(part(), b"content")
    with pytest.raises(ValueError):
        sealing.seal(part(), b"content")


def test_a_key_refuses_to_seal_more_than_it_may() -> None:
    sealing, _ = pair()
    sealing.sequence = 1 << 32
    with pytest.raises(KeyExhausted):
        sealing.seal(part(1 << 32), b"content")


@pytest.mark.parametrize(
    "change",
    [
        {"seq": -1},
        {"seq": True},
        {"seq": 1 << 32},
        {"seq": None},
        {"scope": "epoch"},
        {"scope": [1.5]},
        {"scope": ["a"] * 17},
        {"scope": ["a" * 129]},
        {"tag": 5},
        {"tag": "a" * 129},
        {"part": -1},
        {"last": 1},
        {"size": -1},
    ],
)
def test_a_header_that_is_not_a_parts_is_refused(change: dict[str, Any]) -> None:
    _, opening = pair()
    with pytest.raises(MalformedMessage):
        opening.expect(header(part()) | change)


@pytest.mark.parametrize(
    "ack", [Ack(0), Ack(1, sent=5, resend=True), Ack(2, ask=True), Ack(2, closed=True)]
)
def test_an_acknowledgement_tells_what_was_said(ack: Ack) -> None:
    sealing, opening = pair()
    sealing.sequence = 2
    assert sealing.check_ack(opening.acknowledge(ack)) == ack


@pytest.mark.parametrize(
    "change",
    [{"received": 2}, {"sent": 1}, {"resend": True}, {"ask": True}, {"closed": True}, {"mac": b""}],
)
def test_an_altered_acknowledgement_is_refused_by_name(change: dict[str, Any]) -> None:
    sealing, opening = pair()
    sealing.sequence = 2
    with pytest.raises(AlteredLetter):
        sealing.check_ack(opening.acknowledge(Ack(1)) | change)


def test_an_acknowledgement_of_another_seat_is_refused_by_name() -> None:
    sealing, opening = pair()
    with pytest.raises(ForgedSender):
        sealing.check_ack(opening.acknowledge(Ack(0)) | {"from": "host:3"})


def test_what_was_never_sent_can_not_be_acknowledged() -> None:
    sealing, opening = pair()
    with pytest.raises(MalformedMessage):
        sealing.check_ack(opening.acknowledge(Ack(1)))


@pytest.mark.parametrize(
    "change", [{"received": -1}, {"received": "1"}, {"sent": None}, {"ask": 1}]
)
def test_what_is_not_an_acknowledgement_is_refused(change: dict[str, Any]) -> None:
    sealing, opening = pair()
    with pytest.raises(MalformedMessage):
        sealing.check_ack(opening.acknowledge(Ack(0)) | change)
