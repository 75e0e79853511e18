"""Set intersection by blind RSA signatures: the host signs the guest's ids without seeing them.

    guest: H(x) r**e  ->  host: (H(x) r**e)**d  ->  guest: H(x)**d
    host:  H'(H(y)**d), shuffled  ->  guest: H'(H(x)**d) = H'(H(y)**d)  <=>  x = y

H is hash_method, then a full-domain hash; H' is final_hash_method. The guest finds the common
entries and tells each host which entries of its shuffled list they are. With several hosts, each
with a key of its own, the guest matches with each and keeps what all of them have.

FATE's options, and what is made of them: `salt`, `hash_method`, `final_hash_method` as they say;
`key_length` below 2048 is raised to 2048; `random_bit` and `random_base_fraction` are taken and not
used, because r must be uniform below n to hide anything (see `crypto.blind_rsa`);
`split_calculation` shares the signing between both sides in FATE, and here gives the same result
with the host signing all.

Learns: the guest which of its ids each host has, and the hosts' sizes; a host the ids that all
parties have, and the guest's size. The key is new for each run. Parties that follow the protocol
are assumed: a guest that makes ids up learns whether the host has those. A host learns no more even
with a key of its own choosing.
Source: De Cristofaro, Tsudik 2010, figure 4 (with 2009/491, its full version).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from gmpy2 import mpz
from numpy.typing import NDArray

from federation.channel import Channel, Message, Payload, Peer
from federation.crypto.blind_rsa import EXPONENT, LEAST_BITS, MOST_BITS, Signer, Verifier
from federation.errors import InvalidParameters, Problem
from federation.protocols.psi.exchange import (
    lines_of,
    parts,
    positions,
    receive_lines,
    receive_numbers,
    receive_size,
    send_lines,
    shuffled,
    spread,
    together,
)
from federation.protocols.psi.ids import (
    Column,
    Ids,
    Intersection,
    check_hash_method,
    encoded,
    hash_of,
)
from federation.protocols.psi.telling import Match, settled, told
from federation.spec.party import GUEST, HOST
from federation.wire.codec import BigIntVector


class RsaKey(Payload):
    """A host's public key, with e-th roots that prove it hides what is blinded under it."""

    n: int
    e: int
    proof: BigIntVector


RSA_MESSAGES = (
    Message("psi.rsa.key", (HOST, GUEST), RsaKey, "n, e, and the proof of gcd(e, phi(n)) = 1"),
    Message("psi.rsa.guest_size", (GUEST, HOST), int, "how many ids the guest brings"),
    Message("psi.rsa.host_size", (HOST, GUEST), int, "how many ids the host brings"),
    Message("psi.rsa.blinded", (GUEST, HOST), BigIntVector, "H(x) r**e mod n"),
    Message("psi.rsa.signed", (HOST, GUEST), BigIntVector, "(H(x) r**e)**d mod n"),
    Message("psi.rsa.tokens", (HOST, GUEST), np.ndarray, "H'(H(y)**d), (n, w) uint8, shuffled"),
    Message("psi.rsa.common", (GUEST, HOST), np.ndarray, "which tokens all parties have"),
)

_STEP = 1 << 14
"""Numbers of a letter: 4 MiB under a 2048-bit key."""

_AHEAD = 2


@dataclass(frozen=True, slots=True)
class RsaOptions:
    """FATE's `rsa_params`; see above for what is made of them.

    Attributes:
        salt: stands behind each id before hashing; the same at all parties.
        hash_method: of the ids, before the full-domain hash.
        final_hash_method: of the signatures; bare ones would let the guest test any id.
        key_length: bits of a host's key.
    """

    salt: str = ""
    hash_method: str = "sha256"
    final_hash_method: str = "sha256"
    key_length: int = LEAST_BITS
    random_bit: int = 128
    random_base_fraction: float | None = None
    split_calculation: bool = False

    def __post_init__(self) -> None:
        check_hash_method("rsa_params.hash_method", self.hash_method, none=True)
        check_hash_method("rsa_params.final_hash_method", self.final_hash_method, none=False)
        if not 0 < self.key_length <= MOST_BITS:
            problem = Problem("rsa_params.key_length", f"choose {LEAST_BITS} to {MOST_BITS} bits")
            raise InvalidParameters([problem])

    @property
    def key_bits(self) -> int:
        """The length that keys really have."""
        return max(self.key_length, LEAST_BITS)

    @property
    def no_tokens(self) -> NDArray[np.uint8]:
        """An empty list of final hashes; shape (0, w)."""
        return np.empty((0, len(hash_of(self.final_hash_method)(b""))), dtype=np.uint8)


