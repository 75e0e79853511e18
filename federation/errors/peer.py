"""Errors after which nobody should trust a peer."""

from federation.errors.base import TripactError


class PeerMisbehaved(TripactError):
    """A letter or an order breaks the protocol."""

    code = "peer_misbehaved"


class AlteredLetter(PeerMisbehaved):
    """A letter or an acknowledgement was changed on its way, or sealed with another key."""

    code = "altered_letter"

    def __init__(self, sender: str) -> None:
        super().__init__(f"a letter of {sender} was altered on its way", sender=sender)


class BadBlindSignature(PeerMisbehaved):
    """A blind signature does not verify once unblinded."""

    code = "bad_blind_signature"

    def __init__(self) -> None:
        super().__init__("a blind signature does not verify under the signer's public key")


class BadCiphertext(PeerMisbehaved):
    """Bytes that claim to be ciphertexts and are none."""

    code = "bad_ciphertext"

    def __init__(self, why: str) -> None:
        super().__init__(f"not a ciphertext: {why}", why=why)


class BadIntersection(PeerMisbehaved):
    """A letter of a set intersection does not fit the letters before it."""

    code = "bad_intersection"

    def __init__(self, why: str) -> None:
        super().__init__(f"the set intersection was broken off: {why}", why=why)


class BadPoint(PeerMisbehaved):
    """Bytes that claim to be points of the curve and are none, or give a secret away."""

    code = "bad_point"

    def __init__(self, why: str) -> None:
        super().__init__(f"not a usable point of Curve25519: {why}", why=why)


class BadPublicKey(PeerMisbehaved):
    """A peer's public key is too short or not well formed."""

    code = "bad_public_key"

    def __init__(self, why: str) -> None:
        super().__init__(f"a peer sent a public key that can not be used: {why}", why=why)


class BadSignature(PeerMisbehaved):
    """A signature is not of the identity it should be of."""

    code = "bad_signature"

    def __init__(self, purpose: str) -> None:
        super().__init__(f"the signature of a {purpose} is not of the pinned key", purpose=purpose)


class CoordinatorKeyChanged(PeerMisbehaved):
    """A coordinator shows another key than the one that was joined."""

    code = "coordinator_key_changed"

    def __init__(self, pinned: str, seen: str) -> None:
        super().__init__(
            f"the coordinator shows key {seen}, joined was {pinned}. Somebody may stand between; "
            "if its operator says that it has a new key, join again with a new code",
            pinned=pinned,
            seen=seen,
        )


class ForgedSender(PeerMisbehaved):
    """A letter claims another address than the one its key belongs to."""

    code = "forged_sender"

    def __init__(self, claimed: str) -> None:
        super().__init__(
            f"a letter claims to be of {claimed}, who did not seal it", claimed=claimed
        )


class LetterTooLarge(PeerMisbehaved):
    """A letter is larger than the receiver takes."""

    code = "letter_too_large"

    def __init__(self, sender: str, limit_bytes: int) -> None:
        super().__init__(
            f"a letter of {sender} is larger than {limit_bytes} bytes",
            sender=sender,
            limit_bytes=limit_bytes,
        )


class MailboxFull(PeerMisbehaved):
    """More letters wait unread than a task holds."""

    code = "mailbox_full"

    def __init__(self, sender: str, limit_bytes: int) -> None:
        super().__init__(
            f"letters of {sender} and others that nobody reads take more than {limit_bytes} bytes",
            sender=sender,
            limit_bytes=limit_bytes,
        )


class MalformedMessage(PeerMisbehaved):
    """Bytes that are not one well-formed message within the limits."""

    code = "malformed_message"

    def __init__(self, reason: str) -> None:
        super().__init__(f"a message is malformed: {reason}", reason=reason)


class MixedKeys(PeerMisbehaved):
    """Ciphertexts of different keys, or a ciphertext and another key, can not go together."""

    code = "mixed_keys"

    def __init__(self, one: str, other: str) -> None:
        super().__init__(f"ciphertext of key {one} used with key {other}", one=one, other=other)


class PeerKeyChanged(PeerMisbehaved):
    """A party shows another key than the one that was pinned."""

    code = "peer_key_changed"

    def __init__(self, party_id: str, pinned: str, seen: str, remedy: str) -> None:
        super().__init__(
            f"party {party_id} shows key {seen}, pinned is {pinned}. Somebody may stand between; "
            f"if the party says that it has a new key: {remedy}",
            peer=party_id,
            pinned=pinned,
            seen=seen,
        )


class ReorderedLetter(PeerMisbehaved):
    """A part of a letter came before its turn."""

    code = "reordered_letter"

    def __init__(self, sender: str, sequence: int, expected: int) -> None:
        super().__init__(
            f"part {sequence} of {sender} came before part {expected}",
            sender=sender,
            sequence=sequence,
            expected=expected,
        )


class ReplayedLetter(PeerMisbehaved):
    """A part of a letter came a second time."""

    code = "replayed_letter"

    def __init__(self, sender: str, sequence: int) -> None:
        super().__init__(
            f"part {sequence} of {sender} came a second time", sender=sender, sequence=sequence
        )


class UndeclaredLetter(PeerMisbehaved):
    """A letter that the component does not declare for this sender and receiver."""

    code = "undeclared_letter"

    def __init__(self, tag: str, sender: str, receiver: str) -> None:
        super().__init__(
            f"the component declares no letter {tag!r} from {sender} to {receiver}",
            tag=tag,
            sender=sender,
            receiver=receiver,
        )


class UnknownKey(PeerMisbehaved):
    """A ciphertext of a key that was never introduced to this party."""

    code = "unknown_key"

    def __init__(self, fingerprint: str) -> None:
        super().__init__(
            f"a ciphertext belongs to key {fingerprint}, which this job does not know",
            fingerprint=fingerprint,
        )


class WrongLetterType(PeerMisbehaved):
    """A letter's content is not of the declared type."""

    code = "wrong_letter_type"

    def __init__(self, tag: str, sender: str, where: str, why: str) -> None:
        super().__init__(
            f"letter {tag!r} of {sender} is not as declared: {where} {why}",
            tag=tag,
            sender=sender,
            where=where,
            why=why,
        )


class WrongSession(PeerMisbehaved):
    """A session statement is of another job, epoch, party or offer than it should be."""

    code = "wrong_session"

    def __init__(self, party_id: str) -> None:
        super().__init__(
            f"party {party_id} sent a session statement of another job or epoch",
            party_id=party_id,
        )
