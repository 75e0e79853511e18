"""SecureAddExample: guest and host add their numbers through shares; FATE's first test of a set-up.

Each party has `data_num` ones. Held as 64-bit fixed point, a
party's vector x is cut into two shares,

    x = r + (x - r)        (mod 2**64),   r uniformly random

and the other party gets r. Each adds what it holds of both vectors; the host sends its sum of
shares, and the guest adds its own: the total of both parties' numbers.

Learns: the guest the sum at each position, and from it the host's vector, for a sum of two hides
nothing from one of them; the host nothing. This shows that letters arrive; it is no protocol for
secrets.
Exact to one unit of the fixed point, 2^-23. Source: FATE 1.x toy example.
"""

import secrets

import numpy as np
import numpy.typing as npt
from pydantic import Field

from federation.channel import Channel, Message, Peer
from federation.components.component import Component, Report, Result
from federation.components.params import Params
from federation.errors import PeerMisbehaved
from federation.spec.party import GUEST, HOST

Shares = npt.NDArray[np.uint64]

PRECISION = 23
"""Bits after the binary point."""


class SecureAddParams(Params):
    """FATE's SecureAddExampleParam."""

    seed: int | None = Field(None, description="accepted, no effect: shares are never repeatable")
    partition: int = Field(1, ge=1, le=1024, description="accepted, no effect: rows are held whole")
    data_num: int = Field(1000, ge=1, le=1_000_000, description="numbers at each party")


secure_add = Component(
    "SecureAddExample",
    SecureAddParams,
    (
        Message("share", (GUEST, HOST), np.ndarray, "r of the guest's numbers, uint64"),
        Message("share", (HOST, GUEST), np.ndarray, "r of the host's numbers, uint64"),
        Message("sums", (HOST, GUEST), np.ndarray, "the host's shares of both, added, uint64"),
    ),
    class_name="SecureAddExampleParam",
    data_out=0,
    needs=frozenset({GUEST, HOST}),
)


@secure_add.on(GUEST)
async def guest(ch: Channel, p: SecureAddParams, *, report: Report) -> Result:
    """Share own numbers with the first host, and put the total together."""
    host = ch.hosts[0]
    report.log("secure_add_guest.py begin to make guest data and its shares", numbers=p.data_num)
    kept, given = shared(to_ring(np.ones(p.data_num)))
    await host.send("share", given)
    own = kept + await _vector(host, "share", p.data_num)
    report.log("secure_add_guest.py begin to reconstruct the secure sum")
    total = float(from_ring(own + await _vector(host, "sums", p.data_num)).sum())
    report.log(f"secure_add_guest.py success to calculate secure_sum, it is {total}")
    return Result()


@secure_add.on(HOST)
async def host(ch: Channel, p: SecureAddParams, *, report: Report) -> Result:
    """Share own numbers with the guest, and add what is held of both; one host takes part."""
    if ch.index:
        report.log("secure_add_host.py has nothing to do: the first host takes part")
        return Result()
    kept, given = shared(to_ring(np.ones(p.data_num)))
    await ch.guest.send("share", given)
    await ch.guest.send("sums", kept + await _vector(ch.guest, "share", p.data_num))
    report.log("secure_add_host.py has sent its sums", numbers=p.data_num)
    return Result()


def to_ring(values: npt.NDArray[np.float64]) -> Shares:
    """Real numbers as 64-bit fixed point, modulo 2**64."""
    return np.rint(np.ldexp(values, PRECISION)).astype(np.int64).astype(np.uint64)


def from_ring(values: Shares) -> npt.NDArray[np.float64]:
    """The real numbers that `to_ring` wrote."""
    return np.ldexp(values.astype(np.int64).astype(np.float64), -PRECISION)


def shared(values: Shares) -> tuple[Shares, Shares]:
    """Two shares that add up to `values`; each alone is uniformly random."""
    mask = np.frombuffer(secrets.token_bytes(8 * len(values)), dtype="<u8").astype(np.uint64)
    return values - mask, mask


async def _vector(peer: Peer, tag: str, count: int) -> Shares:
    """A peer's vector of `count` ring elements.

    Raises:
        PeerMisbehaved: it is another one.
    """
    vector: Shares = await peer.receive(tag)
    if vector.dtype != np.uint64 or vector.shape != (count,):
        raise PeerMisbehaved(f"{peer.party} sent {tag} of another size; set data_num alike")
    return vector
