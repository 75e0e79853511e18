"""HeteroLinR: linear regression over columns of several parties, with an arbiter.

The guest has numbers y as labels and features, each host more features of the same rows. With s the
sum of all parties' scores w x (the guest's with the intercept):

    d    = s - y                  gradient_w = X^T d / n + alpha w      (L2)
    loss = mean(d^2) / 2 + penalty

d and gradients are encrypted under the arbiter's Paillier key; the letters are those of HeteroLR.

Learns:
- the arbiter: every gradient, the loss, and with weight_diff the lengths of the parties' weights,
  so all weights up to where they started; never a row, a label, a residual or an id;
- a host: its steps; the number of epochs and batches, and which of the common rows each batch has.
  Batches with no more rows than a host has columns are refused, since g = X^T d / n would give d
  away there. Labels are any numbers here, so that nothing but the count of rows hides them: batches
  many times as large as any width are the remedy against many epochs' equations;
- the guest: its steps, the hosts' widths, and the scores w_h x of each host in clear for every row
  that is predicted or measured, so at the end for training rows too.
Ids are compared by a SHA-256 of all of them. Parties that follow the protocol are assumed, and an
arbiter that pools with nobody.

Row weights, where the table carries them, multiply d and not the loss. With several hosts there is
no loss (it would need products of two hosts' scores), so early_stop is weight_diff there. The
optimizer sqn also exchanges what stands in the header of curvature, and a cross validation shows a
host which rows each fold leaves out.
Exact up to the fixed point: weights as of the same steps on pooled rows within 1e-6.
Source: Hardy et al. 2017; FATE 1.x hetero_linear_regression.
"""

from federation.components.linear.hetero import vertical
from federation.components.linear.number_models import Linear
from federation.components.linear.params import LinearParams

hetero_linr = vertical(Linear, LinearParams, "LinearParam")
