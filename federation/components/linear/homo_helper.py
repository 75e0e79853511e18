"""The arbiter of HomoLR, where hosts work on ciphertexts under its key: re-encrypt, average, open.

Whatever it decrypts for a host is behind noise of the host's own. Who learns what stands in the
header of the component. Source: FATE before 1.10, homo_lr_arbiter.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

from federation.channel import Channel
from federation.components.common.unfit import UnfitLetter
from federation.components.linear.homo_letters import Hides
from federation.crypto import Encrypted, PrivateKey
from federation.errors import PeerLeft
from federation.spec.party import Party
from federation.tables.table import Vector
from federation.wire.codec import BigIntVector

HIDDEN_BITS = 40
"""Bits after the point of weights that were just encrypted."""

OPENED_BYTES = 64


@dataclass(frozen=True, slots=True)
class Helper:
    """What the arbiter does for hosts on ciphertexts.

    Attributes:
        told: how each of them works.
        private: the key they work under; None where there are none.
    """

    told: Mapping[Party, Hides]
    private: PrivateKey | None = None

    async def renew(self, ch: Channel, *, is_round: bool) -> None:
        """Encrypt weights anew as often as an epoch asks for, for all hosts at once."""
        await asyncio.gather(*(self._renew(ch, party, is_round) for party in self.told))

    async def average(self, ch: Channel, mean: Vector) -> None:
        """Give the average to hosts that may not see it."""
        for party in self.told:
            hidden = self._key().public.encrypt(mean, precision=HIDDEN_BITS)
            await ch.peer(party).send("hidden_average", hidden)

    async def open(self, ch: Channel) -> None:
        """Decrypt scores behind noise, of as many tables as hosts asked for."""
        for party, how in self.told.items():
            with contextlib.suppress(PeerLeft):
                for number in range(how.opens):
                    peer = ch.scope("open", number).peer(party)
                    hidden: Encrypted = await peer.receive("hidden_scores")
                    integers = await asyncio.to_thread(self._key().decrypt_ints, hidden)
                    if min(integers, default=0) < 0 or max(integers, default=0) >> 8 * OPENED_BYTES:
                        raise UnfitLetter("hidden_scores", party)
                    await peer.send("opened", BigIntVector.from_ints(integers, OPENED_BYTES))

    async def _renew(self, ch: Channel, party: Party, is_round: bool) -> None:
        with contextlib.suppress(PeerLeft):
            for place in self.told[party].renewals(is_round=is_round):
                peer = ch.scope("renewal", place).peer(party)
                worn: Encrypted = await peer.receive("worn")
                if worn.precision < HIDDEN_BITS or worn.ndim != 1:
                    raise UnfitLetter("worn", party)
                integers = await asyncio.to_thread(self._key().decrypt_ints, worn)
                kept = [value >> (worn.precision - HIDDEN_BITS) for value in integers]
                fresh = self._key().public.encrypt_ints(kept, precision=HIDDEN_BITS)
                await peer.send("renewed", fresh)

    def _key(self) -> PrivateKey:
        if self.private is None:
            raise UnfitLetter("hides", next(iter(self.told)))
        return self.private
