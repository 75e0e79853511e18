"""How well scores separate two classes: auc, ks and the curves over score thresholds.

A row is predicted positive when its score is above the threshold. With tp, fp, tn, fn rows of
each kind, n in all:

    tpr = recall = tp / (tp + fn)      fpr = fp / (fp + tn)     precision = tp / (tp + fp)
    gain = tpr, lift = precision / share of positives, both over x = (tp + fp) / n
    ks   = max(tpr - fpr)              f1 = 2 tp / (2 tp + fp + fn)

auc is the chance that a positive scores above a negative, a tie counting one half (Mann-Whitney).
ks looks at the scores that stand at 0.00 .. 0.99 of the sorted list and at 1.0, so it is exact up
to 100 rows. Source: FATE 1.x evaluation; ROC points as scikit-learn's `roc_curve` has them.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from federation.components.statistics.multi import share

Vector = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

STEPS = 100
QUANTILES = 20
BELOW = 0.001
"""How far below the lowest score the threshold lies that predicts every row positive."""

MOST_ROC_POINTS = 1000
"""A longer ROC is thinned to this many points: it is drawn, and its thresholds are rows' scores."""


@dataclass(frozen=True, slots=True)
class Confusion:
    """Rows predicted right and wrong at each threshold.

    Attributes:
        tp, fp, tn, fn: shape (t,), true and false positives, true and false negatives.
    """

    tp: Counts
    fp: Counts
    tn: Counts
    fn: Counts

    @property
    def tpr(self) -> Vector:
        """Share of the positives found, which is recall; 0 if there are none."""
        return share(self.tp, self.tp + self.fn)

    @property
    def fpr(self) -> Vector:
        """Share of the negatives predicted positive; 0 if there are none."""
        return share(self.fp, self.fp + self.tn)

    @property
    def precision(self) -> Vector:
        """Share of the rows predicted positive that are; 1 where none is, so curves start at 1."""
        return share(self.tp, self.tp + self.fp, empty=1.0)

    @property
    def accuracy(self) -> Vector:
        """Share of the rows predicted right."""
        return share(self.tp + self.tn, self.tp + self.tn + self.fp + self.fn)

    @property
    def f1(self) -> Vector:
        """Harmonic mean of precision and recall; 0 without a true positive."""
        return share(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def predicted(self) -> Vector:
        """Share of all rows that are predicted positive."""
        return share(self.tp + self.fp, self.tp + self.tn + self.fp + self.fn)

    @property
    def negative(self) -> "Confusion":
        """The same predictions, seen with the negatives as the class that is looked for."""
        return Confusion(tp=self.tn, fp=self.fn, tn=self.tp, fn=self.fp)


@dataclass(frozen=True, slots=True)
class Curve:
    """Points and the threshold each belongs to, all of shape (t,)."""

    x: Vector
    y: Vector
    thresholds: Vector

    def ended_at_one(self) -> "Curve":
        """The curve with the end point (1, 1), where every row is predicted positive."""
        return Curve(np.append(self.x, 1.0), np.append(self.y, 1.0), np.append(self.thresholds, 0))


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores of the rows of either class, each ascending.

    Attributes:
        positives: shape (p,).
        negatives: shape (m,).
        scores: shape (p + m,), all of them.
    """

    positives: Vector
    negatives: Vector
    scores: Vector

    @classmethod
    def of(cls, labels: Vector, scores: Vector, pos_label: float = 1) -> "Scored":
        """Split finite scores of shape (n,), n > 0, by label: `pos_label` or any other."""
        positive = labels == pos_label
        return cls(np.sort(scores[positive]), np.sort(scores[~positive]), np.sort(scores))

    @property
    def one_class(self) -> bool:
        """Whether all rows are positive, or none is."""
        return not (self.positives.size and self.negatives.size)

    def at(self, thresholds: Vector) -> Confusion:
        """The confusion at each threshold, O((n + t) log n)."""
        fn = np.searchsorted(self.positives, thresholds, side="right").astype(np.int64)
        tn = np.searchsorted(self.negatives, thresholds, side="right").astype(np.int64)
        return Confusion(self.positives.size - fn, self.negatives.size - tn, tn, fn)

    @property
    def row_thresholds(self) -> Vector:
        """Shape (101,): the scores at 0.00 .. 0.99 of the rows, descending, and one below all."""
        return self._steps(self.scores)

    @property
    def score_thresholds(self) -> Vector:
        """Shape (101,): the same over the distinct scores."""
        return self._steps(np.unique(self.scores))

    @property
    def quantiles(self) -> Vector:
        """Shape (21,): the scores that part the rows into 20 shares, ascending."""
        ranks = np.linspace(0.0, 1.0, QUANTILES + 1)
        return np.asarray(np.quantile(self.scores, ranks, method="nearest"), dtype=np.float64)

    @staticmethod
    def _steps(ascending: Vector) -> Vector:
        places = np.arange(STEPS) * len(ascending) // STEPS
        return np.append(ascending[::-1][places], ascending[0] - BELOW)


CUTS: Vector = np.arange(STEPS + 1) / STEPS
"""Shape (101,): where in the sorted list the thresholds stand."""


def auc(scored: Scored) -> float:
    """Area under the ROC curve; NaN with one class only."""
    if scored.one_class:
        return float("nan")
    below = np.searchsorted(scored.negatives, scored.positives, side="left").sum()
    up_to = np.searchsorted(scored.negatives, scored.positives, side="right").sum()
    return float(below + up_to) / (2.0 * scored.positives.size * scored.negatives.size)


def ks(scored: Scored) -> float:
    """Largest distance of tpr above fpr over the cuts; NaN with one class only."""
    if scored.one_class:
        return float("nan")
    confusion = scored.at(scored.row_thresholds)
    return float(np.max(confusion.tpr - confusion.fpr))


def ks_curves(scored: Scored) -> tuple[Curve, Curve]:
    """Fpr and tpr over the cuts of the sorted scores."""
    thresholds = scored.row_thresholds
    confusion = scored.at(thresholds)
    return Curve(CUTS, confusion.fpr, thresholds), Curve(CUTS, confusion.tpr, thresholds)


def roc(scored: Scored) -> Curve:
    """Tpr over fpr, from (0, 0) to (1, 1).

    Points on a straight line between their neighbours are left out. As in scikit-learn a threshold
    is the lowest score that is still predicted positive; the first one, one above the highest
    score, predicts nothing.
    """
    levels = np.unique(scored.scores)[::-1]
    tp = scored.positives.size - np.searchsorted(scored.positives, levels, side="left")
    fp = scored.negatives.size - np.searchsorted(scored.negatives, levels, side="left")
    bends = np.flatnonzero((np.diff(fp, 2) != 0) | (np.diff(tp, 2) != 0)) + 1
    kept = np.unique(np.concatenate(([0, len(levels) - 1], bends)))
    if len(kept) >= MOST_ROC_POINTS:
        kept = kept[np.linspace(0, len(kept) - 1, MOST_ROC_POINTS - 1).round().astype(np.int64)]
    return Curve(
        np.insert(fp[kept] / max(scored.negatives.size, 1), 0, 0.0),
        np.insert(tp[kept] / max(scored.positives.size, 1), 0, 0.0),
        np.insert(levels[kept], 0, levels[0] + 1.0),
    )


def lift(scored: Scored) -> Curve:
    """How much denser in positives the rows above a threshold are than all rows.

    Ends at (1, 1). Where no row is above the threshold precision counts as 1.
    """
    thresholds = scored.score_thresholds[:-1]
    confusion = scored.at(thresholds)
    prevalence = scored.positives.size / scored.scores.size
    return Curve(confusion.predicted, confusion.precision / prevalence, thresholds).ended_at_one()


def gain(scored: Scored) -> Curve:
    """Share of the positives among the rows above a threshold. Ends at (1, 1)."""
    thresholds = scored.score_thresholds[:-1]
    confusion = scored.at(thresholds)
    return Curve(confusion.predicted, confusion.tpr, thresholds).ended_at_one()


def over_cuts(scored: Scored, measure: str) -> Curve:
    """Accuracy, precision or recall over 100 thresholds and one below every score."""
    thresholds = scored.score_thresholds
    confusion = scored.at(thresholds)
    rates = {
        "accuracy": confusion.accuracy,
        "precision": confusion.precision,
        "recall": confusion.tpr,
    }
    return Curve(CUTS, rates[measure], thresholds)
