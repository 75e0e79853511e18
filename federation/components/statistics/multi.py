"""How well predicted classes agree with the true ones, more than two classes.

For a class c, with rows truly c, rows predicted c and rows that are both:

    precision = both / predicted        recall = both / true

and 0 where nothing was predicted c, or nothing is c. Accuracy is the share of rows predicted
right. The classes are those that occur in either column, ascending.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often each class was true, predicted, and both.

    Attributes:
        classes: shape (k,), ascending.
        true: shape (k,), rows of the class.
        predicted: shape (k,), rows said to be of the class.
        both: shape (k,), rows of the class that were said to be.
    """

    classes: Vector
    true: Counts
    predicted: Counts
    both: Counts

    @classmethod
    def of(cls, labels: Vector, predicted: Vector) -> "Agreement":
        """Count the classes of two columns of shape (n,)."""
        classes = np.union1d(labels, predicted)
        hit = labels[labels == predicted]
        true, said, both = (
            np.bincount(np.searchsorted(classes, column), minlength=len(classes))
            for column in (labels, predicted, hit)
        )
        return cls(classes, true, said, both)

    @property
    def accuracy(self) -> float:
        """Share of rows predicted right."""
        return float(self.both.sum() / self.true.sum())

    @property
    def precision(self) -> Vector:
        """Shape (k,): of the rows said to be of a class, the share that is."""
        return share(self.both, self.predicted)

    @property
    def recall(self) -> Vector:
        """Shape (k,): of the rows of a class, the share said to be."""
        return share(self.both, self.true)

    @property
    def jaccard(self) -> float:
        """Both over either, each class weighted by its true rows."""
        either = self.true + self.predicted - self.both
        return float(np.average(share(self.both, either), weights=self.true))


def share(part: Counts, whole: Counts, empty: float = 0.0) -> Vector:
    """Part over whole, element by element, and `empty` where the whole is 0."""
    result = np.full(np.shape(whole), empty)
    np.divide(part, whole, out=result, where=np.asarray(whole) > 0)
    return result
