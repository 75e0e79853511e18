"""What whoever relays letters sees of them: how many, how large, under which tag; no more."""

import asyncio
from typing import Any

import numpy as np

from federation.channel import Channel, Message
from federation.channel.memory import MemoryRelay, run_together
from federation.crypto import generate_keypair
from federation.crypto.scheme import Encrypted, PublicKey
from federation.spec.party import GUEST, HOST, Party
from federation.wire.codec import encode
from federation.wire.frames import Frame, FrameKind

G, H = Party(GUEST, "9999"), Party(HOST, "10000")
MESSAGES = (
    Message("key", (GUEST, HOST), PublicKey, "whom ciphertexts are for"),
    Message("table", (GUEST, HOST), np.ndarray, "numbers in the clear"),
    Message("gradient", (HOST, GUEST), Encrypted, "a sum of ciphertexts"),
)


def relayed(table: np.ndarray, times: int = 1) -> list[Frame]:
    """All frames that a relay sees of a guest that sends a table some times."""
    seen: list[Frame] = []

    def watch(frame: Frame) -> list[Frame]:
        seen.append(frame)
        return [frame]

    async def guest(ch: Channel) -> None:
        for _ in range(times):
            await ch.hosts.send("table", table)

    async def host(ch: Channel) -> None:
        for _ in range(times):
            np.testing.assert_array_equal(await ch.guest.receive("table"), table)

    asyncio.run(run_together({G: guest, H: host}, MESSAGES, relay=MemoryRelay(tamper=watch)))
    return seen


def outside(frame: Frame) -> tuple[Any, ...]:
    """Everything of a frame but sealed content and proofs."""
    header = {name: said for name, said in frame.header.items() if name != "mac"}
    return frame.kind, header, len(frame.body)


def letters(frames: list[Frame]) -> list[bytes]:
    return [bytes(frame.body) for frame in frames if frame.kind is FrameKind.LETTER]


def test_numbers_of_one_shape_look_alike_to_a_relay_whatever_they_are() -> None:
    zeros, others = np.zeros(1000), np.random.default_rng(7).normal(size=1000)
    assert list(map(outside, relayed(zeros))) == list(map(outside, relayed(others)))


def test_no_stretch_of_a_letter_is_on_the_wire() -> None:
    table = np.arange(1000.0)
    content = encode(table)
    (body,) = letters(relayed(table))
    assert not any(content[at : at + 8] in body for at in range(64, len(content) - 8, 8))


def test_the_same_letter_sent_again_is_other_bytes_on_the_wire() -> None:
    one, other = letters(relayed(np.zeros(100), times=2))
    stretches = [{body[at : at + 8] for at in range(0, 800, 8)} for body in (one, other)]
    assert not stretches[0] & stretches[1]


def test_a_host_shows_the_owner_of_a_key_a_sum_and_not_how_it_was_made() -> None:
    """What the guest opens is right, and no number of it can be made from what the guest sent."""
    public, private = generate_keypair("OU")
    sent = public.encrypt_ints([3, 4, 5])
    got: list[Encrypted] = []

    async def guest(ch: Channel) -> None:
        await ch.hosts.send("key", public)
        ch.keyring.add(public)
        got.extend([await ch.hosts[0].receive("gradient") for _ in range(2)])

    async def host(ch: Channel) -> None:
        ch.keyring.add(await ch.guest.receive("key"))
        for _ in range(2):
            await ch.guest.send("gradient", sent[:2] + sent[1:])

    asyncio.run(run_together({G: guest, H: host}, MESSAGES))
    assert [list(private.decrypt_ints(one)) for one in got] == [[7, 9], [7, 9]]
    plain = (sent[:2] + sent[1:]).to_wire()["cells"].to_ints()
    shown = [number for one in got for number in one.to_wire()["cells"].to_ints()]
    assert len({*shown, *plain}) == 6
