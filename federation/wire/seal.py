"""Sealed parts: what one seat of a job says to another, in order; nobody between reads it.

The key of one attempt and direction gives two keys (HKDF): one seals parts with AES-256-GCM, one
authenticates acknowledgements with HMAC-SHA256. Part number s of the direction is sealed under the
nonce s, 96 bits; s starts at 0, grows by one, and is never used twice. The address, s, scope, tag
and the part's place in its letter are associated data: a relay reads them and can not change them.

    receiver takes s:   s < expected  replayed    s > expected  reordered    wrong seal  altered

Learns: whoever relays, who writes to whom, when, how much and under which tag.
Source: NIST SP 800-38D (GCM, deterministic nonces), RFC 2104, RFC 5869.
"""

import hmac
import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from federation.errors import (
    AlteredLetter,
    ForgedSender,
    KeyExhausted,
    MalformedMessage,
    ReorderedLetter,
    ReplayedLetter,
)
from federation.spec.party import Party
from federation.wire.codec import Bytes, encode

Scope = tuple[str | int, ...]

TAG_BYTES = 16
_MOST_PARTS = 1 << 32
_MOST_NAMES, _LONGEST_NAME = 16, 128
_MAC_BYTES = 16
_COUNTS = struct.Struct(">QQ?Q")


@dataclass(frozen=True, slots=True)
class Direction:
    """From which seat to which, in which attempt of which task."""

    job_id: str
    task_id: str
    version: int
    sender: Party
    receiver: Party

    def back(self) -> "Direction":
        """The opposite direction."""
        return Direction(self.job_id, self.task_id, self.version, self.receiver, self.sender)

    def header(self) -> dict[str, Any]:
        """The address on a frame."""
        return {
            "job": self.job_id,
            "task": self.task_id,
            "version": self.version,
            "from": str(self.sender),
            "to": str(self.receiver),
        }


class Part(NamedTuple):
    """One sealed part of a letter.

    Attributes:
        sequence: its number in the direction.
        number: its number in the letter.
        last: whether the letter is complete with it.
        size_bytes: of the whole letter.
    """

    sequence: int
    scope: Scope
    tag: str
    number: int
    last: bool
    size_bytes: int

    def header(self) -> dict[str, Any]:
        """What a frame says of this part, beside the address."""
        return {
            "seq": self.sequence,
            "scope": list(self.scope),
            "tag": self.tag,
            "part": self.number,
            "last": self.last,
            "size": self.size_bytes,
        }

    @classmethod
    def of(cls, header: dict[str, Any]) -> "Part":
        """The part a frame's header tells of.

        Raises:
            MalformedMessage: a field is missing or is not what it should be.
        """
        sequence, number, size = header.get("seq"), header.get("part"), header.get("size")
        scope, tag, last = header.get("scope"), header.get("tag"), header.get("last")
        if type(sequence) is not int or type(number) is not int or type(size) is not int:
            raise MalformedMessage("a part's header lacks a count")
        if type(scope) is not list or type(tag) is not str or type(last) is not bool:
            raise MalformedMessage("a part's header is not as it should be")
        counts = 0 <= sequence < _MOST_PARTS and 0 <= number < _MOST_PARTS and 0 <= size < 1 << 64
        short = len(scope) <= _MOST_NAMES and len(tag) <= _LONGEST_NAME
        if not counts or not short or not all(map(_is_name, scope)):
            raise MalformedMessage("a part's header is not as it should be")
        return cls(sequence, tuple(scope), tag, number, last, size)

    def associated(self) -> bytes:
        """What the seal covers beside the content and the address."""
        counts = _COUNTS.pack(self.sequence, self.number, self.last, self.size_bytes)
        return counts + _place(self.scope, self.tag)


@dataclass(frozen=True, slots=True)
class Ack:
    """What one seat tells another about the letters between them.

    Attributes:
        received: how many parts it has from the other, without a gap.
        sent: how many parts it has sent to the other; more than arrived means that some are lost.
        resend: parts from `received` on are missing; send them again.
        ask: tell me how it is with you.
        closed: its task has ended well; it takes no more, and sends no more.
    """

    received: int
    sent: int = 0
    resend: bool = False
    ask: bool = False
    closed: bool = False

    def header(self) -> dict[str, Any]:
        """What a frame says of it, beside the address and the proof."""
        return {name: getattr(self, name) for name in Ack.__slots__}

    @classmethod
    def of(cls, header: dict[str, Any]) -> "Ack":
        """What a frame's header tells, not yet known to be true.

        Raises:
            MalformedMessage: a field is missing or is not what it should be.
        """
        flags = [header.get(name) for name in ("resend", "ask", "closed")]
        if not all(type(flag) is bool for flag in flags):
            raise MalformedMessage("an acknowledgement is not as it should be")
        return cls(_count(header, "received"), _count(header, "sent"), *map(bool, flags))


