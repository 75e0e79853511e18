import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.errors import MalformedMessage
from federation.wire.frames import Frame, FrameKind, FrameReader, pack_bytes, pack_stream, unpack

frames = st.builds(
    Frame,
    st.sampled_from(FrameKind),
    st.dictionaries(st.text("abc", max_size=5), st.integers() | st.text("xyz"), max_size=4),
    st.binary(max_size=200),
)


def stream_bytes(*many: Frame) -> bytes:
    return b"".join(bytes(piece) for frame in many for piece in pack_stream(frame))


@given(frames)
@settings(deadline=None)
def test_a_frame_comes_back_as_it_was(frame: Frame) -> None:
    back = unpack(pack_bytes(frame))
    assert (back.kind, back.header, bytes(back.body)) == (frame.kind, frame.header, frame.body)


@given(st.lists(frames, max_size=5), st.lists(st.integers(1, 50), min_size=1, max_size=20))
@settings(deadline=None)
def test_a_stream_gives_the_same_frames_however_it_is_cut(
    sent: list[Frame], cuts: list[int]
) -> None:
    data, reader, got, at = stream_bytes(*sent), FrameReader(), [], 0
    for cut in cuts:
        got += reader.feed(data[at : at + cut])
        at += cut
    got += reader.feed(data[at:])
    assert [(f.kind, f.header, bytes(f.body)) for f in got] == [
        (f.kind, f.header, f.body) for f in sent
    ]
    assert reader.pending_bytes == 0


def test_a_large_body_is_not_copied_when_packed() -> None:
    body = memoryview(bytearray(1 << 16))
    assert pack_stream(Frame(FrameKind.LETTER, {}, body))[1] is body


def test_a_small_frame_is_one_buffer() -> None:
    frame = Frame(FrameKind.LETTER, {"seq": 1}, b"sealed")
    (whole,) = pack_stream(frame)
    assert whole == len(pack_bytes(frame)).to_bytes(4, "big") + pack_bytes(frame)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01\x01",
        b"\x02" + pack_bytes(Frame(FrameKind.PING))[1:],
        b"\x01\x00\x00\x00\x00\x01\x80",
        b"\x01\xff\x00\x00\x00\x01\x80",
        b"\x01\x01\xff\xff\xff\xff\x80",
        b"\x01\x01\x00\x00\x00\x01\x90",
        b"\x01\x01\x00\x00\x00\x00",
    ],
    ids=["empty", "short", "version", "kind 0", "kind 255", "header size", "list", "no header"],
)
def test_what_is_not_a_frame_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        unpack(data)


def test_a_giant_frame_is_refused_as_soon_as_it_is_announced() -> None:
    reader = FrameReader(limit=1000)
    with pytest.raises(MalformedMessage):
        reader.feed((1001).to_bytes(4, "big"))


def test_a_frame_smaller_than_any_frame_is_refused() -> None:
    with pytest.raises(MalformedMessage):
        FrameReader().feed(b"\0\0\0\x05")


def test_nobody_writes_a_frame_that_nobody_reads() -> None:
    with pytest.raises(ValueError):
        pack_stream(Frame(FrameKind.LETTER, {}, bytes(100)), limit=100)


def test_a_frame_over_the_limit_is_refused_whole() -> None:
    with pytest.raises(MalformedMessage):
        unpack(pack_bytes(Frame(FrameKind.LETTER, {}, bytes(100))), limit=100)
