"""Sealed sessions: the agents of a job agree on secrets that the coordinator never sees.

1. Each agent makes an ephemeral key for this job and epoch and signs it with its identity, together
   with the job's digest, its party id and roles: a SessionOffer.
2. Each agent checks its peers' offers against the identity keys it has pinned, draws 32 random
   bytes per peer, encrypts them to the peer's ephemeral key (HPKE, RFC 9180, with X25519 and
   ML-KEM-768 together) and signs the result: a SessionKeyLetter. That secret protects letters from
   the one who drew it to the one who opened it.
3. Each attempt of a task gets its own key per pair of seats, derived from the secret (HKDF,
   RFC 5869). Only these reach the task's process.

Learns: the coordinator sees public keys and ciphertext, and can not put itself between two parties
without an identity key of one of them. Whoever takes an identity key later can not open letters
of jobs that ended, for their ephemeral keys are gone. Source: design, section 5.
"""

import hashlib
import secrets
from typing import Annotated, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from federation.errors import AlteredLetter, MalformedMessage, WrongSession
from federation.spec.party import Party
from federation.wire.codec import Limits, decode, encode
from federation.wire.identity import Identity, verify

SECRET_BYTES = 32
_MLKEM_BYTES, _X25519_BYTES = 1184, 32
_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_LIMITS = Limits(size_bytes=1 << 14, depth=3, elements=64)
_OFFER, _SECRET, _ATTEMPT = "session offer", "session secret", "attempt key"

_Digest = Annotated[bytes, Field(min_length=32, max_length=32)]
_Signature = Annotated[bytes, Field(min_length=64, max_length=64)]
_PublicKey = Annotated[
    bytes,
    Field(min_length=_MLKEM_BYTES + _X25519_BYTES, max_length=_MLKEM_BYTES + _X25519_BYTES),
]


class _Signed(BaseModel):
    """A signed statement of one party about one epoch of one job."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    digest: _Digest
    epoch: int
    sender: str
    signature: _Signature

    def to_bytes(self) -> bytes:
        """The statement as it travels."""
        return encode(self.model_dump(), _LIMITS)

    def statement(self) -> bytes:
        """What is signed: everything but the signature."""
        return encode(self.model_dump(exclude={"signature"}), _LIMITS)


class SessionOffer(_Signed):
    """An agent's ephemeral key for one epoch of a job, signed by its identity."""

    roles: list[str]
    public_key: _PublicKey
    direct: Annotated[str, Field(max_length=260)] = ""
    """Where its agent takes direct links, as host:port; empty if it does not."""


class SessionKeyLetter(_Signed):
    """A secret encrypted to the key of one offer, signed by the identity of who drew it."""

    receiver: str
    offer: _Digest
    sealed: Annotated[bytes, Field(max_length=2048)]


