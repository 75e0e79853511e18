import pytest

from federation.errors import BadSignature
from federation.wire.identity import Identity, fingerprint, verify


def test_a_signature_holds_for_its_key_purpose_and_message() -> None:
    me = Identity.generate()
    verify(me.public, "hello", b"message", me.sign("hello", b"message"))


@pytest.mark.parametrize("wrong", ["key", "label", "message", "signature", "boundary", "no key"])
def test_a_signature_holds_for_nothing_else(wrong: str) -> None:
    me = Identity.generate()
    public = {"key": Identity.generate().public, "no key": b"short"}.get(wrong, me.public)
    label = {"label": "other", "boundary": "hellom"}.get(wrong, "hello")
    message = {"message": b"other", "boundary": b"essage"}.get(wrong, b"message")
    signature = me.sign("hello", b"message")
    with pytest.raises(BadSignature):
        verify(public, label, message, bytes(64) if wrong == "signature" else signature)


def test_an_identity_survives_being_kept() -> None:
    me = Identity.generate()
    assert Identity.from_bytes(me.to_bytes()).public == me.public


def test_keeping_something_else_is_refused() -> None:
    with pytest.raises(ValueError):
        Identity.from_bytes(b"not a key")


def test_a_fingerprint_can_be_read_aloud() -> None:
    groups = fingerprint(bytes(32)).split(":")
    assert [len(group) for group in groups] == [4] * 8
    assert groups[0] == "6668"


def test_printing_an_identity_does_not_tell_the_key() -> None:
    me = Identity.generate()
    assert me.to_bytes().hex() not in repr(me)
    assert fingerprint(me.public) in repr(me)
