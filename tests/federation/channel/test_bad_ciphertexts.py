"""A peer whose seals are right and whose ciphertexts are not: each letter is refused by name."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

from federation.channel import Channel, Message, open_channel
from federation.channel.memory import MemoryRelay, seats_of
from federation.crypto import generate_keypair
from federation.crypto.scheme import Encrypted, PublicKey
from federation.errors import BadCiphertext, BadPublicKey, PeerMisbehaved, UnknownKey
from federation.spec.party import GUEST, HOST, Party
from federation.wire.codec import BigIntVector

G, H = Party(GUEST, "9999"), Party(HOST, "10000")
OURS = (
    Message("key", (GUEST, HOST), PublicKey, "whom ciphertexts are for"),
    Message("gradient", (GUEST, HOST), Encrypted, "two numbers"),
)


class Raw:
    """Sends as declared by nobody but itself: whatever it likes, in the codec's types."""

    def dump(self, value: Any, where: str) -> Any:
        return value

    def load(self, wire: Any, ring: Any, where: str) -> Any:
        return wire

    def describe(self, value: Any) -> str:
        return ""


def unchecked(message: Message) -> Message:
    """The same letter, of a sender that checks nothing."""
    free = Message(message.tag, message.route, dict[str, bytes], message.doc)
    object.__setattr__(free, "form", Raw())
    return free


@cache
def key_of(method: str, number: int = 0) -> PublicKey:
    return generate_keypair(method)[0]


async def what_the_host_gets(
    key: dict[str, Any] | None, wires: list[dict[str, Any]], take: Callable[[Channel], Any]
) -> Any:
    relay = MemoryRelay()
    (guest_seat, guest_keys), (host_seat, host_keys) = seats_of([G, H])
    guest = open_channel(relay.link(G), guest_seat, guest_keys, map(unchecked, OURS))
    host = open_channel(relay.link(H), host_seat, host_keys, OURS)
    try:
        if key is not None:
            await guest.hosts[0].send("key", key)
            host.keyring.add(await host.guest.receive("key"))
        for wire in wires:
            await guest.hosts[0].send("gradient", wire)
        return await take(host)
    finally:
        await guest.abort()
        await host.abort()


async def gradient(host: Channel) -> Encrypted:
    got: Encrypted = await host.guest.receive("gradient")
    return got


def cells(key: PublicKey, *values: int) -> dict[str, Any]:
    return {"cells": BigIntVector.from_ints(values, key.width)}


def modulus(key: PublicKey) -> int:
    """All ciphertexts of a key are below it: n squared for Paillier, n for Okamoto-Uchiyama."""
    return int(key.modulus)


BAD: dict[str, Callable[[PublicKey], dict[str, Any]]] = {
    "zero, which is no ciphertext": lambda key: cells(key, 1, 0),
    "the modulus itself": lambda key: cells(key, 1, modulus(key)),
    "all bits set": lambda key: cells(key, 1, (1 << 8 * key.width) - 1),
    "one less than declared": lambda key: cells(key, 1),
    "one more than declared": lambda key: cells(key, 1, 1, 1),
    "none": cells,
    "each a byte longer": lambda key: {
        "cells": BigIntVector(key.width + 1, bytes(2 * key.width + 2))
    },
    "each a byte shorter": lambda key: {
        "cells": BigIntVector(key.width - 1, bytes(2 * key.width - 2))
    },
    "cut off in the second": lambda key: {"cells": bytes(2 * key.width - 1)},
    "a shape below nothing": lambda key: {"shape": [-2]},
    "a shape that overflows": lambda key: {"shape": [1 << 40, 1 << 40]},
    "a precision beyond all": lambda key: {"precision": 1 << 40},
    "a key's name cut short": lambda key: {"key": key.fingerprint[:-1]},
}


@pytest.mark.parametrize("method", ["Paillier", "OU"])
@pytest.mark.parametrize("what", BAD)
async def test_a_bad_ciphertext_in_a_sealed_letter_is_refused_by_name(
    method: str, what: str
) -> None:
    key = key_of(method)
    wire = key.encrypt(np.array([1.0, 2.0])).to_wire() | BAD[what](key)
    with pytest.raises((BadCiphertext, UnknownKey)) as refused:
        await what_the_host_gets(key.to_wire(), [wire], gradient)
    assert isinstance(refused.value, PeerMisbehaved)


@pytest.mark.parametrize("method", ["Paillier", "OU", "BFV"])
async def test_a_ciphertext_of_a_key_that_was_not_introduced_is_refused_by_name(
    method: str,
) -> None:
    wire = key_of(method, 1).encrypt(np.array([1.0, 2.0])).to_wire()
    with pytest.raises(UnknownKey):
        await what_the_host_gets(key_of(method).to_wire(), [wire], gradient)


@pytest.mark.parametrize("keep", [0, 9, -1])
async def test_a_lattice_ciphertext_that_was_cut_is_refused_by_name(keep: int) -> None:
    key = key_of("BFV")
    wire = key.encrypt(np.array([1.0, 2.0])).to_wire()
    wire["cells"] = wire["cells"] | {"blocks": [wire["cells"]["blocks"][0][:keep]]}
    with pytest.raises(BadCiphertext):
        await what_the_host_gets(key.to_wire(), [wire], gradient)


@pytest.mark.parametrize("method", ["Paillier", "OU"])
async def test_a_key_that_is_too_short_is_refused_by_name(method: str) -> None:
    wire = key_of(method).to_wire()
    with pytest.raises(BadPublicKey):
        await what_the_host_gets(wire | {"n": wire["n"] >> 1024}, [], gradient)


@pytest.mark.parametrize("method", ["Paillier", "OU", "BFV"])
async def test_a_letter_that_was_refused_is_not_in_the_way_of_the_next(method: str) -> None:
    key = key_of(method)
    good = key.encrypt(np.array([1.0, 2.0])).to_wire()

    async def past_the_bad_one(host: Channel) -> Encrypted:
        with pytest.raises(BadCiphertext):
            await gradient(host)
        return await gradient(host)

    got = await what_the_host_gets(key.to_wire(), [good | {"shape": [-2]}, good], past_the_bad_one)
    assert got.to_wire() == good
