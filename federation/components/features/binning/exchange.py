"""How the guest learns what the hosts' bins tell about its labels, and hosts learn nothing of them.

The guest encrypts the class of each row, 1 in the slot of its class (`packing` of the crypto
kernels), in the common order of rows. A host adds up the rows of each bin and sends back how many
there are and the encrypted sums, many in one ciphertext and behind new randomness; the guest
decrypts the sums alone. Where a host wants its fine bins merged, the guest
does so by the host's rules and answers which fine bins belong together.
"""

import asyncio
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from federation.channel import Channel, Peer
from federation.components.common.row_order import RowOrder
from federation.components.common.unfit import UnfitLetter
from federation.components.features.binning.columns import (
    BinnedColumn,
    has_small,
    measure_of,
    two_classes,
)
from federation.components.features.binning.edges import Bins
from federation.components.features.binning.evidence import Counts, Evidence
from federation.components.features.binning.letters import HostBins, Start, Wish
from federation.components.features.binning.merging import Merging
from federation.components.features.binning.params import HeteroBinningParams, OptimalBinningParam
from federation.crypto import Encrypted, PrivateKey, PublicKey, concatenate, generate_keypair
from federation.crypto.packing import Slots
from federation.errors import BadCiphertext, FixedPointOverflow, PartyRefused
from federation.spec.party import Party
from federation.tables.table import Vector


class BinTooSmall(PartyRefused):
    """A bin has so few rows that its sum would tell about single ones."""

    code = "bin_too_small"

    def __init__(self, least: int, party: str) -> None:
        # Which bins, and how many rows they have, stays at home.
        super().__init__(
            f"columns of {party} have bins with fewer than {least} rows, for which it does not "
            "answer; use fewer bins, quantile instead of bucket, or leave these columns out; or "
            "lower least_bin_rows of the job, and have its owner lower that of policy.toml",
            least=least,
            party=party,
        )


@dataclass(frozen=True, slots=True)
class HostColumn:
    """A host's column as the guest sees it.

    Attributes:
        place: where it stands among the host's features.
        evidence: one for each label that is told apart.
        metric: what optimal binning measured.
    """

    place: int
    evidence: list[Evidence]
    metric: Vector | None = None


def lanes_of(rows: int, classes: int, key: PublicKey) -> list[Slots]:
    """How classes but the first lie in plaintexts: 1 in the slot of a row's class.

    More classes than a plaintext has room for go into further ciphertexts, called lanes.

    Raises:
        PackingOverflow: so many rows do not fit even one slot.
    """
    room = Slots.for_sums(1, largest=1, terms=rows, precision=0).fits_in(key)
    told = classes - 1
    counts = [min(room, told - first) for first in range(0, told, room)]
    return [Slots.for_sums(count, largest=1, terms=rows, precision=0) for count in counts]


# --- the guest -----------------------------------------------------------------------------------


async def ask(
    ch: Channel, p: HeteroBinningParams, common: RowOrder, places: Bins, classes: Vector
) -> dict[Party, list[HostColumn]]:
    """What every host's columns tell about the labels.

    Args:
        places: shape (n,), the class of each row, in the table's order.
        classes: the different labels.

    Raises:
        UnfitLetter: a host's letter does not fit together.
    """
    await ch.hosts.send(
        "start", Start(asked=bool(ch.hosts), digest=common.digest, classes=len(classes))
    )
    if not ch.hosts:
        return {}
    public, private = await asyncio.to_thread(
        generate_keypair, p.encrypt_param.scheme, p.encrypt_param.bits
    )
    ch.keyring.add(public)
    await ch.hosts.send("public_key", public)
    lanes = lanes_of(len(places), len(classes), public)
    labels = await asyncio.to_thread(_encrypted, places[common.order], lanes, public)
    await ch.hosts.send("labels", labels)
    guest = _Guest(p, lanes, private, len(places), classes)
    found = await asyncio.gather(*(guest.learn(peer) for peer in ch.hosts))
    return {peer.party: columns for peer, columns in zip(ch.hosts, found, strict=True)}


