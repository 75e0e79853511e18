"""Letters are sealed by AES-256-GCM: its definition is held to its authors' known answers, and our
sealed parts are held to the definition."""

import hmac

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from federation.errors import AlteredLetter
from federation.spec.party import GUEST, HOST, Party
from federation.wire.codec import encode
from federation.wire.seal import TAG_BYTES, Direction, OpeningKey, Part, SealingKey

# McGrew, Viega 2005, "The Galois/Counter Mode of Operation", test cases 13 to 16, which NIST's
# validation of AES-256-GCM with nonces of 96 bits follows: key, nonce, content, associated, sealed.
FEED = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"
LONG = (
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255"
)
HIDDEN = (
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
    "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad"
)
VECTORS = [
    ("00" * 32, "00" * 12, "", "", "530f8afbc74536b9a963b4f1c4cb738b"),
    (
        "00" * 32,
        "00" * 12,
        "00" * 16,
        "",
        "cea7403d4d606b6e074ec5d3baf39d18" + "d0d1c8a799996bf0265b98b5d48ab919",
    ),
    (FEED, "cafebabefacedbaddecaf888", LONG, "", HIDDEN + "b094dac5d93471bdec1a502270e3cc6c"),
    (
        FEED,
        "cafebabefacedbaddecaf888",
        LONG[:120],
        "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        HIDDEN[:120] + "76fc6ece0f4e1768cddf8853bb2d551b",
    ),
]
HERE = Direction("job", "job_lr_0", 3, Party(GUEST, "1"), Party(HOST, "2"))
KEY = bytes(range(32))


def times(x: int, y: int) -> int:
    """The product in GF(2**128), bits in GCM's order."""
    total = 0
    for place in range(127, -1, -1):
        if y >> place & 1:
            total ^= x
        x = (x >> 1) ^ (0xE1 << 120 if x & 1 else 0)
    return total


def blocks(data: bytes) -> list[int]:
    whole = data + bytes(-len(data) % 16)
    return [int.from_bytes(whole[at : at + 16], "big") for at in range(0, len(whole), 16)]


def defined(key: bytes, nonce: bytes, content: bytes, associated: bytes) -> bytes:
    """SP 800-38D, algorithm 4, for nonces of 96 bits."""
    cipher = Cipher(algorithms.AES256(key), modes.ECB()).encryptor()

    def pad(counter: int) -> bytes:
        return cipher.update(nonce + counter.to_bytes(4, "big"))

    stream = b"".join(pad(2 + number) for number in range(-(-len(content) // 16)))
    hidden = bytes(a ^ b for a, b in zip(content, stream, strict=False))
    factor, tag = int.from_bytes(cipher.update(bytes(16)), "big"), 0
    lengths = (8 * len(associated) << 64) | 8 * len(content)
    for block in [*blocks(associated), *blocks(hidden), lengths]:
        tag = times(tag ^ block, factor)
    return hidden + (tag ^ int.from_bytes(pad(1), "big")).to_bytes(16, "big")


def parts() -> list[tuple[Part, bytes]]:
    sizes = (0, 1, 15, 16, 17, 100, 4096)
    return [
        (Part(number, ("epoch", number), "gradient", 0, True, size), bytes(range(256)) * 16)
        for number, size in enumerate(sizes)
    ]


@pytest.mark.parametrize(("key", "nonce", "content", "associated", "sealed"), VECTORS)
def test_the_definition_gives_the_known_answers(
    key: str, nonce: str, content: str, associated: str, sealed: str
) -> None:
    given = (bytes.fromhex(text) for text in (key, nonce, content, associated))
    assert defined(*given).hex() == sealed


@pytest.mark.parametrize("in_place", [False, True])
def test_a_part_is_sealed_as_the_definition_says(in_place: bool) -> None:
    sealing = SealingKey(KEY, HERE)
    subkey = hmac.digest(KEY, b"letters\x01", "sha256")  # RFC 5869, section 2.3, of one block
    for part, filling in parts():
        content = filling[: part.size_bytes]
        sealed = bytearray(len(content) + TAG_BYTES)
        if in_place:
            sealing.seal_into(part, content, memoryview(sealed))
        else:
            sealed[:] = sealing.seal(part, content)
        associated = encode(HERE.header()) + part.associated()
        assert sealed == defined(subkey, part.sequence.to_bytes(12, "big"), content, associated)


@pytest.mark.parametrize("in_place", [False, True])
def test_what_the_definition_seals_is_opened_and_no_bit_may_differ(in_place: bool) -> None:
    opening = OpeningKey(KEY, HERE)
    subkey = hmac.digest(KEY, b"letters\x01", "sha256")

    def opened(part: Part, body: bytes) -> bytes:
        if not in_place:
            return opening.open(part, body)
        target = bytearray(part.size_bytes)
        opening.open_into(part, body, memoryview(target))
        return bytes(target)

    for part, filling in parts():
        content = filling[: part.size_bytes]
        associated = encode(HERE.header()) + part.associated()
        body = defined(subkey, part.sequence.to_bytes(12, "big"), content, associated)
        for place in {0, len(body) // 2, len(body) - 1}:
            altered = bytearray(body)
            altered[place] ^= 0x10
            with pytest.raises(AlteredLetter):
                opened(part, bytes(altered))
        assert opened(part, body) == content
