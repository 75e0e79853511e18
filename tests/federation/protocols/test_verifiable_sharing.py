"""Shares that can be checked, and dealers that are found out."""

import pytest

from federation.errors import BadPoint
from federation.protocols.verifiable_sharing import added, commitment, deal, expected, fits, opened


@pytest.mark.parametrize("secret", [0, 1, -5, 10**30])
def test_honest_shares_fit_and_give_the_secret(secret: int) -> None:
    dealt = deal(secret, 2)
    shares = {holder: dealt.share(holder) for holder in (1, 2, 3)}
    assert all(fits(shares[holder], dealt.commitments, holder) for holder in shares)
    assert opened({holder: shares[holder][0] for holder in (1, 3)}) == secret


def test_shares_and_commitments_of_several_dealers_add_up() -> None:
    first, second = deal(7, 2), deal(-9, 2)
    total = added([first.commitments, second.commitments])
    sums = {
        holder: tuple(a + b for a, b in zip(first.share(holder), second.share(holder), strict=True))
        for holder in (1, 2)
    }
    assert all(fits((value, blind), total, x) for x, (value, blind) in sums.items())
    assert opened({x: value for x, (value, _) in sums.items()}) == -2


def test_a_share_that_was_changed_does_not_fit() -> None:
    dealt = deal(7, 2)
    value, blind = dealt.share(2)
    assert not fits((value + 1, blind), dealt.commitments, 2)
    assert not fits((value, blind + 1), dealt.commitments, 2)
    assert not fits((value, blind), dealt.commitments, 1)


def test_commitments_to_one_value_agree_in_nothing() -> None:
    assert len({deal(1, 1).commitments[0] for _ in range(20)}) == 20
    assert commitment(1, 5) != commitment(1, 6)


def test_what_is_no_point_is_refused() -> None:
    with pytest.raises(BadPoint):
        expected([b"\x02" + bytes(31)], 1)
