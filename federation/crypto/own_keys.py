"""The key pairs a party has made, each made once."""

import asyncio
from dataclasses import dataclass, field

from federation.crypto.methods import generate_keypair
from federation.crypto.scheme import PrivateKey, PublicKey


@dataclass(slots=True)
class Keys:
    """Key pairs of one run, for as many trainings as it has."""

    _made: dict[tuple[str, int], tuple[PublicKey, PrivateKey]] = field(default_factory=dict)

    async def get(self, method: str, bits: int) -> tuple[PublicKey, PrivateKey]:
        """The pair of that kind, made beside the event loop when first asked for.

        Args:
            method, bits: as of `generate_keypair`.
        """
        if (method, bits) not in self._made:
            self._made[method, bits] = await asyncio.to_thread(generate_keypair, method, bits)
        return self._made[method, bits]
