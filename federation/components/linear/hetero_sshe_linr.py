"""HeteroSSHELinR: linear regression over columns of two parties, without an arbiter.

The guest has numbers y as labels and features, the host more features of the same rows:

    d    = s - y                  gradient_w = X^T d / n + alpha w      (L2)
    loss = mean(d^2) / 2 + penalty

with s the sum of both parties' scores w x (the guest's with the intercept). How this is computed in
shares is as in HeteroSSHELR.

Learns: as in HeteroSSHELR; labels are any numbers here, so that under reveal_every_iter nothing but
the count of rows hides them from the host.

Exact up to the fixed point: weights as of the same steps on pooled rows within 1e-6.
Source: Chen et al. 2021; FATE 1.8 hetero_sshe_linear_regression.
"""

from dataclasses import dataclass
from typing import Any

from federation.components.linear.fitted import with_hidden
from federation.components.linear.number_models import Linear
from federation.components.linear.params import LinearModelParams, SharedNumberParams
from federation.components.linear.shared import shared
from federation.components.linear.shared_parts import SHARED_LINEAR


@dataclass(frozen=True, slots=True)
class SharedLinear(Linear):
    """What one party has of a linear regression that was trained in shares."""

    MODULE = "HeteroSSHELinR"

    def _param(self) -> dict[str, Any]:
        """FATE's LinRModelParam."""
        shown = super(SharedLinear, self)._param()
        with_hidden([shown], self)
        return shown

    def _meta(self, p: LinearModelParams) -> dict[str, Any]:
        """FATE's LinRModelMeta."""
        meta = super(SharedLinear, self)._meta(p)
        return {**meta, "revealStrategy": getattr(p, "reveal_strategy", "")}


hetero_sshe_linr = shared(SharedLinear, SHARED_LINEAR, SharedNumberParams, "HeteroSSHELinRParam")
