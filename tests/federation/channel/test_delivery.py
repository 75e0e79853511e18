import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.channel import Bounds, Channel, Message, open_channel
from federation.channel.memory import Faults, MemoryRelay, run_together, seats_of
from federation.errors import (
    AlteredLetter,
    ForgedSender,
    LetterCutShort,
    LettersNotDelivered,
    MailboxFull,
    PeerMisbehaved,
)
from federation.spec.party import GUEST, HOST, Party
from federation.wire.frames import Frame, FrameKind

G, H1, H2 = Party(GUEST, "9999"), Party(HOST, "10000"), Party(HOST, "10001")
MESSAGES = (
    Message("there", (GUEST, HOST), np.ndarray, "out"),
    Message("back", (HOST, GUEST), np.ndarray, "and back"),
)
NEVER_S = 1e6


async def exchange(sizes: list[int], bounds: Bounds, relay: MemoryRelay) -> None:
    """Send arrays out and back, and check that each arrives once, in order, as it was."""

    async def guest(ch: Channel) -> None:
        for number, size in enumerate(sizes):
            await ch.hosts.send("there", np.full(size, number))
        for number, size in enumerate(sizes):
            for back in await ch.hosts.gather("back"):
                np.testing.assert_array_equal(back, np.full(size, -number))

    async def host(ch: Channel) -> None:
        for number, size in enumerate(sizes):
            there = await ch.guest.receive("there")
            np.testing.assert_array_equal(there, np.full(size, number))
            await ch.guest.send("back", -there)

    async with asyncio.timeout(30):
        await run_together({G: guest, H1: host, H2: host}, MESSAGES, bounds=bounds, relay=relay)
    rows = [(row.receiver, row.tag, row.shape) for row in relay.ledger]
    assert len(rows) == 4 * len(sizes)


@given(
    st.lists(st.integers(0, 300), min_size=1, max_size=8),
    st.builds(
        Faults,
        seed=st.integers(0, 2**32),
        lose=st.sampled_from([0, 0.05, 0.2]),
        repeat=st.sampled_from([0, 0.2]),
        swap=st.sampled_from([0, 0.2]),
        cut=st.sampled_from([0, 0.02, 0.1]),
    ),
    st.sampled_from([600, 2000, 100_000]),
)
@settings(max_examples=30, deadline=None)
def test_whatever_the_way_does_no_letter_is_lost_or_doubled(
    sizes: list[int], faults: Faults, window: int
) -> None:
    bounds = Bounds(window_bytes=window, part_bytes=500, resend_after_s=0.01, flush_s=20)
    asyncio.run(exchange(sizes, bounds, MemoryRelay(faults)))


