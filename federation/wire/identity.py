"""Who a party is: an Ed25519 key pair (RFC 8032), and the short text people compare.

Every signature names what it is for: the signed bytes begin with a label, so that a signature
given in one place can not be shown in another. A party learns its peers' public keys by pairing,
never from a roster alone.
"""

import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from federation.errors import BadSignature

PUBLIC_KEY_BYTES = 32
_PURPOSE = b"tripact signature 1\0"
_GROUPS, _GROUP_DIGITS = 8, 4


class Identity:
    """The private half of a party's key; whoever holds it is that party."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public: bytes = private.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> "Identity":
        """A new identity."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_bytes(cls, raw: bytes) -> "Identity":
        """The identity of 32 raw private bytes.

        Raises:
            ValueError: not 32 bytes.
        """
        return cls(Ed25519PrivateKey.from_private_bytes(raw))

    def to_bytes(self) -> bytes:
        """The 32 raw private bytes, to be kept in a file that only this party reads."""
        return self._private.private_bytes_raw()

    def sign(self, label: str, message: bytes) -> bytes:
        """A signature of `message` for the purpose `label`, 64 bytes."""
        return self._private.sign(_signed_bytes(label, message))

    def __repr__(self) -> str:
        """The public fingerprint; never the key."""
        return f"Identity({fingerprint(self.public)})"


def verify(public: bytes, label: str, message: bytes, signature: bytes) -> None:
    """Check that the holder of `public` signed `message` for the purpose `label`.

    Raises:
        BadSignature: it did not, or one of the arguments is not a key or a signature.
    """
    try:
        key = Ed25519PublicKey.from_public_bytes(public)
        key.verify(signature, _signed_bytes(label, message))
    except (InvalidSignature, ValueError):
        raise BadSignature(label) from None


def fingerprint(public: bytes) -> str:
    """The first 128 bits of a public key's SHA-256, as eight groups of four digits.

    Enough that nobody can make a second key with the same text; short enough to read aloud.
    """
    digits = hashlib.sha256(public).hexdigest()
    return ":".join(
        digits[at : at + _GROUP_DIGITS] for at in range(0, _GROUPS * _GROUP_DIGITS, _GROUP_DIGITS)
    )


def _signed_bytes(label: str, message: bytes) -> bytes:
    name = label.encode()
    return _PURPOSE + len(name).to_bytes(2, "big") + name + message
