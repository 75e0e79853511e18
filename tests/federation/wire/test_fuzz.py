"""Messages broken at random: each is read or refused by name, in bounded memory and time.

The unit run breaks 20,000; `python tests/federation/wire/test_fuzz.py 200000` breaks as many as it
is told to, and prints what it saw.
"""

import contextlib
import hashlib
import os
import random
import resource
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable

import numpy as np

from federation.errors import PeerMisbehaved
from federation.spec.party import GUEST, HOST, Party
from federation.wire.codec import BigIntVector, StringVector, decode, encode
from federation.wire.frames import Frame, FrameKind, FrameReader, pack_bytes, pack_stream, unpack
from federation.wire.identity import Identity
from federation.wire.letters import LetterReader, seal_letter
from federation.wire.seal import Ack, Direction, OpeningKey, SealingKey
from federation.wire.session import Session

COUNT = int(os.environ.get("TRIPACT_FUZZ", "20000"))
MOST_MEMORY = 64 << 20
HERE = Direction("job", "job_lr_0", 0, Party(GUEST, "1"), Party(HOST, "2"))
KEY = bytes(32)
JOB = hashlib.sha256(b"job").digest()
ALICE_ID, BOB_ID = Identity.generate(), Identity.generate()
ALICE, BOB = Session(ALICE_ID, JOB, 1, "1", ["guest"]), Session(BOB_ID, JOB, 1, "2", ["host"])

Reader = Callable[[bytes], object]


def _payloads() -> list[bytes]:
    ids = [f"id{i}é" for i in range(900)]
    values = [
        {"epoch": 3, "loss": 0.25, "done": False, "none": None, "name": "grad", "raw": b"\0\1"},
        {"w": np.arange(6.0).reshape(2, 3), "i": np.arange(5, dtype=np.int8)},
        {"big": np.ones((40, 30)), "bool": np.array([True, False])},
        {"cells": BigIntVector.from_ints([2**100 + i for i in range(9)], 16), "shape": [3, 3]},
        [BigIntVector.from_ints([7**i for i in range(400)], 256), 2**300, -(2**90)],
        {"ids": StringVector.from_strings(ids[:9]), "all": StringVector.from_strings(ids)},
        [[[[[["deep", {"a": {"b": {"c": [1, 2, [3]]}}}]]]]]],
        list(range(300)),
        {str(i): i * 1000 for i in range(60)},
    ]
    return [encode(value) for value in values]


def _letter_reader() -> Reader:
    def read(data: bytes) -> object:
        frame = unpack(data)
        if frame.kind is FrameKind.LETTER_ACK:
            key = SealingKey(KEY, HERE)
            key.sequence = 9
            return key.check_ack(frame.header)
        return LetterReader(OpeningKey(KEY, HERE)).read(frame)

    return read


def corpus() -> list[tuple[Reader, bytes]]:
    """Well-formed messages of every kind, each with what reads it."""
    payloads = _payloads()
    frames = [Frame(kind, {"id": 7, "to": "host:1"}, payloads[0]) for kind in FrameKind]
    letter = next(seal_letter(SealingKey(KEY, HERE), ("epoch", 3), "gradient", payloads[1]))
    ack = Frame(FrameKind.LETTER_ACK, OpeningKey(KEY, HERE).acknowledge(Ack(1, 2, resend=True)))
    _, secret = ALICE.seal_secret(BOB.offer)
    return [
        *((decode, payload) for payload in payloads),
        *((unpack, pack_bytes(frame)) for frame in frames),
        *((lambda data: FrameReader().feed(data), b"".join(pack_stream(f))) for f in frames[:4]),
        (_letter_reader(), pack_bytes(letter)),
        (_letter_reader(), pack_bytes(ack)),
        (lambda data: ALICE.check_offer(data, BOB_ID.public, "2"), BOB.offer.to_bytes()),
        (lambda data: BOB.open_secret(data, ALICE_ID.public, "1"), secret),
    ]


SPECIAL = [bytes([lead]) for lead in (0, 0x7F, 0x80, 0x90, 0xC1, 0xFF)] + [
    lead + b"\xff\xff\xff\xff" for lead in (b"\xc6", b"\xc9", b"\xdb", b"\xdd", b"\xdf")
]


def broken(data: bytes, other: bytes, dice: random.Random) -> bytes:
    """The message with one to four things wrong with it."""
    out = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(out) + 1)
        match dice.randrange(8):
            case 0 | 1 if at < len(out):
                out[at] ^= 1 << dice.randrange(8)
            case 2 if at < len(out):
                out[at] = dice.randrange(256)
            case 3:
                del out[at:]
            case 4:
                del out[at : at + dice.randrange(1, 9)]
            case 5:
                out[at:at] = dice.choice(SPECIAL) * dice.choice((1, 1, 2, 50))
            case 6:
                start = dice.randrange(len(other))
                out[at : at + 16] = other[start : start + dice.randrange(1, 64)]
            case _:
                out[at : at + 4] = dice.randbytes(4)
    return bytes(out)


def fuzz(count: int, seed: int = 0, slowest_s: float = 1.0) -> Counter[str]:
    """Break and read `count` messages; how many were read, and how many refused by which name.

    Raises:
        Exception: anything but a named refusal.
        AssertionError: one message took longer than `slowest_s`.
    """
    dice, seeds, seen = random.Random(seed), corpus(), Counter[str]()
    for _ in range(count):
        read, data = dice.choice(seeds)
        message = broken(data, dice.choice(seeds)[1], dice)
        began = time.monotonic()
        try:
            read(message)
            seen["read"] += 1
        except PeerMisbehaved as error:
            seen[error.code] += 1
        assert time.monotonic() - began < slowest_s, message.hex()
    return seen


def test_the_messages_are_well_formed_before_they_are_broken() -> None:
    for read, data in corpus():
        read(data)


def test_a_broken_message_is_read_or_refused_by_name() -> None:
    seen = fuzz(COUNT)
    assert sum(seen.values()) == COUNT
    assert seen["malformed_message"] > COUNT // 3
    assert {"read", "altered_letter", "bad_signature", "forged_sender"} <= set(seen)


def test_a_broken_message_costs_little_memory() -> None:
    dice, seeds = random.Random(1), corpus()
    tracemalloc.start()
    for _ in range(500):
        read, data = dice.choice(seeds)
        message = broken(data, data, dice)
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        with contextlib.suppress(PeerMisbehaved):
            read(message)
        _, peak = tracemalloc.get_traced_memory()
        assert peak - before < 1 << 20, message.hex()
    tracemalloc.stop()


def test_many_broken_messages_leave_no_memory_behind() -> None:
    fuzz(500)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    fuzz(2000, seed=2)
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib << 10 < MOST_MEMORY


if __name__ == "__main__":
    started = time.monotonic()
    result = fuzz(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(dict(result))
    print(
        f"{sum(result.values())} messages in {time.monotonic() - started:.1f} s, {most} MiB at most"
    )