class Session:
    """One agent's side of the sessions of a job; drop it, and its keys, when the job ends."""

    def __init__(
        self,
        identity: Identity,
        digest: bytes,
        epoch: int,
        party_id: str,
        roles: list[str],
        *,
        direct: str = "",
    ) -> None:
        """Make the ephemeral key of this job and epoch.

        Args:
            digest: SHA-256 of the job as all parties see it.
            epoch: which attempt of the job; a new one makes every older letter worthless.
            direct: where this agent takes direct links, if it does.
        """
        self._identity = identity
        kem, curve = MLKEM768PrivateKey.generate(), X25519PrivateKey.generate()
        self._private = MLKEM768X25519PrivateKey(kem, curve)
        public = kem.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()
        unsigned = SessionOffer(
            digest=digest,
            epoch=epoch,
            sender=party_id,
            signature=bytes(64),
            roles=sorted(roles),
            public_key=public,
            direct=direct,
        )
        self.offer = _sign(identity, _OFFER, unsigned)
        self.own_secret = secrets.token_bytes(SECRET_BYTES)
        """For letters between two roles of this same party."""

    def check_offer(self, data: bytes, pinned: bytes, party_id: str) -> SessionOffer:
        """The offer of a peer, once it is known to be its own and for this job and epoch.

        Args:
            pinned: the peer's identity key as this party pinned it.

        Raises:
            MalformedMessage: not an offer.
            WrongSession: it is of another job, epoch or party.
            BadSignature: the holder of `pinned` did not sign it.
        """
        offer = _parse(SessionOffer, data)
        self._check(offer, party_id)
        verify(pinned, _OFFER, offer.statement(), offer.signature)
        return offer

    def seal_secret(self, offer: SessionOffer) -> tuple[bytes, bytes]:
        """A new secret for letters to the peer of a checked offer, and the letter that tells it.

        Raises:
            MalformedMessage: the offer's key is not a key.
        """
        secret = secrets.token_bytes(SECRET_BYTES)
        letter = SessionKeyLetter(
            digest=offer.digest,
            epoch=offer.epoch,
            sender=self.offer.sender,
            signature=bytes(64),
            receiver=offer.sender,
            offer=_digest_of(offer),
            sealed=b"",
        )
        sealed = _SUITE.encrypt(secret, _public_key(offer.public_key), _info(letter))
        letter = letter.model_copy(update={"sealed": sealed})
        return secret, _sign(self._identity, _SECRET, letter).to_bytes()

    def open_secret(self, data: bytes, pinned: bytes, party_id: str) -> bytes:
        """The secret for letters from a peer.

        Raises:
            MalformedMessage: not such a letter.
            WrongSession: it is of another job, epoch or party, or for another offer.
            BadSignature: the holder of `pinned` did not sign it.
            AlteredLetter: it was signed, but does not open.
        """
        letter = _parse(SessionKeyLetter, data)
        self._check(letter, party_id)
        if letter.receiver != self.offer.sender or letter.offer != _digest_of(self.offer):
            raise WrongSession(party_id)
        verify(pinned, _SECRET, letter.statement(), letter.signature)
        try:
            secret = _SUITE.decrypt(letter.sealed, self._private, _info(letter))
        except (InvalidTag, ValueError):
            raise AlteredLetter(party_id) from None
        if len(secret) != SECRET_BYTES:
            raise MalformedMessage("a session secret has the wrong size")
        return secret

    def _check(self, statement: _Signed, party_id: str) -> None:
        mine = self.offer
        said = (statement.digest, statement.epoch, statement.sender)
        if said != (mine.digest, mine.epoch, party_id):
            raise WrongSession(party_id)


def derive(secret: bytes, task_id: str, version: int, sender: Party, receiver: Party) -> bytes:
    """The key of one attempt for letters from one seat to another, 32 bytes.

    An attempt runs once: a key must never be given to a second process, for its counters would
    start again. A new attempt has a new version.
    """
    info = encode([_ATTEMPT, task_id, version, str(sender), str(receiver)])
    return HKDF(hashes.SHA256(), SECRET_BYTES, salt=None, info=info).derive(secret)


_S = TypeVar("_S", bound=_Signed)


def _sign(identity: Identity, label: str, unsigned: _S) -> _S:
    return unsigned.model_copy(update={"signature": identity.sign(label, unsigned.statement())})


def _parse(shape: type[_S], data: bytes) -> _S:
    try:
        return shape.model_validate(decode(data, _LIMITS))
    except ValidationError:
        raise MalformedMessage(f"it is not a {shape.__name__}") from None


def _digest_of(offer: SessionOffer) -> bytes:
    return hashlib.sha256(offer.to_bytes()).digest()


def _info(letter: SessionKeyLetter) -> bytes:
    """What HPKE binds the secret to."""
    return encode(
        [_SECRET, letter.digest, letter.epoch, letter.sender, letter.receiver, letter.offer]
    )


def _public_key(raw: bytes) -> MLKEM768X25519PublicKey:
    try:
        return MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(raw[:_MLKEM_BYTES]),
            X25519PublicKey.from_public_bytes(raw[_MLKEM_BYTES:]),
        )
    except ValueError:
        raise MalformedMessage("a session key is not a key") from None
