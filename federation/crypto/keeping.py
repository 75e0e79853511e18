"""Private keys as a party keeps them on its own disk; they never go into a letter.

Learns: whoever reads what is kept, everything that was encrypted under the key.
"""

from collections.abc import Mapping
from typing import Any

from federation.crypto.okamoto_uchiyama import OkamotoUchiyamaPrivateKey, OkamotoUchiyamaPublicKey
from federation.crypto.paillier import PaillierPrivateKey, PaillierPublicKey
from federation.crypto.scheme import PrivateKey, PublicKey, Wire
from federation.errors import BadPublicKey


def kept(private: PrivateKey) -> Wire:
    """A key pair in types the codec has, for the party's own store alone."""
    if not isinstance(private, PaillierPrivateKey | OkamotoUchiyamaPrivateKey):
        raise TypeError(f"a {type(private).__name__} can not be kept")
    return {"public": private.public.to_wire(), "primes": list(private.primes)}


def restored(wire: Mapping[str, Any]) -> PrivateKey:
    """The key pair that was kept.

    Raises:
        BadPublicKey: its public half is not well formed.
    """
    public, primes = PublicKey.from_wire(wire["public"]), wire["primes"]
    if isinstance(public, PaillierPublicKey):
        return PaillierPrivateKey(public, *primes)
    if isinstance(public, OkamotoUchiyamaPublicKey):
        return OkamotoUchiyamaPrivateKey(public, *primes)
    raise BadPublicKey("its scheme has no private keys that are kept")
