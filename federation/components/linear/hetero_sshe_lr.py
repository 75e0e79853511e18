"""HeteroSSHELR: logistic regression over columns of two parties, without an arbiter.

The guest has labels y in -1, 1 and features, the host more features of the same rows. With s the
sum of both parties' scores w x (the guest's with the intercept), d and the loss are HeteroLR's:

    d    = s / 4 - y / 2                     gradient_w = X^T d / n + alpha w      (L2)
    loss = ln 2 - mean(y s) / 2 + mean(s^2) / 8 + penalty

Weights, scores, residuals and gradients exist in two shares alone (see shared_training), products
of them under both parties' Paillier keys (see shared_products). Of more than two classes, each is
trained against the rest.

Learns, with reveal_strategy respectively:
- each party: its own weights at the end, and how many columns the other has. With
  reveal_every_iter its gradients of every step too: then, as in HeteroLR, batches with no more rows
  than the host has columns would give labels away, and so they are refused, always;
- the guest: the loss of every batch; with early_stop weight_diff the lengths of all weights and of
  their change together (of the host's alone under reveal_every_iter); the scores w_h x of each row
  that is predicted, so of training rows at the end where the job asks for them; of rows that are
  followed the sum of both parties' scores;
- the host: the number of models, epochs and batches, which rows each batch has, and whether the
  guest's metrics got worse.
With the optimizer sqn the guest also learns products of ways, bends and gradients with each other,
over the columns of both parties, and the host how much of each a step takes (shared_curvature).
Under stepwise search all this holds of every trial (stepwise).
With encrypted_reveal_in_host the host never knows its own weights: it has them encrypted under the
guest's key, which the guest keeps in its own model for predictions. Its weights would be open to a
guest that got hold of the host's model.
Ids are compared by a SHA-256 of all of them. Parties that follow the protocol are assumed.

Row weights, where the table carries them, multiply d and not the loss. The optimizers sgd and sqn
work on shares; all others, and L1, need reveal_every_iter.
Exact up to the fixed point: weights as of the same steps on pooled rows within 1e-6.
Source: Chen et al. 2021; FATE 1.7 hetero_sshe_logistic_regression.
"""

from dataclasses import dataclass
from typing import Any

from federation.components.linear.lr_model import Logistic
from federation.components.linear.params import LinearModelParams, SharedLogisticParams
from federation.components.linear.shared import shared
from federation.components.linear.shared_parts import SHARED_LOGISTIC


@dataclass(frozen=True, slots=True)
class SharedLogistic(Logistic):
    """What one party has of a logistic model that was trained in shares."""

    MODULE = "HeteroSSHELR"

    def _meta(self, p: LinearModelParams) -> dict[str, Any]:
        """FATE's LRModelMeta."""
        meta = super(SharedLogistic, self)._meta(p)
        return {**meta, "revealStrategy": getattr(p, "reveal_strategy", "")}


hetero_sshe_lr = shared(SharedLogistic, SHARED_LOGISTIC, SharedLogisticParams, "HeteroSSHELRParam")
