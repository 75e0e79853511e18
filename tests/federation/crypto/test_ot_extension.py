"""Oblivious transfer: the right key and row for whom they are meant, and nothing for others."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.crypto.ot_extension import (
    Code,
    Permutation,
    Receiver,
    RowHash,
    Sender,
    transposed,
    words_for,
)
from federation.crypto.ot_extension_base import BaseSender, chosen_keys
from federation.errors import BadPoint

BITS = [int(bit) for bit in np.random.default_rng(7).integers(0, 2, 448)]
SMALL_ORDER = bytes(31).rjust(32, b"\x01")
OFF_CURVE = b"\x02" + bytes(31)
ORDER_TWICE = (2**255 - 20).to_bytes(32, "little")


def random_words(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 1 << 64, shape, dtype=np.uint64)


@pytest.fixture(scope="module")
def ends() -> tuple[Receiver, Sender]:
    base = BaseSender()
    answers, keys = chosen_keys(base.point, BITS)
    return Receiver(base.keys(answers)), Sender(BITS, keys)


def test_a_base_transfer_gives_the_key_of_the_bit_and_not_the_other() -> None:
    base, bits = BaseSender(), [0, 1, 1, 0]
    answers, keys = chosen_keys(base.point, bits)
    pairs = base.keys(answers)
    assert keys == [pair[bit] for pair, bit in zip(pairs, bits, strict=True)]
    assert len({key for pair in pairs for key in pair}) == 8


@pytest.mark.parametrize("point", [SMALL_ORDER, OFF_CURVE, ORDER_TWICE, bytes(32), b"\x01" * 31])
def test_a_base_transfer_refuses_points_of_small_order_and_none_at_all(point: bytes) -> None:
    with pytest.raises(BadPoint):
        chosen_keys(point, [0])
    with pytest.raises(BadPoint):
        BaseSender().keys(np.frombuffer(point, dtype=np.uint8)[None])


def test_a_sender_has_the_row_of_the_right_codeword_and_no_other(
    ends: tuple[Receiver, Sender],
) -> None:
    receiver, sender = ends
    code = Code(b"seed", 7)
    mine, others = code(random_words(1, 128, 2)), code(random_words(2, 128, 2))
    for part in (slice(0, 64), slice(64, 128)):
        rows, told = receiver.extend(mine[part])
        queries = sender.extend(told)
        np.testing.assert_array_equal(queries ^ sender.masked(mine[part]), rows)
        far = np.bitwise_count(queries ^ sender.masked(others[part]) ^ rows).sum(axis=1)
        assert far.min() > 60


def test_what_the_sender_is_told_does_not_show_the_codeword(ends: tuple[Receiver, Sender]) -> None:
    receiver, sender = ends
    same = np.zeros((640, 8), dtype=np.uint64)
    _, told = receiver.extend(same)
    sender.extend(told)
    assert told.shape == (640, 7)
    share = np.bitwise_count(told).sum() / (640 * 448)
    assert abs(share - 0.5) < 0.01


@given(st.integers(0, 1 << 32), st.integers(1, 4))
def test_turning_a_matrix_swaps_rows_and_columns(seed: int, words: int) -> None:
    lines = random_words(seed, 64, words)
    bits = np.unpackbits(lines.view(np.uint8), bitorder="little").reshape(64, words, 64)
    turned = np.unpackbits(transposed(lines.copy()).view(np.uint8), bitorder="little")
    np.testing.assert_array_equal(turned.reshape(64, words, 64), bits.transpose(2, 1, 0))


@pytest.mark.parametrize("words", [7, 8])
def test_codewords_are_far_apart(words: int) -> None:
    codewords = Code(b"seed", words)(random_words(3, 2000, 2))
    far = np.bitwise_count(codewords[:-1] ^ codewords[1:]).sum(axis=1)
    assert far.min() >= 128
    assert abs(far.mean() - 32 * words) < 1


def test_codes_and_hashes_of_other_seeds_are_others() -> None:
    rows, tweaks = random_words(4, 5, 8), np.arange(5, dtype=np.uint64)
    assert not np.any(RowHash(b"a")(rows, tweaks) == RowHash(b"b")(rows, tweaks))
    assert not np.any(Code(b"a", 7)(rows[:, :2])[:, :7] == Code(b"b", 7)(rows[:, :2])[:, :7])


@pytest.mark.parametrize("word", range(8))
def test_every_word_and_the_tweak_change_the_hash(word: int) -> None:
    rows, tweaks = random_words(5, 3, 8), np.arange(3, dtype=np.uint64)
    changed = rows.copy()
    changed[:, word] ^= np.uint64(1 << 17)
    function = RowHash(b"seed")
    assert not np.any(function(rows, tweaks) == function(changed, tweaks))
    assert not np.any(function(rows, tweaks) == function(rows, tweaks + np.uint64(8)))


def test_a_permutation_is_aes_of_each_block_alone() -> None:
    blocks = random_words(6, 9, 2)
    permutation = Permutation(b"seed", "label")
    images = permutation(blocks)
    np.testing.assert_array_equal(permutation(blocks[4:5]), images[4:5])
    assert permutation(blocks[:0]).shape == (0, 2)
    assert len({image.tobytes() for image in images}) == 9


def test_many_pairs_of_codewords_get_longer_ones() -> None:
    assert (words_for(3 << 20), words_for(1 << 26), words_for((1 << 26) + 1)) == (7, 7, 8)
