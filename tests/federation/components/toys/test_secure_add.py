"""The toy: the sum is right, the log says it in FATE's words, shares say nothing."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp

from federation.components.toys.secure_add import from_ring, secure_add, shared, to_ring
from federation.errors import InvalidParameters, PeerMisbehaved
from federation.spec.party import GUEST, HOST, Party

G, H, H2 = Party(GUEST, "9999"), Party(HOST, "10000"), Party(HOST, "10001")


async def test_the_guest_logs_the_sum_in_the_words_the_toy_client_looks_for(play: Any) -> None:
    played = await play(secure_add, {}, {G: {}, H: {}})
    last = played.reports[G].lines[-1][0]
    assert last == "secure_add_guest.py success to calculate secure_sum, it is 2000.0"


async def test_partitions_change_nothing_and_a_second_host_watches(play: Any) -> None:
    conf = {"partition": 4, "data_num": 10, "seed": 123}
    played = await play(secure_add, conf, {G: {}, H: {}, H2: {}})
    assert "it is 20.0" in played.reports[G].text
    assert "nothing to do" in played.reports[H2].text


async def test_parties_that_disagree_about_the_count_are_told(play: Any) -> None:
    with pytest.raises(PeerMisbehaved, match="set data_num alike"):
        await play(secure_add, {}, {G: {}, H: {}}, None, {H: {"data_num": 3}})


def test_no_numbers_are_no_toy() -> None:
    with pytest.raises(InvalidParameters, match="data_num"):
        secure_add.params.parse({"data_num": 0})


@given(hnp.arrays(np.float64, 5, elements={"min_value": -1e6, "max_value": 1e6}))
def test_shares_add_up_to_what_was_shared(values: np.ndarray) -> None:
    kept, given_away = shared(to_ring(values))
    np.testing.assert_allclose(from_ring(kept + given_away), values, atol=2.0**-23)


def test_a_share_alone_is_spread_over_the_whole_ring() -> None:
    kept, given_away = shared(to_ring(np.ones(4000)))
    for share in (kept, given_away):
        assert len(np.unique(share)) == 4000
        assert 0.45 < np.mean(share >> np.uint64(63)) < 0.55
