"""One party of a set intersection, as a process of its own: ids from a CSV file, rows to another.

Both parties run the protocol over one socket, with letters sealed as in a job; there is no
coordinator in between. Reads nothing from stdin but its end, which is when it may leave. Prints one
line of JSON: seconds and CPU seconds from opening the file to the result written, the number of
common ids, bytes that left, and the most memory held. Libraries are loaded before that, as the
peers' are.
"""

import asyncio
import json
import resource
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv

from federation.channel import Channel, PeerKeys, Seat, open_channel
from federation.channel.stream import FrameStream, StreamLink
from federation.protocols.psi import (
    ECDH_MESSAGES,
    OPRF_MESSAGES,
    Column,
    Intersection,
    ecdh_guest,
    ecdh_host,
    oprf_guest,
    oprf_host,
)
from federation.spec.party import GUEST, HOST, Party
from federation.wire.frames import Frame
from federation.wire.session import derive

SEATS = {"guest": Party(GUEST, "9999"), "host": Party(HOST, "10000")}
Side = Callable[[Channel, Column], Awaitable[Intersection]]
SIDES: dict[tuple[str, str], Side] = {
    ("oprf", "guest"): oprf_guest,
    ("oprf", "host"): oprf_host,
    ("ecdh", "guest"): ecdh_guest,
    ("ecdh", "host"): ecdh_host,
}
MESSAGES = {"oprf": OPRF_MESSAGES, "ecdh": ECDH_MESSAGES}


class _CountingLink(StreamLink):
    """A link that knows how much left through it."""

    def __init__(self, stream: FrameStream) -> None:
        super().__init__(stream)
        self.sent_bytes = 0

    async def send(self, frame: Frame) -> None:
        self.sent_bytes += len(frame.body)
        await super().send(frame)


async def intersected(method: str, role: str, end: socket.socket, secret: bytes, at: Path) -> str:
    """Run one side; files are `<role>.csv` and `<role>.out.csv` in `at`."""
    me, peer = SEATS[role], SEATS["host" if role == "guest" else "guest"]
    seat = Seat("job", "task", 0, "intersection", me, {p.role: (p.party_id,) for p in (me, peer)})
    keys = {peer: PeerKeys(_key(secret, me, peer), _key(secret, peer, me))}
    link = _CountingLink(await FrameStream.over(end))
    channel = open_channel(link, seat, keys, MESSAGES[method])
    pa.scalar("")  # At its first conversion Arrow loads pandas, where that is installed.
    started, used = time.perf_counter(), time.process_time()
    options = pacsv.ConvertOptions(column_types={"id": "string"})
    table = pacsv.read_csv(at / f"{role}.csv", convert_options=options)
    async with channel:
        found = await SIDES[method, role](channel, table["id"])
        pacsv.write_csv(table.take(found.indices), at / f"{role}.out.csv")
    facts = {
        "wall_s": time.perf_counter() - started,
        "cpu_s": time.process_time() - used,
        "common": found.common,
        "sent_bytes": link.sent_bytes,
        "memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }
    return json.dumps(facts)


def _key(secret: bytes, sender: Party, receiver: Party) -> bytes:
    return derive(secret, "task", 0, sender, receiver)


def main() -> None:
    """Arguments: method, role, file descriptor of the socket, secret in hex, folder."""
    method, role, descriptor, secret, folder = sys.argv[1:6]
    end = socket.socket(fileno=int(descriptor))
    run = intersected(method, role, end, bytes.fromhex(secret), Path(folder))
    with asyncio.Runner() as runner:
        print(runner.run(run), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
