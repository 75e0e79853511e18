"""How a match ends: the guest keeps what every host has, and tells each host which that is.

Learns: with `tell` each host which of its entries all parties have; without it nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.channel import Peer
from federation.errors import BadIntersection
from federation.protocols.psi.exchange import mask_of, receive_lines, send_lines, together
from federation.protocols.psi.ids import Ids, Intersection

_NO_MARKS: NDArray[np.bool_] = np.empty(0, dtype=np.bool_)
NOWHERE: NDArray[np.int64] = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Match:
    """What the guest found with one host.

    Attributes:
        places: for each of the guest's ids where it stands in the host's list, or -1.
        size: how many ids the host brought.
        lines: how many entries that list has, where some stand for no id.
    """

    host: Peer
    places: NDArray[np.int64]
    size: int
    lines: int | None = None

    def marks(self, common: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which entries of the list are those of some of the guest's ids."""
        return mask_of(self.places[common], self.size if self.lines is None else self.lines)


async def settled(ids: Ids, tag: str, matches: Sequence[Match], tell: bool) -> Intersection:
    """The guest's end.

    Args:
        tag: under which the marks go.
    """
    common = np.flatnonzero(np.all(np.stack([match.places for match in matches]) >= 0, axis=0))
    if tell:
        jobs: list[Any] = [send_lines(match.host, tag, match.marks(common)) for match in matches]
        await together(*jobs)
    sizes = {str(match.host.party): match.size for match in matches}
    return Intersection(ids.in_order(common), len(ids), sizes)


async def told(
    ids: Ids, guest: Peer, tag: str, order: NDArray[np.int64], *, size: int, tell: bool
) -> Intersection:
    """A host's end.

    Args:
        order: the host's rows as its list has them, -1 where an entry stands for none.
        size: how many ids the guest brought.
    """
    sizes = {str(guest.party): size}
    if not tell:
        return Intersection(NOWHERE, len(ids), sizes, told=False)
    rows = order[await receive_lines(guest, tag, len(order), _NO_MARKS)]
    if np.any(rows < 0):
        raise BadIntersection(f"{guest.party} marks an entry that stands for no id")
    return Intersection(ids.in_order(rows), len(ids), sizes)
