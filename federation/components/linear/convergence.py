"""When training has come to rest.

diff         |loss_t - loss_(t-1)| < tol
abs          loss_t <= tol
weight_diff  |w_t - w_(t-1)|_2 < tol max(|w_t|_2, 1), over the weights of all parties
"""

import math
from dataclasses import dataclass

LOSS_RULES = frozenset({"diff", "abs"})
"""Rules that need the loss."""


@dataclass(slots=True)
class Convergence:
    """A rule and what it remembers.

    Attributes:
        rule: `diff`, `abs` or `weight_diff`.
        last: the loss of the epoch before.
    """

    rule: str
    tol: float
    last: float | None = None

    def by_loss(self, loss: float) -> bool:
        """Whether to stop after an epoch of that loss."""
        if self.rule == "abs":
            return abs(loss) <= self.tol
        before, self.last = self.last, loss
        return before is not None and abs(before - loss) < self.tol

    def by_movement(self, moved: float, length: float) -> bool:
        """Whether to stop after an epoch.

        Args:
            moved: sum of (w_t - w_(t-1))^2 over all weights.
            length: sum of w_t^2.
        """
        return math.sqrt(moved) < self.tol * max(math.sqrt(length), 1.0)
