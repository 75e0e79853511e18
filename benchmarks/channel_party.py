"""One end of a connection, as a process of its own: raw bytes, or letters of a channel.

The sender writes blocks of one MiB, then exchanges small messages one at a time; the receiver takes
and answers. Prints one line of JSON at the sender: seconds of the blocks until the receiver has
said that it has them all, and the median seconds there and back of a small message.
"""

import json
import os
import socket
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import numpy as np

from federation.channel import Channel, Message, PeerKeys, Seat, open_channel
from federation.channel.stream import FrameStream, StreamLink
from federation.program.loop import run_loop
from federation.program.memory import keep_freed_blocks
from federation.spec.party import GUEST, HOST, Party
from federation.wire.session import derive

BLOCK_BYTES = 1 << 20
SMALL_BYTES = 64
SMALL_ROUNDS = 2000
SENDER, RECEIVER = Party(GUEST, "9999"), Party(HOST, "10000")
MESSAGES = (
    Message("block", (GUEST, HOST), np.ndarray, "one MiB of numbers"),
    Message("small", (GUEST, HOST), bytes, "a few bytes"),
    Message("answer", (HOST, GUEST), bytes, "the same bytes"),
)


def raw_sender(end: socket.socket, blocks: int) -> tuple[float, float]:
    """Write blocks and small messages to a socket."""
    data, small = bytes(BLOCK_BYTES), bytes(SMALL_BYTES)
    started = time.perf_counter()
    for _ in range(blocks):
        end.sendall(data)
    end.recv(SMALL_BYTES, socket.MSG_WAITALL)
    seconds = time.perf_counter() - started
    rounds = []
    for _ in range(SMALL_ROUNDS):
        started = time.perf_counter()
        end.sendall(small)
        end.recv(SMALL_BYTES, socket.MSG_WAITALL)
        rounds.append(time.perf_counter() - started)
    return seconds, statistics.median(rounds)


def raw_receiver(end: socket.socket, blocks: int) -> None:
    """Take what `raw_sender` writes, into one buffer."""
    buffer, left = bytearray(BLOCK_BYTES), blocks * BLOCK_BYTES
    while left:
        left -= end.recv_into(buffer, min(left, BLOCK_BYTES))
    end.sendall(bytes(SMALL_BYTES))
    for _ in range(SMALL_ROUNDS):
        end.sendall(end.recv(SMALL_BYTES, socket.MSG_WAITALL))


async def sender(channel: Channel, blocks: int) -> tuple[float, float]:
    """Send blocks and small letters."""
    peer = channel.hosts[0]
    data, small = np.random.default_rng(1).random(BLOCK_BYTES // 8), bytes(SMALL_BYTES)
    started = time.perf_counter()
    for _ in range(blocks):
        await peer.send("block", data)
    await peer.receive("answer")
    seconds = time.perf_counter() - started
    rounds = []
    for _ in range(SMALL_ROUNDS):
        started = time.perf_counter()
        await peer.send("small", small)
        await peer.receive("answer")
        rounds.append(time.perf_counter() - started)
    return seconds, statistics.median(rounds)


async def receiver(channel: Channel, blocks: int) -> None:
    """Take what `sender` sends."""
    peer = channel.guest
    for _ in range(blocks):
        await peer.receive("block")
    await peer.send("answer", bytes(SMALL_BYTES))
    for _ in range(SMALL_ROUNDS):
        await peer.send("answer", await peer.receive("small"))


Said = TypeVar("Said")


async def lettered(
    end: socket.socket,
    secret: bytes,
    me: Party,
    side: Callable[[Channel, int], Awaitable[Said]],
    blocks: int,
) -> Said:
    """Run one side over a channel as a task has it."""
    peer = RECEIVER if me == SENDER else SENDER
    seat = Seat(
        "job", "task", 0, "channel", me, {p.role: (p.party_id,) for p in (SENDER, RECEIVER)}
    )
    keys = PeerKeys(derive(secret, "task", 0, me, peer), derive(secret, "task", 0, peer, me))
    link = StreamLink(await FrameStream.over(end))
    async with open_channel(link, seat, {peer: keys}, MESSAGES) as channel:
        return await side(channel, blocks)


def main() -> None:
    """Arguments: raw or letters, sender or receiver, descriptor, secret in hex, blocks, a core."""
    way, role, descriptor, secret, count = sys.argv[1:6]
    if core := sys.argv[6:]:
        os.sched_setaffinity(0, {int(core[0])})
    keep_freed_blocks()  # as every process of a task does
    end, blocks = socket.socket(fileno=int(descriptor)), int(count)
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if role == "receiver":
        if way == "raw":
            raw_receiver(end, blocks)
        else:
            run_loop(lettered(end, bytes.fromhex(secret), RECEIVER, receiver, blocks))
        return
    if way == "raw":
        found = raw_sender(end, blocks)
    else:
        found = run_loop(lettered(end, bytes.fromhex(secret), SENDER, sender, blocks))
    print(json.dumps({"seconds": found[0], "small_s": found[1]}), flush=True)


if __name__ == "__main__":
    main()
