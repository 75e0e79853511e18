from typing import Annotated, Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from federation.channel import Message, Payload
from federation.crypto import generate_keypair
from federation.crypto.scheme import Encrypted, KeyRing, PrivateKey, PublicKey
from federation.errors import PeerMisbehaved, UnknownKey, WrongLetterType
from federation.spec.party import GUEST, HOST, Party
from federation.wire.codec import BigIntVector, StringVector, decode, encode

SENDER = Party(GUEST, "1")


class Inner(Payload):
    name: str
    counts: tuple[int, ...]


class Outer(Payload):
    x: NDArray[np.float64]
    rate: Annotated[float, Field(ge=0, le=1)]
    mode: Literal["fit", "predict"] = "fit"
    maybe: int | None = None
    inner: list[Inner] = Field(default_factory=list)
    by_name: dict[str, np.ndarray] = Field(default_factory=dict)


@pytest.fixture(scope="module")
def keys() -> tuple[PublicKey, PrivateKey]:
    return generate_keypair("paillier", bits=2048)


@pytest.fixture
def key(keys: tuple[PublicKey, PrivateKey]) -> PublicKey:
    return keys[0]


def message(payload: Any) -> Message:
    return Message("m", (GUEST, HOST), payload, "a test")


def travel(payload: Any, value: Any, ring: KeyRing | None = None) -> Any:
    declared = message(payload)
    return declared.load(decode(encode(declared.dump(value, SENDER))), ring or KeyRing(), SENDER)


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        (int, 2**100),
        (float, 0.5),
        (float, 3),
        (bool, True),
        (str, "é"),
        (bytes, b"\0"),
        (type(None), None),
        (int | None, None),
        (list[float], [1.0, 2.0]),
        (tuple[int, ...], (1, 2)),
        (dict[str, list[bool]], {"a": [True], "b": []}),
        (BigIntVector, BigIntVector.from_ints([1, 2], 4)),
        (StringVector, StringVector.from_strings(["a", "b"])),
    ],
)
def test_a_value_of_the_declared_type_arrives(payload: Any, value: Any) -> None:
    assert travel(payload, value) == value


def test_a_structure_arrives_field_by_field() -> None:
    sent = Outer(
        x=np.arange(3.0),
        rate=0.5,
        mode="predict",
        maybe=7,
        inner=[Inner(name="a", counts=(1, 2))],
        by_name={"b": np.zeros((2, 0))},
    )
    back = travel(Outer, sent)
    assert type(back) is Outer
    np.testing.assert_array_equal(back.x, sent.x)
    assert (back.rate, back.mode, back.maybe) == (0.5, "predict", 7)
    assert back.inner == sent.inner
    assert back.by_name["b"].shape == (2, 0)


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        (int, True),
        (int, 1.0),
        (int, np.int64(1)),
        (float, "1"),
        (float, True),
        (bool, 1),
        (str, b"a"),
        (bytes, "a"),
        (np.ndarray, [1.0]),
        (NDArray[np.float64], np.arange(3)),
        (NDArray[np.integer], np.arange(3.0)),
        (list[int], [1, "2"]),
        (list[int], (1, 2)),
        (dict[str, int], {1: 1}),
        (int | None, "1"),
        (Literal["fit"], "predict"),
        (BigIntVector, b"abc"),
        (Encrypted, np.zeros(3)),
        (PublicKey, b"key"),
        (Inner, {"name": "a", "counts": []}),
        (Inner, Outer(x=np.zeros(1), rate=0)),
    ],
)
def test_a_value_of_another_type_does_not_leave(payload: Any, value: Any) -> None:
    with pytest.raises(WrongLetterType):
        message(payload).dump(value, SENDER)


GOOD = {"x": np.zeros(2), "rate": 0.5, "mode": "fit", "maybe": None, "inner": [], "by_name": {}}


@pytest.mark.parametrize(
    "wire",
    [
        None,
        [],
        {},
        GOOD | {"more": 1},
        {name: GOOD[name] for name in ("x", "rate")},
        GOOD | {"x": [1.0, 2.0]},
        GOOD | {"x": np.zeros(2, np.float32)},
        GOOD | {"rate": 2.0},
        GOOD | {"rate": None},
        GOOD | {"mode": "other"},
        GOOD | {"maybe": "1"},
        GOOD | {"inner": {}},
        GOOD | {"inner": [{"name": "a"}]},
        GOOD | {"inner": [{"name": 1, "counts": []}]},
        GOOD | {"by_name": {"b": 1}},
        GOOD | {"by_name": []},
    ],
)
def test_what_does_not_fit_the_declared_structure_is_refused_on_arrival(wire: Any) -> None:
    with pytest.raises(WrongLetterType):
        message(Outer).load(wire, KeyRing(), SENDER)