class SealingKey:
    """The sender's half of a direction: seals parts, checks acknowledgements."""

    def __init__(self, key: bytes, direction: Direction) -> None:
        self.direction = direction
        self.sequence = 0
        """The number of the next part."""
        self._cipher = AESGCM(_subkey(key, "letters"))
        self._ack_key = _subkey(key, "acknowledgements")
        self.address = direction.header()
        """What every frame of the direction says."""
        self._address = encode(self.address)
        self._ack_header = direction.back().header()

    def seal(self, part: Part, data: Bytes) -> bytes:
        """The sealed content of a part, `TAG_BYTES` longer than `data`.

        Raises:
            ValueError: the part is not the next one; a number is never used twice.
            KeyExhausted: the key has sealed all it may.
        """
        nonce = self._next(part)
        return self._cipher.encrypt(nonce, data, self._address + part.associated())

    def seal_into(self, part: Part, data: Bytes, target: memoryview) -> None:
        """Put the sealed content into `target`, of exactly its size; errors as of `seal`."""
        nonce = self._next(part)
        self._cipher.encrypt_into(nonce, data, self._address + part.associated(), target)

    def _next(self, part: Part) -> bytes:
        """The nonce of a part, which is the next one."""
        if part.sequence != self.sequence:
            raise ValueError("parts are sealed in order, each once")
        if part.sequence >= _MOST_PARTS:
            raise KeyExhausted(str(self.direction.receiver))
        self.sequence += 1
        return _nonce(part.sequence)

    def check_ack(self, header: dict[str, Any]) -> Ack:
        """What the receiver says.

        Raises:
            MalformedMessage: not an acknowledgement, or one of parts that were never sent.
            ForgedSender: it claims to be of another seat than the receiver.
            AlteredLetter: the receiver did not say so.
        """
        _check_address(self._ack_header, header)
        ack, mac = Ack.of(header), header.get("mac")
        right = _mac(self._ack_key, self._address, ack)
        if not isinstance(mac, bytes) or not hmac.compare_digest(mac, right):
            raise AlteredLetter(str(self.direction.receiver))
        if ack.received > self.sequence:
            raise MalformedMessage("more is acknowledged than was sent")
        return ack


class OpeningKey:
    """The receiver's half of a direction: opens parts in order, makes acknowledgements."""

    def __init__(self, key: bytes, direction: Direction) -> None:
        self.direction = direction
        self.expected = 0
        """The number of the next part; also how many were received."""
        self._cipher = AESGCM(_subkey(key, "letters"))
        self._ack_key = _subkey(key, "acknowledgements")
        self._header = direction.header()
        self._address = encode(self._header)

    def expect(self, header: dict[str, Any]) -> Part:
        """The part that a frame announces, if it is the next one; its content is not checked yet.

        Raises:
            ForgedSender: the address is not the one this key belongs to.
            MalformedMessage: not a part's header.
            ReplayedLetter: it was received before.
            ReorderedLetter: another part should come first.
        """
        _check_address(self._header, header)
        part = Part.of(header)
        if part.sequence < self.expected:
            raise ReplayedLetter(str(self.direction.sender), part.sequence)
        if part.sequence > self.expected:
            raise ReorderedLetter(str(self.direction.sender), part.sequence, self.expected)
        return part

    def open(self, part: Part, body: Bytes) -> bytes:
        """The content of the part that was expected.

        Raises:
            AlteredLetter: content, address or place was changed, or another key sealed it.
        """
        try:
            data = self._cipher.decrypt(
                _nonce(part.sequence), body, self._address + part.associated()
            )
        except InvalidTag:
            raise AlteredLetter(str(self.direction.sender)) from None
        self.expected += 1
        return data

    def open_into(self, part: Part, body: Bytes, target: memoryview) -> None:
        """Put the content of the part that was expected into `target`, of exactly its size.

        Raises:
            AlteredLetter: as `open`; `target` then holds nothing of use.
        """
        try:
            self._cipher.decrypt_into(
                _nonce(part.sequence), body, self._address + part.associated(), target
            )
        except InvalidTag:
            raise AlteredLetter(str(self.direction.sender)) from None
        self.expected += 1

    def acknowledge(self, ack: Ack) -> dict[str, Any]:
        """The header of a frame that tells this to the sender."""
        return {
            **self.direction.back().header(),
            **ack.header(),
            "mac": _mac(self._ack_key, self._address, ack),
        }


@lru_cache
def _place(scope: Scope, tag: str) -> bytes:
    return encode([scope, tag])


def _check_address(mine: dict[str, Any], header: dict[str, Any]) -> None:
    for name, value in mine.items():
        if header.get(name) != value:
            raise ForgedSender(str(header.get("from"))[:_LONGEST_NAME])


def _is_name(value: object) -> bool:
    if type(value) is str:
        return len(value) <= _LONGEST_NAME
    return type(value) is int


def _count(header: dict[str, Any], name: str) -> int:
    value = header.get(name)
    if type(value) is not int or value < 0:
        raise MalformedMessage(f"a part's {name} is not a count")
    return value


def _nonce(sequence: int) -> bytes:
    return sequence.to_bytes(12, "big")


def _subkey(key: bytes, purpose: str) -> bytes:
    return HKDFExpand(hashes.SHA256(), 32, info=purpose.encode()).derive(key)


def _mac(key: bytes, address: bytes, ack: Ack) -> bytes:
    said = address + encode([ack.received, ack.sent, ack.resend, ack.ask, ack.closed])
    return hmac.digest(key, said, "sha256")[:_MAC_BYTES]