async def rsa_guest(
    ch: Channel, ids: Column, options: RsaOptions = RsaOptions(), *, tell: bool = True
) -> Intersection:
    """The guest's side.

    Args:
        ch: with `RSA_MESSAGES` declared.
        ids: one for each row of the guest's table.
        options: the same at all parties.
        tell: whether hosts get to know the common ids; the same at all parties.

    Raises:
        BlankIds, DuplicateIds: ids that do not stand for one row each.
        BadPublicKey, BadBlindSignature, BadIntersection: a host's letter is not what the protocol
            has.
    """
    column = Ids(ids)
    column.check()
    await ch.hosts.send("psi.rsa.guest_size", len(column))
    matches = await together(*(_match(host, column, options) for host in list(ch.hosts)))
    return await settled(column, "psi.rsa.common", matches, tell)


async def rsa_host(
    ch: Channel, ids: Column, options: RsaOptions = RsaOptions(), *, tell: bool = True
) -> Intersection:
    """A host's side; arguments and errors as the guest's."""
    column = Ids(ids)
    column.check()
    signer = await asyncio.to_thread(Signer.generate, options.key_bits)
    order, public = shuffled(len(column)), signer.public
    proof = BigIntVector.from_ints(signer.proof(), public.width)
    key = RsaKey(n=int(public.n), e=EXPONENT, proof=proof)
    await ch.guest.send("psi.rsa.key", key)
    await ch.guest.send("psi.rsa.host_size", len(column))
    size = await receive_size(ch.guest, "psi.rsa.guest_size")
    await together(
        _sign_for(ch.guest, size, signer),
        _send_tokens(ch.guest, column.at(order), signer, options),
    )
    return await told(column, ch.guest, "psi.rsa.common", order, size=size, tell=tell)


async def _match(host: Peer, ids: Sequence[str], options: RsaOptions) -> Match:
    key: RsaKey = await host.receive("psi.rsa.key")
    verifier = Verifier.checked(key.n, key.e, key.proof.to_ints())
    size = await receive_size(host, "psi.rsa.host_size")
    blinded: asyncio.Queue[_Blinded] = asyncio.Queue(_AHEAD)
    jobs: list[Any] = [
        _send_blinded(host, ids, verifier, options, blinded),
        _unblinded_from(host, len(ids), verifier, options, blinded),
        receive_lines(host, "psi.rsa.tokens", size, options.no_tokens),
    ]
    _, mine, theirs = await together(*jobs)
    return Match(host, positions(mine, theirs), size)


@dataclass(frozen=True, slots=True)
class _Blinded:
    """A part of the guest's ids on its way: what stays at home."""

    hashes: list[mpz]
    factors: list[mpz]


async def _send_blinded(
    host: Peer,
    ids: Sequence[str],
    verifier: Verifier,
    options: RsaOptions,
    sent: "asyncio.Queue[_Blinded]",
) -> None:
    for part in parts(len(ids), _STEP):
        messages = encoded(ids[part], options.hash_method, options.salt)
        hashes = await asyncio.to_thread(verifier.hashed, messages)
        values, factors = await asyncio.to_thread(verifier.blind, hashes)
        await sent.put(_Blinded(hashes, factors))
        await host.send("psi.rsa.blinded", BigIntVector.from_ints(values, verifier.width))


async def _unblinded_from(
    host: Peer,
    count: int,
    verifier: Verifier,
    options: RsaOptions,
    sent: "asyncio.Queue[_Blinded]",
) -> NDArray[np.uint8]:
    result = [options.no_tokens]
    for _ in parts(count, _STEP):
        part = await sent.get()
        signed = await receive_numbers(host, "psi.rsa.signed", len(part.hashes), verifier.n)
        signatures = await asyncio.to_thread(verifier.unblind, signed, part.factors, part.hashes)
        result.append(_tokens(signatures, verifier, options))
    return np.concatenate(result)


async def _sign_for(guest: Peer, size: int, signer: Signer) -> None:
    public = signer.public
    for part in parts(size, _STEP):
        count = part.stop - part.start
        values = await receive_numbers(guest, "psi.rsa.blinded", count, public.n)
        signed = [s for piece in await spread(signer.sign, values) for s in piece]
        await guest.send("psi.rsa.signed", BigIntVector.from_ints(signed, public.width))


async def _send_tokens(
    guest: Peer, ids: Sequence[str], signer: Signer, options: RsaOptions
) -> None:
    tokens = [options.no_tokens]
    for part in parts(len(ids), _STEP):
        tokens += await spread(partial(_own_tokens, signer=signer, options=options), ids[part])
    await send_lines(guest, "psi.rsa.tokens", np.concatenate(tokens))


def _own_tokens(ids: Sequence[str], signer: Signer, options: RsaOptions) -> NDArray[np.uint8]:
    hashes = signer.public.hashed(encoded(ids, options.hash_method, options.salt))
    return _tokens(signer.sign(hashes), signer.public, options)


def _tokens(signatures: list[mpz], verifier: Verifier, options: RsaOptions) -> NDArray[np.uint8]:
    final, width = hash_of(options.final_hash_method), verifier.width
    digests = [final(signature.to_bytes(width, "big")) for signature in signatures]
    return lines_of(digests, options.no_tokens.shape[1])
