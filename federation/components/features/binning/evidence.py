"""Weight of evidence and information value: what the bins of a column tell about the label.

With e_i and n_i the rows of bin i that have the label (events) and that have another, E and N in
all bins together,

    woe_i = ln((e_i / E) / (n_i / N))         iv = sum_i (e_i / E - n_i / N) woe_i

where a bin with e_i or n_i of 0 has `adjustment` rows more of each. An empty bin says nothing: both
are 0. Source: FATE 1.x IvCalculator; Siddiqi 2006.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from federation.tables.table import Vector

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One column against one label, over its b bins.

    Attributes:
        events: shape (b,), rows with the label.
        others: shape (b,), rows with another.
        event_shares: shape (b,), e_i / E as adjusted.
        other_shares: shape (b,), n_i / N as adjusted.
    """

    events: Counts
    others: Counts
    event_shares: Vector
    other_shares: Vector

    @classmethod
    def of(cls, events: Counts, rows: Counts, adjustment: float) -> Self:
        """From the rows with the label and all rows of each bin, shape (b,)."""
        others = rows - events
        added = np.where((events == 0) | (others == 0), adjustment, 0.0) * (rows > 0)
        return cls(
            events,
            others,
            (events + added) / max(int(events.sum()), 1),
            (others + added) / max(int(others.sum()), 1),
        )

    @property
    def woe(self) -> Vector:
        """Shape (b,)."""
        full = (self.event_shares > 0) & (self.other_shares > 0)
        ratio = np.divide(self.event_shares, self.other_shares, where=full, out=np.ones(len(full)))
        return np.asarray(np.log(ratio))

    @property
    def ivs(self) -> Vector:
        """Shape (b,), what each bin adds to the information value."""
        return (self.event_shares - self.other_shares) * self.woe

    @property
    def iv(self) -> float:
        """The information value, 0 or more."""
        return float(self.ivs.sum())

    @property
    def is_monotonic(self) -> bool:
        """Whether the weights only rise or only fall."""
        steps = np.diff(self.woe)
        return bool(np.all(steps >= 0) or np.all(steps <= 0))

    def message(
        self,
        edges: Vector | None,
        anonymous: list[str] | None = None,
        metric: Vector | None = None,
    ) -> dict[str, Any]:
        """FATE's IVParam; of another party's column without edges, with names for its bins."""
        return {
            "woeArray": self.woe.tolist(),
            "ivArray": self.ivs.tolist(),
            "eventCountArray": [str(count) for count in self.events.tolist()],
            "nonEventCountArray": [str(count) for count in self.others.tolist()],
            "eventRateArray": self.event_shares.tolist(),
            "nonEventRateArray": self.other_shares.tolist(),
            "splitPoints": [] if edges is None else edges.tolist(),
            "iv": self.iv,
            "isWoeMonotonic": self.is_monotonic,
            "binNums": str(len(self.events)),
            "binAnonymous": anonymous or [],
            "optimalMetricArray": [] if metric is None else metric.tolist(),
        }