wires = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*GOOD, "name", "counts", "key"]), inner, max_size=6)
    ),
    max_leaves=8,
)


@given(wires, st.sampled_from([Outer, Inner, Encrypted, PublicKey, list[int], dict[str, Inner]]))
@settings(deadline=None)
def test_whatever_a_peer_sends_is_loaded_or_refused_by_name(wire: Any, payload: Any) -> None:
    try:
        message(payload).load(wire, KeyRing(), SENDER)
    except PeerMisbehaved as error:
        assert error.code


def test_a_refusal_tells_where_and_why_and_not_what() -> None:
    with pytest.raises(WrongLetterType) as caught:
        message(Outer).load(
            GOOD | {"inner": [{"name": "secret", "counts": ["x"]}]}, KeyRing(), SENDER
        )
    assert caught.value.facts["where"] == "it.inner[0].counts[0]"
    with pytest.raises(WrongLetterType) as caught:
        message(Outer).load(GOOD | {"rate": 77.25}, KeyRing(), SENDER)
    assert caught.value.facts["where"] == "it.rate"
    assert "77" not in str(caught.value)


@pytest.mark.parametrize(
    "payload",
    [object, Any, list, dict, dict[int, int], int | str, tuple[int, str], complex, Message],
)
def test_a_type_that_letters_can_not_hold_can_not_be_declared(payload: Any) -> None:
    with pytest.raises(TypeError):
        message(payload)


def test_a_payload_is_strict_where_it_is_made() -> None:
    with pytest.raises(ValidationError):
        Inner(name=3, counts=())  # type: ignore[arg-type]


def test_a_sent_array_is_not_shared() -> None:
    sent = np.zeros(3)
    back = travel(np.ndarray, sent)
    sent[0] = 1
    assert back[0] == 0


def test_ciphertexts_leave_with_new_randomness(key: PublicKey) -> None:
    derived = key.encrypt(np.array([1.0, 2.0])) + 1
    assert not derived.fresh
    wires = [message(Encrypted).dump(derived, SENDER)["cells"].to_ints() for _ in range(2)]
    plain = derived.to_wire()["cells"].to_ints()
    assert len({*wires[0], *wires[1], *plain}) == 6


def test_ciphertexts_that_are_fresh_leave_as_they_are(key: PublicKey) -> None:
    fresh = key.encrypt(np.array([1.0]))
    assert message(Encrypted).dump(fresh, SENDER) == fresh.to_wire()


def test_ciphertexts_inside_a_structure_are_refreshed_and_decrypt_to_the_same(
    keys: tuple[PublicKey, PrivateKey],
) -> None:
    public, private = keys

    class Gradients(Payload):
        g: Encrypted
        more: dict[str, Encrypted | None]

    ring = KeyRing()
    ring.add(public)
    sent = public.encrypt(np.array([[1.5, -2.0]])) * 2
    back = travel(Gradients, Gradients(g=sent, more={"a": sent, "b": None}), ring)
    np.testing.assert_allclose(private.decrypt(back.g), [[3.0, -4.0]])
    np.testing.assert_allclose(private.decrypt(back.more["a"]), [[3.0, -4.0]])
    assert back.g.to_wire()["cells"] != sent.to_wire()["cells"]


def test_a_ciphertext_of_an_unknown_key_is_refused_by_name(key: PublicKey) -> None:
    with pytest.raises(UnknownKey):
        travel(Encrypted, key.encrypt(np.array([1.0])))


def test_a_public_key_arrives(key: PublicKey) -> None:
    assert travel(PublicKey, key).fingerprint == key.fingerprint


@pytest.mark.parametrize(
    ("payload", "value", "described"),
    [
        (int, 123456, "int"),
        (np.ndarray, np.zeros((569, 30)), "569x30 float64"),
        (np.ndarray, np.array(5.0), "1 float64"),
        (StringVector, StringVector.from_strings(["secret"] * 3), "3 StringVector"),
        (Inner, Inner(name="secret", counts=(1, 2)), "name str, counts 2 items (int)"),
        (
            dict[str, np.ndarray],
            {"a": np.zeros(2), "b": np.zeros(3)},
            "2 items (2 float64, 3 float64)",
        ),
        (list[int], [], "0 items"),
        (int | None, None, "none"),
    ],
)
def test_a_description_tells_kind_and_size(payload: Any, value: Any, described: str) -> None:
    assert message(payload).form.describe(value) == described
