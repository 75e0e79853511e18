"""What guest and hosts of vertical binning tell each other."""

from typing import Literal

import numpy as np
from pydantic import Field

from federation.channel import Message, Payload
from federation.components.common.unfit import UnfitLetter
from federation.crypto import Encrypted, PublicKey
from federation.spec.party import GUEST, HOST, Party


class Start(Payload):
    """Whether hosts are asked for sums, and over which rows.

    Attributes:
        asked: false where nothing but this letter is sent.
        digest: of the ids in the common order.
        classes: different labels.
    """

    asked: bool
    digest: bytes
    classes: int = Field(ge=0)


class Wish(Payload):
    """How a host wants its fine bins merged, which takes the labels."""

    measure: Literal["iv", "gini", "chi_square", "ks"]
    least_share: float = Field(ge=0, lt=1)
    most_share: float = Field(gt=0, le=1)
    mixed: bool
    bins: int = Field(ge=1)


class HostBins(Payload):
    """A host's bins: of c columns, each with widths[i] bins one after another, b in all.

    Attributes:
        places: shape (c,), where the columns stand among the host's features.
        widths: shape (c,), how many bins each column has.
        merged: shape (c,), 1 where the guest is asked to merge them, except the last one if the
            column has missing values.
        missing: shape (c,), 1 where the last bin holds the missing values.
        rows: shape (b,), rows in each bin.
        sums: for each lane the sums of the labels in each bin, joined.
        wish: how to merge; None where no column is to be.
    """

    places: np.ndarray
    widths: np.ndarray
    merged: np.ndarray
    missing: np.ndarray
    rows: np.ndarray
    sums: list[Encrypted]
    wish: Wish | None

    def check(self, party: Party, rows: int, lanes: int) -> None:
        """Refuse what does not fit together.

        Args:
            rows: of the table.
            lanes: ciphertext lines there should be.

        Raises:
            UnfitLetter: it does not.
        """
        if not (self._is_formed() and self._counts(rows) and len(self.sums) == lanes):
            raise UnfitLetter("bins", party)

    def _is_formed(self) -> bool:
        by_column = (self.places, self.widths, self.merged, self.missing)
        vectors = (*by_column, self.rows)
        if not all(v.dtype == np.int64 and v.ndim == 1 for v in vectors):
            return False
        if len({len(v) for v in by_column}) > 1 or bool((self.widths <= 0).any()):
            return False
        flags = np.isin(self.merged, (0, 1)).all() and np.isin(self.missing, (0, 1)).all()
        apart = len(np.unique(self.places)) == len(self.places) and bool((self.places >= 0).all())
        if self.wish is None:
            return bool(flags) and apart and not self.merged.any()
        return bool(flags) and apart and self.wish.least_share <= self.wish.most_share

    def _counts(self, rows: int) -> bool:
        """Whether the bins of each column hold all rows."""
        if int(self.widths.sum()) != len(self.rows) or bool((self.rows < 0).any()):
            return False
        return all(int(self.rows[part].sum()) == rows for part in self.parts)

    @property
    def parts(self) -> list[slice]:
        """Where the bins of each column stand."""
        ends = np.cumsum(self.widths)
        starts = ends - self.widths
        return [slice(*both) for both in zip(starts.tolist(), ends.tolist(), strict=True)]


BINNING_MESSAGES = (
    Message("start", (GUEST, HOST), Start, "whether sums are asked for, a digest of the ids"),
    Message("public_key", (GUEST, HOST), PublicKey, "of the guest, for this task"),
    Message("labels", (GUEST, HOST), list[Encrypted], "the class of each row, for each lane"),
    Message("bins", (HOST, GUEST), HostBins, "rows and encrypted labels summed by bin"),
    Message("merged", (GUEST, HOST), np.ndarray, "for each fine bin the bin it has become part of"),
)
