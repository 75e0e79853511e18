"""HeteroPoisson: Poisson regression over columns of two parties, with an arbiter.

The guest has counts y as labels, features and perhaps a column of exposures e; the host has more
features of the same rows. With s = w x over both parties' columns (the guest's with the intercept)
and the logarithm as link:

    d    = e exp(s_g) exp(s_h) - y              gradient_w = X^T d / n + alpha w      (L2)
    loss = mean(e exp(s) - y (s + ln e)) + penalty

The host sends [exp(s_h)], and for the loss [s_h], encrypted under the arbiter's Paillier key. The
guest multiplies by e exp(s_g), which it knows. The other letters are those of HeteroLR. A second
host would need products of two hosts' ciphertexts, so there is one.

Learns: as in HeteroLinR. The guest sees the host's scores s_h in clear for every row that is
predicted or measured, so at the end for training rows too; the arbiter every gradient and the loss;
the host its steps and which rows make a batch. Neither exposures nor their column's name leave the
guest. A cross validation shows the host which rows each fold leaves out.
With the optimizer sqn the host also sends [exp(s_h)] and [exp(s_h) (x v)] of drawn rows, v the way
its weights have gone, encrypted like the rest; what the arbiter learns then `curvature` says.
Row weights, where the table carries them, multiply d and not the loss.
Exact up to the fixed point: weights as of the same steps on pooled rows within 1e-6.
Source: FATE 1.x hetero_poisson_regression.
"""

from federation.components.linear.hetero import vertical
from federation.components.linear.number_models import Poisson
from federation.components.linear.params import PoissonParams

hetero_poisson = vertical(Poisson, PoissonParams, "PoissonParam")