def _encrypted(places: Bins, lanes: list[Slots], key: PublicKey) -> list[Encrypted]:
    """The class of each row, for each lane shape (n,)."""
    ends = np.cumsum([slots.count for slots in lanes]).tolist()
    return [
        slots.encrypt(key, (places[:, np.newaxis] == 1 + np.arange(end - slots.count, end)) * 1)
        for slots, end in zip(lanes, ends, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Guest:
    """What the guest needs to read hosts' sums."""

    p: HeteroBinningParams
    lanes: list[Slots]
    private: PrivateKey
    rows: int
    classes: Vector

    async def learn(self, host: Peer) -> list[HostColumn]:
        bins: HostBins = await host.receive("bins")
        count = len(bins.rows)
        bins.check(host.party, self.rows, len(self.lanes) if count else 0)
        if not count:
            return []
        try:
            counted = await asyncio.to_thread(self._opened, bins.sums, count)
        except (FixedPointOverflow, BadCiphertext):
            raise UnfitLetter("bins", host.party) from None
        events = np.vstack([bins.rows - counted.sum(axis=0), counted])
        if (events < 0).any():
            raise UnfitLetter("bins", host.party)
        groups = await self._merge(host, bins, events)
        adjustment = self.p.adjustment_factor
        found = []
        for place, part, into in zip(bins.places.tolist(), bins.parts, groups, strict=True):
            labels = [1] if len(self.classes) == 2 else range(len(self.classes))
            rows, metric = bins.rows[part], None
            by_label = [events[label, part] for label in labels]
            if into is not None and bins.wish is not None:
                known = into[:-1] if into[-1] == -1 else into
                merging = merging_of(bins.wish, adjustment)
                size = len(known)
                metric = measure_of(merging, by_label[0][:size], rows[:size], known)
                rows = _summed(rows, into)
                by_label = [_summed(one, into) for one in by_label]
            evidence = [Evidence.of(one, rows, adjustment) for one in by_label]
            found.append(HostColumn(place, evidence, metric))
        return found

    def _opened(self, sums: list[Encrypted], count: int) -> Counts:
        """Rows of each class but the first in each of `count` bins, shape (classes - 1, count)."""
        lines = [
            lane.opened(self.private, part, (count,)).T
            for lane, part in zip(self.lanes, sums, strict=True)
        ]
        return np.vstack(lines).astype(np.int64)

    async def _merge(self, host: Peer, bins: HostBins, events: Counts) -> list[Counts | None]:
        """For each column the bin after merging of each fine one, -1 for missing; None if none."""
        if bins.wish is None:
            return [None] * len(bins.places)
        two_classes(self.classes)
        merging = merging_of(bins.wish, self.p.adjustment_factor)
        groups: list[Counts | None] = []
        for part, wanted, missing in zip(bins.parts, bins.merged, bins.missing, strict=True):
            known = slice(part.start, part.stop - int(missing))
            if not wanted or known.start == known.stop:
                groups.append(None)
                continue
            made = merging.groups(events[1, known], bins.rows[known])
            groups.append(np.append(made, -1) if missing else made)
        told = [
            np.arange(part.stop - part.start) if into is None else into
            for part, into in zip(bins.parts, groups, strict=True)
        ]
        await host.send("merged", np.concatenate(told).astype(np.int64))
        return groups


def merging_of(wish: Wish, adjustment: float) -> Merging:
    """How a host wants its bins merged."""
    p = OptimalBinningParam(
        metric_method=wish.measure,
        min_bin_pct=wish.least_share,
        max_bin_pct=wish.most_share,
        mixture=wish.mixed,
    )
    return Merging(p, wish.bins, adjustment)


def _summed(counts: Counts, into: Counts) -> Counts:
    """Counts of merged bins; what goes into -1 is the last."""
    last = int(into.max()) + 1
    return np.bincount(np.where(into < 0, last, into), counts).astype(np.int64)


# --- a host --------------------------------------------------------------------------------------


async def answer(
    ch: Channel,
    p: HeteroBinningParams,
    start: Start,
    common: RowOrder,
    columns: list[BinnedColumn],
) -> list[BinnedColumn]:
    """Sum the labels by bin; the columns, merged where they were fine.

    Raises:
        IdsDiffer: the guest has other rows.
        BinTooSmall: the guest could tell about single rows.
        UnfitLetter: a letter of the guest does not fit.
    """
    common.check(start.digest, str(ch.guest.party))
    key = await ch.guest.receive("public_key")
    ch.keyring.add(key)
    labels: list[Encrypted] = await ch.guest.receive("labels")
    count = len(common.order)
    if start.classes < 2:
        raise UnfitLetter("start", ch.guest.party)
    lanes = lanes_of(count, start.classes, key)
    if len(labels) != len(lanes) or any(lane.shape != (count,) for lane in labels):
        raise UnfitLetter("labels", ch.guest.party)
    told = [] if p.skip_static or p.local_only else columns
    if any(has_small(column, p.least_bin_rows) for column in told):
        raise BinTooSmall(p.least_bin_rows, str(ch.me))
    sums = await asyncio.to_thread(_sums, told, common, lanes, labels)
    letter = _letter(told, sums, p)
    await ch.guest.send("bins", letter)
    if letter.wish is None:
        return columns
    return await _as_merged(ch, told, letter)


def _sums(
    columns: list[BinnedColumn], common: RowOrder, lanes: list[Slots], labels: list[Encrypted]
) -> list[Encrypted]:
    """Of each lane the sums of labels in all bins of all columns, packed."""
    if not columns:
        return []
    made = []
    for slots, lane in zip(lanes, labels, strict=True):
        # Column by column, so that no more than one column's bins are held twice.
        sums = [lane.bucket_sums(c.bins[common.order], c.width) for c in columns]
        made.append(slots.joined(concatenate(sums)))
    return made


def _letter(columns: list[BinnedColumn], sums: list[Encrypted], p: HeteroBinningParams) -> HostBins:
    def vector(values: list[int]) -> npt.NDArray[np.int64]:
        return np.array(values, dtype=np.int64)

    return HostBins(
        places=vector([column.place for column in columns]),
        widths=vector([column.width for column in columns]),
        merged=vector([column.fine for column in columns]),
        missing=vector([column.has_missing for column in columns]),
        rows=np.concatenate([vector([]), *(column.rows for column in columns)]),
        sums=sums,
        wish=_wish(p) if any(column.fine for column in columns) else None,
    )


def _wish(p: HeteroBinningParams) -> Wish:
    optimal = p.optimal_binning_param
    return Wish(
        measure=optimal.metric_method,
        least_share=optimal.min_bin_pct,
        most_share=optimal.max_bin_pct,
        mixed=optimal.mixture,
        bins=p.bin_num,
    )


async def _as_merged(
    ch: Channel, columns: list[BinnedColumn], letter: HostBins
) -> list[BinnedColumn]:
    told = await ch.guest.receive("merged")
    if told.dtype != np.int64 or told.shape != letter.rows.shape:
        raise UnfitLetter("merged", ch.guest.party)
    merged = []
    for column, part in zip(columns, letter.parts, strict=True):
        groups = told[part][: len(column.edges)]
        if not column.fine or not len(groups):
            merged.append(column)
            continue
        if groups[0] != 0 or not np.isin(np.diff(groups), (0, 1)).all():
            raise UnfitLetter("merged", ch.guest.party)
        merged.append(column.merged(groups))
    return merged
