"""Standardised columns, and how far each follows from the others (variance inflation).

    z = (x - mean) / deviation          vif(a) = 1 / (1 - R2(a)) = (C^-1)_aa

C being the matrix of correlations and R2(a) how much of a the other columns explain. A constant
column is 0 and has no vif (0); one that follows from others has the vif MOST_VIF. Pure.
Source: FATE 1.x HeteroPearson; Belsley, Kuh, Welsch 1980, section 3.2.
"""

import numpy as np

from federation.tables.table import Matrix, Vector

MOST_VIF = 1e12
SINGULAR = 1e10
"""Condition from which on a matrix is not inverted."""


def standardised(x: Matrix) -> Matrix:
    """Columns of mean 0 and deviation 1; a constant one is 0."""
    constant = np.ptp(x, axis=0) == 0 if len(x) else np.ones(x.shape[1], bool)
    deviation = np.where(constant, 1.0, np.std(x, axis=0))
    return np.asarray(np.where(constant, 0.0, (x - np.mean(x, axis=0)) / deviation))


def variance_inflation(corr: Matrix) -> Vector:
    """The vif of each column of a correlation matrix, shape (p,); 0 for a constant one."""
    vif = np.zeros(len(corr))
    varied = np.flatnonzero(np.diag(corr) > 0.5)
    part = corr[np.ix_(varied, varied)]
    if len(part) and np.linalg.cond(part) < SINGULAR:
        vif[varied] = np.diag(np.linalg.inv(part))
        return vif
    for at, column in enumerate(varied):
        others = np.delete(part, at, axis=0)
        weights = np.linalg.lstsq(np.delete(others, at, axis=1), others[:, at])[0]
        unexplained = 1.0 - float(others[:, at] @ weights)
        vif[column] = min(1.0 / max(unexplained, 1.0 / MOST_VIF), MOST_VIF)
    vif[vif > SINGULAR] = MOST_VIF
    return vif
