import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.errors import MailboxFull
from federation.spec.party import GUEST, HOST, Party
from federation.wire.frames import Frame, FrameKind
from federation.wire.letters import Letter
from federation.wire.mailbox import FinalAcks, Mailbox, Outbox
from federation.wire.seal import Ack, Direction, OpeningKey

G, H = Party(GUEST, "1"), Party(HOST, "2")
HERE = Direction("job", "job_lr_0", 0, G, H)


def test_letters_of_one_address_come_out_in_order() -> None:
    box = Mailbox()
    for content in (b"1", b"2"):
        box.put(Letter(G, ("a",), "t", content))
    box.put(Letter(H, ("a",), "t", b"3"))
    assert [box.take(G, ("a",), "t"), box.take(H, ("a",), "t"), box.take(G, ("a",), "t")] == [
        Letter(G, ("a",), "t", b"1"),
        Letter(H, ("a",), "t", b"3"),
        Letter(G, ("a",), "t", b"2"),
    ]
    assert (len(box), box.size_bytes) == (0, 0)


def test_another_scope_tag_or_sender_is_another_address() -> None:
    box = Mailbox()
    box.put(Letter(G, ("a", 1), "t", b"1"))
    assert box.take(G, ("a", "1"), "t") is None
    assert box.take(G, ("a", 1), "u") is None
    assert box.take(H, ("a", 1), "t") is None


def test_a_full_mailbox_says_so() -> None:
    box = Mailbox(limit_bytes=2000)
    box.put(Letter(G, (), "t", bytes(1000)))
    with pytest.raises(MailboxFull):
        box.put(Letter(G, (), "t", bytes(1000)))


def test_one_letter_always_fits() -> None:
    box = Mailbox(limit_bytes=10)
    box.put(Letter(G, (), "t", bytes(1000)))
    assert len(box) == 1


@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 5)), max_size=40))
@settings(deadline=None)
def test_an_outbox_keeps_exactly_what_was_not_acknowledged(steps: list[tuple[int, int]]) -> None:
    box, received = Outbox(window_bytes=5000), 0
    sent: list[Frame] = []
    for size, acknowledged in steps:
        if box.has_room(size):
            sent.append(Frame(FrameKind.LETTER, {"seq": len(sent)}, bytes(size)))
            box.keep(sent[-1])
        assert box.size_bytes <= 5000 + 512 or len(box) == 1
        received = min(len(sent), received + acknowledged)
        box.acknowledge(received)
        kept = [box.get(sequence) for sequence in range(len(sent) + 1)]
        assert kept == [None] * received + sent[received:] + [None]
    box.acknowledge(len(sent))
    assert (len(box), box.size_bytes) == (0, 0)


def test_an_empty_outbox_takes_a_part_of_any_size() -> None:
    assert Outbox(window_bytes=10).has_room(1000)


def test_an_old_acknowledgement_changes_nothing() -> None:
    box = Outbox()
    for number in range(3):
        box.keep(Frame(FrameKind.LETTER, {"seq": number}))
    assert box.acknowledge(2)
    assert not box.acknowledge(1)
    assert (box.acknowledged, len(box)) == (2, 1)


def letter() -> Frame:
    return Frame(FrameKind.LETTER, HERE.header())


def ack(said: Ack) -> Frame:
    return Frame(FrameKind.LETTER_ACK, OpeningKey(bytes(32), HERE).acknowledge(said))


def test_a_letter_after_the_end_is_answered_with_the_last_word() -> None:
    final, last = FinalAcks(), ack(Ack(3, closed=True))
    final.note(ack(Ack(2)))
    assert final.answer(letter()) is None
    final.note(last)
    assert final.answer(letter()) is last


def test_a_question_after_the_end_is_answered_and_a_last_word_is_not() -> None:
    final, last = FinalAcks(), ack(Ack(3, closed=True))
    final.note(last)
    there = OpeningKey(bytes(32), HERE.back())
    assert final.answer(Frame(FrameKind.LETTER_ACK, there.acknowledge(Ack(0, ask=True)))) is last
    assert final.answer(Frame(FrameKind.LETTER_ACK, there.acknowledge(Ack(0)))) is None
    assert final.answer(Frame(FrameKind.LETTER_ACK, there.acknowledge(Ack(0, closed=True)))) is None


def test_the_oldest_last_words_are_forgotten_first() -> None:
    final = FinalAcks(limit=1)
    final.note(ack(Ack(3, closed=True)))
    other = Direction("job", "job_lr_1", 0, G, H)
    word = OpeningKey(bytes(32), other).acknowledge(Ack(0, closed=True))
    final.note(Frame(FrameKind.LETTER_ACK, word))
    assert final.answer(letter()) is None
    assert final.answer(Frame(FrameKind.LETTER, other.header())) is not None


def test_last_words_can_be_said_again_until_their_job_is_forgotten() -> None:
    final, last = FinalAcks(), ack(Ack(3, closed=True))
    final.note(last)
    final.forget("another job")
    assert final.frames() == [last]
    final.forget("job")
    assert final.frames() == []
