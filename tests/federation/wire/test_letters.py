import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.errors import AlteredLetter, LetterTooLarge, MalformedMessage
from federation.spec.party import GUEST, HOST, Party
from federation.wire.frames import Frame, FrameKind
from federation.wire.letters import LetterReader, Spares, seal_letter, sealed_size
from federation.wire.seal import Direction, OpeningKey, Part, SealingKey

HERE = Direction("job", "job_lr_0", 0, Party(GUEST, "1"), Party(HOST, "2"))
KEY = bytes(range(32))


def reader(limit: int = 1 << 20) -> LetterReader:
    return LetterReader(OpeningKey(KEY, HERE), limit)


def part(key: SealingKey, number: int, last: bool, size: int, data: bytes, tag: str = "t") -> Frame:
    place = Part(key.sequence, (), tag, number, last, size)
    return Frame(FrameKind.LETTER, {**HERE.header(), **place.header()}, key.seal(place, data))


@given(st.lists(st.binary(max_size=100), min_size=1, max_size=5), st.integers(1, 40))
@settings(deadline=None)
def test_letters_come_back_whole_and_in_order(contents: list[bytes], part_bytes: int) -> None:
    key, there, got, left = SealingKey(KEY, HERE), reader(), [], 0
    for data in contents:
        for frame in seal_letter(key, ("a", 1), "t", data, part_bytes):
            left += len(frame.body)
            letter = there.read(frame)
            if letter is not None:
                assert (letter.sender, letter.scope, letter.tag) == (HERE.sender, ("a", 1), "t")
                got.append(bytes(letter.data))
    assert got == contents
    assert left == sum(sealed_size(len(data), part_bytes) for data in contents)


def test_buffers_of_received_parts_are_sealed_into_again() -> None:
    key, there, spares, buffers = SealingKey(KEY, HERE), reader(), Spares(), set()
    for byte in (b"a", b"b", b"c"):
        (frame,) = seal_letter(key, (), "t", byte * 100_000, 1 << 20, spares=spares)
        letter = there.read(frame)
        assert letter is not None
        assert letter.data == byte * 100_000
        assert isinstance(frame.body, memoryview)
        buffers.add(id(frame.body.obj))
        spares.give(frame.body)
    assert len(buffers) == 1


def test_what_stands_beside_a_letter_is_said_once_and_not_sealed() -> None:
    first, second = seal_letter(SealingKey(KEY, HERE), (), "t", b"abcdefgh", 4, beside={"n": 1})
    assert (first.header["n"], "n" in second.header) == (1, False)
    there = reader()
    assert there.read(replace(first, header=first.header | {"n": 2})) is None
    letter = there.read(second)
    assert letter is not None
    assert letter.data == b"abcdefgh"


def test_parts_are_sealed_when_they_are_asked_for() -> None:
    key = SealingKey(KEY, HERE)
    parts = seal_letter(key, (), "t", bytes(100), 10)
    next(parts)
    assert key.sequence == 1


def test_a_letter_over_the_limit_is_refused_before_room_is_made_for_it() -> None:
    key = SealingKey(KEY, HERE)
    frame = part(key, 0, False, 1 << 40, b"x")
    there = reader()
    tracemalloc.start()
    with pytest.raises(LetterTooLarge):
        there.read(frame)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 16


def test_a_part_altered_on_its_way_can_still_be_sent_again() -> None:
    key, there = SealingKey(KEY, HERE), reader()
    first, second = seal_letter(key, (), "t", b"abcdefgh", 4)
    there.read(first)
    with pytest.raises(AlteredLetter):
        there.read(replace(second, body=b"x" + second.body[1:]))
    with pytest.raises(AlteredLetter):
        there.read(replace(second, header=second.header | {"part": 2}))
    letter = there.read(second)
    assert letter is not None
    assert letter.data == b"abcdefgh"


@pytest.mark.parametrize(
    "parts",
    [
        [(1, False, 9, b"abc", "t")],
        [(0, True, 9, b"abc", "t")],
        [(0, False, 3, b"abc", "t")],
        [(0, False, 2, b"abc", "t")],
        [(0, False, 3, b"", "t")],
        [(0, False, 9, b"abc", "t"), (0, True, 3, b"abc", "t")],
        [(0, False, 9, b"abc", "t"), (2, False, 9, b"abc", "t")],
        [(0, False, 9, b"abc", "t"), (1, False, 8, b"abc", "t")],
        [(0, False, 9, b"abc", "t"), (1, False, 9, b"abc", "u")],
        [(0, False, 9, b"abc", "t"), (1, True, 9, b"abc", "t")],
        [(0, False, 6, b"abc", "t"), (1, False, 6, b"abc", "t")],
        [(0, False, 6, b"abc", "t"), (1, True, 6, b"abcdef", "t")],
        [(0, False, 6, b"abc", "t"), (1, False, 6, b"", "t")],
    ],
)
def test_a_sender_that_breaks_the_rules_of_parts_is_refused(
    parts: list[tuple[int, bool, int, bytes, str]],
) -> None:
    key, there = SealingKey(KEY, HERE), reader()
    for number, last, size, data, tag in parts[:-1]:
        assert there.read(part(key, number, last, size, data, tag)) is None
    number, last, size, data, tag = parts[-1]
    with pytest.raises(MalformedMessage):
        there.read(part(key, number, last, size, data, tag))