@given(st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_a_way_that_is_cut_and_resumes_needs_no_clock(seed: int) -> None:
    bounds = Bounds(window_bytes=2000, part_bytes=500, resend_after_s=NEVER_S, flush_s=20)
    asyncio.run(exchange([300, 0, 200, 5, 100], bounds, MemoryRelay(Faults(seed, cut=0.05))))


async def test_a_replayed_letter_is_refused_by_name_and_counted() -> None:
    async def guest(ch: Channel) -> None:
        await ch.hosts.send("there", np.zeros(3))

    async def host(ch: Channel) -> dict[str, int]:
        await ch.guest.receive("there")
        return dict(ch.refused)

    relay = MemoryRelay(tamper=lambda frame: [frame, frame])
    done = await run_together({G: guest, H1: host}, MESSAGES, relay=relay)
    assert done[H1] == {"replayed_letter": 1}


async def test_a_reordered_letter_is_refused_by_name_and_asked_for_again() -> None:
    held: list[Frame] = []

    def swap_first_two(frame: Frame) -> list[Frame]:
        if frame.kind is FrameKind.LETTER and not held:
            held.append(frame)
            return []
        if frame.kind is FrameKind.LETTER and len(held) == 1:
            held.append(frame)
            return [frame, held[0]]
        return [frame]

    async def guest(ch: Channel) -> None:
        await ch.hosts.send("there", np.array([1]))
        await ch.hosts.send("there", np.array([2]))

    async def host(ch: Channel) -> tuple[list[int], int]:
        got = [int((await ch.guest.receive("there"))[0]) for _ in range(2)]
        return got, ch.refused["reordered_letter"]

    relay = MemoryRelay(tamper=swap_first_two)
    bounds = Bounds(resend_after_s=NEVER_S)
    done = await run_together({G: guest, H1: host}, MESSAGES, bounds=bounds, relay=relay)
    assert done[H1] == ([1, 2], 1)


def _changed(frame: Frame, **fields: Any) -> Frame:
    return replace(frame, header={**frame.header, **fields})


LETTERS: dict[str, tuple[Callable[[Frame], Frame], type[PeerMisbehaved]]] = {
    "content": (lambda f: replace(f, body=bytes(f.body)[:-1] + b"?"), AlteredLetter),
    "tag": (lambda f: _changed(f, tag="back"), AlteredLetter),
    "scope": (lambda f: _changed(f, scope=["other"]), AlteredLetter),
    "unknown sender": (lambda f: _changed(f, **{"from": "host:666"}), ForgedSender),
    "another sender": (lambda f: _changed(f, **{"from": str(H2)}), AlteredLetter),
    "another attempt": (lambda f: _changed(f, version=1), ForgedSender),
    "another job": (lambda f: _changed(f, job="other"), ForgedSender),
}


@pytest.mark.parametrize(("change", "error"), LETTERS.values(), ids=list(LETTERS))
async def test_a_changed_letter_fails_the_task_by_name(
    change: Callable[[Frame], Frame], error: type[PeerMisbehaved]
) -> None:
    messages = (*MESSAGES, Message("there", (HOST, HOST), np.ndarray, "between hosts"))

    def tamper(frame: Frame) -> Iterable[Frame]:
        mine = frame.kind is FrameKind.LETTER and frame.header["to"] == str(H1)
        return [change(frame) if mine else frame]

    async def guest(ch: Channel) -> None:
        await ch.hosts.send("there", np.zeros(3))
        await ch.hosts.gather("back")

    async def host(ch: Channel) -> None:
        await ch.guest.receive("there")

    with pytest.raises(error):
        await run_together(
            {G: guest, H1: host, H2: host}, messages, relay=MemoryRelay(tamper=tamper)
        )


async def test_a_changed_acknowledgement_fails_the_task_by_name() -> None:
    def tamper(frame: Frame) -> Iterable[Frame]:
        if frame.kind is FrameKind.LETTER_ACK:
            return [_changed(frame, received=frame.header["received"] + 1)]
        return [frame]

    async def guest(ch: Channel) -> None:
        await ch.hosts.send("there", np.zeros(3))
        await ch.hosts.gather("back")

    async def host(ch: Channel) -> None:
        await ch.guest.receive("there")
        await ch.guest.receive("there")

    with pytest.raises(AlteredLetter):
        await run_together({G: guest, H1: host}, MESSAGES, relay=MemoryRelay(tamper=tamper))


async def test_letters_sent_before_their_receiver_was_there_arrive_without_a_clock() -> None:
    relay, bounds = MemoryRelay(), Bounds(resend_after_s=NEVER_S)
    (guest_seat, guest_keys), (host_seat, host_keys) = seats_of([G, H1])
    guest = open_channel(relay.link(G), guest_seat, guest_keys, MESSAGES, bounds)
    await guest.hosts.send("there", np.array([7]))
    host = open_channel(relay.link(H1), host_seat, host_keys, MESSAGES, bounds)
    async with asyncio.timeout(10), host, guest:
        assert await host.guest.receive("there") == np.array([7])


async def test_a_last_word_that_was_lost_is_repeated_for_a_task_that_has_ended() -> None:
    relay, bounds = MemoryRelay(), Bounds(resend_after_s=NEVER_S, window_bytes=100)
    (guest_seat, guest_keys), (host_seat, host_keys) = seats_of([G, H1])
    guest_link = relay.link(G)
    guest = open_channel(guest_link, guest_seat, guest_keys, MESSAGES, bounds)
    host = open_channel(relay.link(H1), host_seat, host_keys, MESSAGES, bounds)
    await host.close()
    guest_link.queue.clear()
    async with asyncio.timeout(10):
        await guest.hosts.send("there", np.zeros(3))
        await guest.close()


async def test_a_task_whose_letters_nobody_takes_fails_by_name_in_the_end() -> None:
    (guest_seat, guest_keys), _ = seats_of([G, H1])
    bounds = Bounds(flush_s=0.02)
    guest = open_channel(MemoryRelay().link(G), guest_seat, guest_keys, MESSAGES, bounds)
    await guest.hosts.send("there", np.zeros(3))
    with pytest.raises(LettersNotDelivered) as caught:
        await guest.close()
    assert caught.value.facts["receivers"] == [str(H1)]


async def test_a_letter_given_up_half_way_fails_the_channel_by_name() -> None:
    (guest_seat, guest_keys), _ = seats_of([G, H1])
    bounds = Bounds(window_bytes=2000, part_bytes=1000)
    guest = open_channel(MemoryRelay().link(G), guest_seat, guest_keys, MESSAGES, bounds)
    sending = asyncio.create_task(guest.hosts[0].send("there", np.zeros(1000)))
    for _ in range(10):
        await asyncio.sleep(0)
    assert guest.waiting
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    with pytest.raises(LetterCutShort):
        await guest.hosts.send("there", np.zeros(1))
    await guest.abort()


async def test_more_unread_letters_than_a_task_holds_fail_it_by_name() -> None:
    bounds = Bounds(mailbox_bytes=10_000)

    async def guest(ch: Channel) -> None:
        for _ in range(5):
            await ch.hosts.send("there", np.zeros(1000))
        await ch.hosts.gather("back")

    async def host(ch: Channel) -> None:
        await ch.scope("never").guest.receive("there")

    with pytest.raises(MailboxFull):
        await run_together({G: guest, H1: host}, MESSAGES, bounds=bounds)
