"""Products of powers for a whole matrix of exponents, in batches of one ring.

    prod_j b_j ** e_ij,   e_ij = sum_v d_ijv 2**(w v),   -2**(w-1) < d_ijv <= 2**(w-1)

Where a row is long, bases fall into buckets by digit (Pippenger): prod_d B_d**d is two running
products down the digits, for all rows and places at once. Where rows are many, all share tables of
b_j**(d 2**(w v)) and b_j**-(d 2**(w v)), and a row is a product of what it picks.

Learns: nobody anything. Digits choose addresses: the exponents are the caller's own rows.
Source: Pippenger 1976; Yao 1976.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from federation.crypto.kernels.ring import Exponents, Residues, Ring

_TABLE_ENTRIES = 1 << 16
_BLOCK_DIGITS = 1 << 20


@dataclass(frozen=True, slots=True)
class Plan:
    """A way to multiply, and how many products it takes."""

    shared: bool
    window: int
    places: int
    cost: int

    @property
    def half(self) -> int:
        """The largest digit."""
        return 1 << (self.window - 1)


def power_products(ring: Ring, exponents: Exponents, bases: Residues) -> Residues:
    """As `Ring.power_products`."""
    rows, length = exponents.shape
    bits = longest(exponents)
    if not bits:
        return ring.ones(rows)
    plan = cheapest(rows, length, bits)
    both = ring.joined([bases, ring.inverses(bases)])
    source = _tables(ring, both, plan) if plan.shared else both
    step = max(1, _BLOCK_DIGITS // (length * plan.places))
    parts = []
    for start in range(0, rows, step):
        block = exponents[start : start + step]
        if plan.shared:
            parts.append(_picked(ring, block, source, plan))
        else:
            parts.append(_bucketed(ring, block, source, plan))
    return ring.joined(parts) if parts else ring.ones(0)


def cheapest(rows: int, length: int, bits: int) -> Plan:
    """The plan with the fewest products."""
    plans = []
    for window in range(2, 13):
        places, half = -(-(bits + 1) // window), 1 << (window - 1)
        buckets = rows * (places * (length + 2 * half) + bits)
        plans.append(Plan(False, window, places, buckets))
        entries = 2 * length * places * half
        if entries <= _TABLE_ENTRIES:
            plans.append(Plan(True, window, places, entries + rows * length * places))
    return min(plans, key=lambda plan: plan.cost)


def digits_of(exponents: Exponents, plan: Plan) -> Iterator[NDArray[np.int64]]:
    """Signed digits, lowest place first, each of the shape of `exponents`."""
    sign = np.sign(exponents).astype(np.int64)
    rest = np.abs(exponents)
    full = 1 << plan.window
    for _ in range(plan.places):
        digit = (rest & (full - 1)).astype(np.int64)
        over = (digit > plan.half).astype(np.int64)
        yield sign * (digit - full * over)
        rest = (rest >> plan.window) + over


def _tables(ring: Ring, bases: Residues, plan: Plan) -> Residues:
    """Entry ((d - 1) places + v) len(bases) + j is bases[j] ** (d 2**(w v))."""
    steps = [bases]
    for _ in range(plan.places - 1):
        steps.append(ring.squares(steps[-1], plan.window))
    step = ring.joined(steps)
    entries = [step]
    for _ in range(plan.half - 1):
        entries.append(ring.multiply(entries[-1], step))
    return ring.joined(entries)


def _picked(ring: Ring, exponents: Exponents, table: Residues, plan: Plan) -> Residues:
    rows, length = exponents.shape
    labels, picks = [], []
    for place, digits in enumerate(digits_of(exponents, plan)):
        row, column = np.nonzero(digits)
        digit = digits[row, column]
        labels.append(row)
        entry = (np.abs(digit) - 1) * plan.places + place
        picks.append(entry * (2 * length) + column + length * (digit < 0))
    return ring.bucket_products(table, np.concatenate(labels), rows, np.concatenate(picks))


def _bucketed(ring: Ring, exponents: Exponents, bases: Residues, plan: Plan) -> Residues:
    rows, length = exponents.shape
    places, half = plan.places, plan.half
    labels, picks = [], []
    for place, digits in enumerate(digits_of(exponents, plan)):
        row, column = np.nonzero(digits)
        digit = digits[row, column]
        labels.append(((np.abs(digit) - 1) * places + place) * rows + row)
        picks.append(column + length * (digit < 0))
    buckets = ring.bucket_products(
        bases, np.concatenate(labels), half * places * rows, np.concatenate(picks)
    )
    wide = places * rows
    running = total = buckets[(half - 1) * wide :]
    for below in range(half - 2, -1, -1):
        running = ring.multiply(running, buckets[below * wide : (below + 1) * wide])
        total = ring.multiply(total, running)
    result = total[(places - 1) * rows :]
    for place in range(places - 2, -1, -1):
        result = ring.squares(result, plan.window)
        result = ring.multiply(result, total[place * rows : (place + 1) * rows])
    return result


def longest(exponents: Exponents) -> int:
    """Bits of the exponent furthest from zero."""
    if not exponents.size:
        return 0
    return max(abs(int(e)).bit_length() for e in (exponents.min(), exponents.max()))
