import hashlib

import pytest

from federation.errors import AlteredLetter, BadSignature, MalformedMessage, WrongSession
from federation.spec.party import GUEST, HOST, Party
from federation.wire.codec import decode, encode
from federation.wire.identity import Identity
from federation.wire.session import Session, derive

JOB = hashlib.sha256(b"job").digest()
ALICE, BOB, MALLORY = Identity.generate(), Identity.generate(), Identity.generate()


def session(
    who: Identity = ALICE, party: str = "1", digest: bytes = JOB, epoch: int = 3
) -> Session:
    return Session(who, digest, epoch, party, ["guest"])


def changed(data: bytes, **fields: object) -> bytes:
    return encode({**decode(data), **fields})


@pytest.fixture(scope="module")
def alice() -> Session:
    return session(ALICE, "1")


@pytest.fixture(scope="module")
def bob() -> Session:
    return session(BOB, "2")


def test_two_agents_agree_on_a_secret_for_each_direction(alice: Session, bob: Session) -> None:
    offer = alice.check_offer(bob.offer.to_bytes(), BOB.public, "2")
    secret, letter = alice.seal_secret(offer)
    assert bob.open_secret(letter, ALICE.public, "1") == secret
    back, answer = bob.seal_secret(bob.check_offer(alice.offer.to_bytes(), ALICE.public, "1"))
    assert alice.open_secret(answer, BOB.public, "2") == back != secret


def test_the_secret_is_not_in_what_travels(alice: Session, bob: Session) -> None:
    secret, letter = alice.seal_secret(bob.offer)
    assert secret not in letter


def test_an_offer_of_another_key_is_refused(alice: Session) -> None:
    forged = session(MALLORY, "2").offer.to_bytes()
    with pytest.raises(BadSignature):
        alice.check_offer(forged, BOB.public, "2")


@pytest.mark.parametrize(
    "fields",
    [{"roles": ["arbiter"]}, {"public_key": bytes(1216)}, {"signature": bytes(64)}],
    ids=lambda fields: next(iter(fields)),
)
def test_a_changed_offer_is_refused(
    alice: Session, bob: Session, fields: dict[str, object]
) -> None:
    with pytest.raises(BadSignature):
        alice.check_offer(changed(bob.offer.to_bytes(), **fields), BOB.public, "2")


@pytest.mark.parametrize(
    "other",
    [
        session(BOB, "2", digest=bytes(32)),
        session(BOB, "2", epoch=4),
        session(BOB, "7"),
    ],
    ids=["another job", "another epoch", "another party"],
)
def test_an_offer_made_for_something_else_is_refused(alice: Session, other: Session) -> None:
    with pytest.raises(WrongSession):
        alice.check_offer(other.offer.to_bytes(), BOB.public, "2")


def test_a_secret_of_another_sender_is_refused(alice: Session, bob: Session) -> None:
    _, letter = session(MALLORY, "1").seal_secret(bob.offer)
    with pytest.raises(BadSignature):
        bob.open_secret(letter, ALICE.public, "1")


def test_a_secret_of_an_earlier_epoch_is_refused(alice: Session, bob: Session) -> None:
    _, letter = alice.seal_secret(bob.offer)
    with pytest.raises(WrongSession):
        session(BOB, "2", epoch=4).open_secret(letter, ALICE.public, "1")


def test_a_secret_for_an_earlier_key_of_the_same_epoch_is_refused(
    alice: Session, bob: Session
) -> None:
    _, letter = alice.seal_secret(bob.offer)
    with pytest.raises(WrongSession):
        session(BOB, "2").open_secret(letter, ALICE.public, "1")


def test_a_secret_can_not_be_turned_to_a_third_party(alice: Session, bob: Session) -> None:
    _, letter = alice.seal_secret(bob.offer)
    with pytest.raises(WrongSession):
        session(MALLORY, "3").open_secret(letter, ALICE.public, "1")


def test_a_changed_secret_is_refused(alice: Session, bob: Session) -> None:
    _, letter = alice.seal_secret(bob.offer)
    sealed = decode(letter)["sealed"]
    with pytest.raises(BadSignature):
        bob.open_secret(changed(letter, sealed=sealed[:-1] + b"x"), ALICE.public, "1")


def test_a_sender_that_signs_rubbish_is_refused(alice: Session, bob: Session) -> None:
    _, letter = alice.seal_secret(bob.offer)
    fields = decode(letter) | {"sealed": b"rubbish"}
    del fields["signature"]
    signed = {**fields, "signature": ALICE.sign("session secret", encode(fields))}
    with pytest.raises(AlteredLetter):
        bob.open_secret(encode(signed), ALICE.public, "1")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        encode({}),
        encode([1]),
        encode({"digest": "text"}),
        changed(session(BOB, "2").offer.to_bytes(), more=1),
        changed(session(BOB, "2").offer.to_bytes(), epoch=True),
        changed(session(BOB, "2").offer.to_bytes(), public_key=b"short"),
        b"x" * 100_000,
    ],
)
def test_what_is_not_an_offer_is_refused(alice: Session, data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        alice.check_offer(data, BOB.public, "2")


def test_each_attempt_and_direction_has_its_own_key() -> None:
    guest, host = Party(GUEST, "1"), Party(HOST, "2")
    keys = {
        derive(secret, task, version, sender, receiver)
        for secret in (bytes(32), b"x" * 32)
        for task in ("lr_0", "lr_1")
        for version in (0, 1)
        for sender, receiver in ((guest, host), (host, guest))
    }
    assert len(keys) == 16


def test_an_offer_names_the_roles_it_is_for() -> None:
    assert Session(ALICE, JOB, 1, "1", ["host", "guest"]).offer.roles == ["guest", "host"]
