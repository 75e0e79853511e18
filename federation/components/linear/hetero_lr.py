"""HeteroLR: logistic regression over columns of several parties, with an arbiter.

The guest has labels y in -1, 1 and features, each host more features of the same rows. With s the
sum of all parties' scores w x (the guest's with the intercept), d and the loss follow the first
terms of the Taylor series at 0:

    d    = s / 4 - y / 2                     gradient_w = X^T d / n + alpha w      (L2)
    loss = ln 2 - mean(y s) / 2 + mean(s^2) / 8 + penalty

d and gradients are encrypted under the arbiter's Paillier key; the arbiter decrypts gradients and
the loss, keeps the optimizer's state over the weights of all parties, and gives each its step. Of
more than two classes, each is trained against the rest; prediction takes the likeliest. Several
rows' numbers share a ciphertext (inner_products), unless rows have weights, batches are drawn, or
the scheme is a lattice's.

Learns:
- the arbiter: every gradient, the loss, with weight_diff the lengths of the parties' weights, and
  within a factor of two how many rows there are, and how large a feature above 2**16 is.
  Steps are its own work, so it knows all weights up to where they started. FATE's arbiter sees as
  much. It never sees a row, a label, a residual or an id;
- a host: its steps; the number of models, epochs and batches, and which of the common rows each
  batch has (hidden among others under batch_strategy random). A host that knows X and g = X^T d / n
  could solve for d, and so for the labels, in a batch with no more rows than it has columns: the
  guest asks for the widths first and refuses such batches. Many epochs still give a host many
  equations about slowly changing d, which is bounded by max_iter alone, and labels are one of two
  values, which helps to guess them; batches many times as large as any width are the remedy;
- the guest: its steps, the hosts' widths, and the scores w_h x of each host in clear for every row
  that is predicted or measured, so at the end for training rows too. From as many such rows as a
  host has columns, and their features, one could compute its weights; the guest has no features of
  the host.
The guest's and hosts' ids are compared by a SHA-256 of all of them, which a host that has other ids
could test guesses of the whole list against.
Parties that follow the protocol are assumed, and an arbiter that pools with nobody.

Row weights, where the table carries them, multiply d and not the loss.
With several hosts there is no loss (it would need products of two hosts' scores), so early_stop is
weight_diff there. The optimizer sqn also exchanges what stands in the header of curvature.
In a cross validation a host also learns which rows each fold leaves out, and the guest the host's
scores of all rows once a fold. A stepwise search shows what stands in the header of stepwise.
Exact up to the fixed point: weights as of the same steps on pooled rows within 1e-6.
Source: Hardy et al. 2017; FATE 1.x hetero_logistic_regression.
"""

from federation.components.linear.hetero import vertical
from federation.components.linear.lr_model import Logistic
from federation.components.linear.params import LogisticParams

hetero_lr = vertical(Logistic, LogisticParams, "HeteroLogisticParam")
