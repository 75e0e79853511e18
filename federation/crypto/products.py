"""Many modular products at once: inverses, powers of one base, products of powers.

The portable path of `kernels` runs on these:

- `inverses`: one inversion and 3 products a value (Montgomery's trick);
- `powers`: every value to the same power;
- `power_products`: prod_j b_j**e_ij for a whole matrix e, by buckets (Pippenger) where a row is
  long, by tables shared by the rows where there are many. Digits are signed, so half the table or
  half the buckets do; windows follow from a count of the products that each way takes.

Learns: nobody anything. Running time depends on the exponents of `power_products`, which are the
caller's own data.
Source: Montgomery 1987, section 10.3.1; Pippenger 1976.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gmpy2
import numpy as np
from gmpy2 import mpz
from numpy.typing import NDArray

from federation.errors import BadCiphertext

_ONE = mpz(1)
_TABLE_ENTRIES = 1 << 17
"""Most entries of shared tables: 64 MiB of ciphertexts under a 2048-bit key."""
_BLOCK_DIGITS = 1 << 20


def inverses(values: list[mpz], modulus: mpz) -> list[mpz]:
    """The inverse of each value.

    Raises:
        BadCiphertext: a value shares a factor with the modulus.
    """
    if not values:
        return []
    running = [_ONE]
    total = _ONE
    for value in values:
        total = total * value % modulus
        running.append(total)
    try:
        back = gmpy2.invert(total, modulus)
    except ZeroDivisionError:
        raise BadCiphertext("it has no inverse") from None
    result = []
    for value, before in zip(reversed(values), reversed(running[:-1]), strict=True):
        result.append(back * before % modulus)
        back = back * value % modulus
    result.reverse()
    return result


def powers(values: list[mpz], exponent: int, modulus: mpz) -> list[mpz]:
    """Each value to the same power, which is not negative."""
    result: list[mpz] = gmpy2.powmod_base_list(values, mpz(exponent), modulus)
    return result


def power_products(exponents: NDArray[Any], bases: list[mpz], modulus: mpz) -> list[mpz]:
    """prod_j bases[j] ** exponents[i, j] for every row i.

    Args:
        exponents: shape (m, k), signed integers (int64, or Python integers as dtype object).
        bases: k units modulo `modulus`.
        modulus: what to reduce by.

    Returns:
        m values.

    Raises:
        BadCiphertext: a base has no inverse.
    """
    rows, length = exponents.shape
    bits = max((abs(e).bit_length() for e in _extremes(exponents)), default=0)
    if not bits:
        return [_ONE] * rows
    plan = _cheapest(rows, length, bits)
    if plan.shared:
        return _by_tables(exponents, bases, modulus, plan)
    return _by_buckets(exponents, bases, modulus, plan)


@dataclass(frozen=True, slots=True)
class _Plan:
    """A way to multiply, and how many products it takes."""

    shared: bool
    window: int
    windows: int
    cost: int


def _cheapest(rows: int, length: int, bits: int) -> _Plan:
    plans = []
    for window in range(1, 17):
        windows = -(-(bits + 1) // window)
        half = 1 << (window - 1)
        entries = length * windows * half
        buckets = 3 * length + rows * (windows * (length + 2 * half) + bits)
        plans.append(_Plan(False, window, windows, buckets))
        if entries <= _TABLE_ENTRIES:
            plans.append(_Plan(True, window, windows, entries + rows * (length * windows + 4)))
    return min(plans, key=lambda plan: plan.cost)


def _by_tables(exponents: NDArray[Any], bases: list[mpz], modulus: mpz, plan: _Plan) -> list[mpz]:
    half = 1 << (plan.window - 1)
    tables = []
    for base in bases:
        current = base
        for _ in range(plan.windows):
            table = successive(current, half + 1, modulus)
            tables.append(table)
            current = table[half] * table[half] % modulus
    above, below = [], []
    for digits in _digit_rows(exponents, plan):
        up = down = _ONE
        for table, digit in zip(tables, digits.ravel().tolist(), strict=True):
            if digit > 0:
                up = up * table[digit] % modulus
            elif digit:
                down = down * table[-digit] % modulus
        above.append(up)
        below.append(down)
    return [a * b % modulus for a, b in zip(above, inverses(below, modulus), strict=True)]


def _by_buckets(exponents: NDArray[Any], bases: list[mpz], modulus: mpz, plan: _Plan) -> list[mpz]:
    half = 1 << (plan.window - 1)
    flipped = inverses(bases, modulus)
    result = []
    for digits in _digit_rows(exponents, plan):
        total = _ONE
        for window in range(plan.windows - 1, -1, -1):
            buckets = [_ONE] * (half + 1)
            for digit, base, back in zip(digits[:, window].tolist(), bases, flipped, strict=True):
                if digit > 0:
                    buckets[digit] = buckets[digit] * base % modulus
                elif digit:
                    buckets[-digit] = buckets[-digit] * back % modulus
            total = gmpy2.powmod(total, 1 << plan.window, modulus)
            total = total * _weighted(buckets, modulus) % modulus
        result.append(total)
    return result


def _weighted(buckets: list[mpz], modulus: mpz) -> mpz:
    """prod_d buckets[d] ** d, by running products from the top."""
    running = total = _ONE
    for bucket in reversed(buckets[1:]):
        if bucket != 1:
            running = running * bucket % modulus
        if running != 1:
            total = total * running % modulus
    return total


def _digit_rows(exponents: NDArray[Any], plan: _Plan) -> Iterator[NDArray[np.int32]]:
    """For each row its digits, shape (k, windows), each in -2**(w-1) .. 2**(w-1)."""
    rows, length = exponents.shape
    step = max(1, _BLOCK_DIGITS // (length * plan.windows))
    full, half = 1 << plan.window, 1 << (plan.window - 1)
    for start in range(0, rows, step):
        block = exponents[start : start + step]
        digits = np.empty((*block.shape, plan.windows), dtype=np.int32)
        sign, rest = np.sign(block), np.abs(block)
        for window in range(plan.windows):
            digit = rest & (full - 1)
            carry = (digit > half).astype(np.int64)
            digits[:, :, window] = sign * (digit - full * carry)
            rest = (rest >> plan.window) + carry
        yield from digits


def successive(base: mpz, count: int, modulus: mpz) -> list[mpz]:
    """base**0 .. base**(count - 1)."""
    table = [_ONE]
    for _ in range(count - 1):
        table.append(table[-1] * base % modulus)
    return table


def _extremes(exponents: NDArray[Any]) -> list[int]:
    return [int(exponents.min()), int(exponents.max())] if exponents.size else []
