"""Big numbers on a torch device: rows of remainders, and matrix products for whole batches.

A row is what `residue_numbers` says, 2 k numbers of float64; a product of n rows is two matrix
products, (n, k) by (k, k), and some fifty passes over the rows. All shapes follow from counts. A
table is read whole: an entry is the product of the table with a vector that is 1 in one place.

Measured: see `torch_path`; on no GPU so far.

Learns: nobody anything. Secret exponents show neither in shapes nor in addresses; digits of the
drawn ones are in the device's memory while they are used. Labels and picks do choose addresses.
Source: as `residue_numbers`; Brickell et al. 1992 (powers of one base).
"""

import secrets
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from gmpy2 import mpz
from numpy.typing import NDArray

from federation.crypto.kernels import limbs
from federation.crypto.kernels.multiexp import power_products
from federation.crypto.kernels.residue_numbers import DIGIT_BITS, Constants, digits_of
from federation.crypto.kernels.ring import Exponents, FixedBase, Ring
from federation.crypto.kernels.shape import POWER_WINDOW

BASE_WINDOW = 7
"""Bits of an exponent that one product of a fixed base takes."""

_BLOCK_BYTES = {"cpu": 1 << 20, "cuda": 1 << 25}
_CHUNK = 1 << 17
"""Items whose products are on the device at a time."""

_Indices = NDArray[np.int64]
_Rows = Any
"""Tensors; torch may be absent where types are checked."""


class TorchRing(Ring):
    """Residues are tensors of float64 on the device, shape (n, 2 k)."""

    def __init__(self, modulus: int, root: int | None = None, *, device: str = "cpu") -> None:
        """Raises ValueError for a modulus that is too long or has a factor below 2**23."""
        constants = Constants(modulus)
        self._root = root
        self.modulus = constants.modulus
        self.device = torch.device(device)
        if device == "cpu":
            # Torch's threads would wait for each other after each of the fifty passes of a product.
            torch.set_num_threads(1)
        self._constants = constants
        self._count = k = constants.count
        self.block = max(64, _BLOCK_BYTES.get(self.device.type, 1 << 25) // (16 * k))
        primes = self._on(constants.primes)
        self._primes_a, self._primes_b = primes[:k], primes[k:]
        self._inverse_a, self._inverse_b = (1 / primes)[:k], (1 / primes)[k:]
        self._to_q, self._extend = self._on(constants.to_q), self._on(constants.extend)
        self._to_s, self._back = self._on(constants.to_s), self._on(constants.back)
        self._back_wrap = self._on(constants.back_wrap)
        self._digit_rows, self._from_s = self._on(constants.digit_rows), self._on(constants.from_s)
        self._wrap, self._bias = self._on(constants.wrap), self._on(constants.bias)
        self._places: dict[int, _Rows] = {}
        self._plain_one = self._on(constants.row(1))[None]
        self._one = self._on(constants.number(1))[None]

    # --- in and out ------------------------------------------------------------------------------

    def one_plus(self, multiples: Exponents) -> _Rows:
        if self._root is None:
            raise ValueError("the modulus is not known to be a square")
        return self.from_ints([1 + m * self._root for m in multiples.tolist()])

    def ones(self, count: int) -> _Rows:
        return self._one.repeat(count, 1)

    def joined(self, parts: Sequence[_Rows]) -> _Rows:
        return torch.cat(list(parts))

    def from_ints(self, values: Sequence[int]) -> _Rows:
        width = (self.modulus.bit_length() + 7) // 8
        data = b"".join(int(value % self.modulus).to_bytes(width, "little") for value in values)
        return self.read(data, width)

    def to_ints(self, residues: _Rows) -> list[mpz]:
        found: list[mpz] = []
        for block in residues.split(self.block):
            low, high = self._digit_pairs(block)
            width = 2 * low.shape[1]
            ends, halves = range(0, len(low) * width, width), (low.tobytes(), high.tobytes())
            for at in ends:
                a, b = (mpz.from_bytes(half[at : at + width], "little") for half in halves)
                found.append((a + (b << DIGIT_BITS)) % self.modulus)
        return found

    def read(self, data: bytes | memoryview, width: int) -> _Rows:
        digits, step = digits_of(data, width), self._constants.digits
        rows = self._digit_rows
        result = self._empty(len(digits))
        for start in range(0, len(digits), self.block):
            block = self._on(digits[start : start + self.block])
            total = None
            for first in range(0, block.shape[1], step):
                part = block[:, first : first + step]
                piece = part @ rows[: part.shape[1]]
                self._reduce(piece[:, : self._count], self._primes_a, self._inverse_a)
                self._reduce(piece[:, self._count :], self._primes_b, self._inverse_b)
                term = self.multiply(piece, self._place(first))
                total = term if total is None else self._sum(total, term)
            result[start : start + self.block] = total
        return result

    def write(self, residues: _Rows, width: int) -> bytes:
        return b"".join(int(v).to_bytes(width, "little") for v in self.to_ints(residues))

    # --- products --------------------------------------------------------------------------------

    def multiply(self, a: _Rows, b: _Rows) -> _Rows:
        count = max(len(a), len(b)) if min(len(a), len(b)) else 0
        if not {len(a), len(b)} <= {1, count}:
            raise ValueError(f"{len(a)} numbers do not go with {len(b)}")
        result = self._empty(count)
        for start in range(0, count, self.block):
            one, other = (x if len(x) == 1 else x[start : start + self.block] for x in (a, b))
            self.product(one, other, result[start : start + self.block])
        return result

    def squares(self, a: _Rows, times: int) -> _Rows:
        result = a.clone()
        for block in result.split(self.block):
            for _ in range(times):
                self.product(block, block, block)
        return result

    def power(self, a: _Rows, exponents: Exponents) -> _Rows:
        return self._raised(a, limbs.nibbles_of(exponents))

    def power_all(self, a: _Rows, exponent: int, bits: int) -> _Rows:
        digits = limbs.nibbles_of(np.array([int(exponent)], dtype=object), bits)
        return self._raised(a, np.broadcast_to(digits, (len(a), digits.shape[1])))

    def _raised(self, a: _Rows, digits: NDArray[np.uint64]) -> _Rows:
        """Powers of digits given lowest first, shape (n, places)."""
        result = self.ones(len(a))
        for start in range(0, len(a), self.block):
            end = start + self.block
            total, base = result[start:end], a[start:end]
            table = [self.ones(len(base)), base]
            while len(table) < 1 << POWER_WINDOW:
                table.append(self.multiply(table[-1], base))
            entries = torch.stack(table, dim=1)
            codes = self.index(digits[start:end].astype(np.int64))
            for place in range(digits.shape[1] - 1, -1, -1):
                for _ in range(POWER_WINDOW):
                    self.product(total, total, total)
                marks = self.marks(codes[:, place], POWER_WINDOW).double()
                self.product(total, torch.bmm(marks[:, None], entries)[:, 0], total)
        return result

    def inverses(self, a: _Rows) -> _Rows:
        return self.paired_inverses(a)

    def bucket_products(
        self, a: _Rows, labels: _Indices, count: int, picks: _Indices | None = None
    ) -> _Rows:
        order = np.argsort(labels, kind="stable")
        places, items = labels[order], order if picks is None else picks[order]
        rows = a
        while True:
            parts = [
                self._halved(rows, items[cut : cut + _CHUNK], places[cut : cut + _CHUNK])
                for cut in range(0, len(items), _CHUNK)
            ]
            if not parts:
                return self.ones(count)
            rows, places = self.joined([p[0] for p in parts]), np.concatenate([p[1] for p in parts])
            if not (places[1:] == places[:-1]).any():
                break
            items = np.arange(len(rows))
        result = self.ones(count)
        result[self.index(places)] = rows
        return result

    def _halved(self, rows: _Rows, items: _Indices, labels: _Indices) -> tuple[_Rows, _Indices]:
        """Products of neighbours in one bucket until each bucket has one; labels are sorted."""
        while True:
            firsts = np.flatnonzero(np.append(True, labels[1:] != labels[:-1]))
            sizes = np.diff(np.append(firsts, len(labels)))
            within = np.arange(len(labels)) - np.repeat(firsts, sizes)
            left = np.flatnonzero(within % 2 == 0)
            both = np.flatnonzero(within[left] + 1 < np.repeat(sizes, -(-sizes // 2)))
            result = rows[self.index(items[left])]
            for start in range(0, len(both), self.block):
                mine = both[start : start + self.block]
                partners = rows[self.index(items[left[mine] + 1])]
                where = self.index(mine)
                result[where] = self.multiply(result[where], partners)
            rows, labels = result, labels[left]
            if not len(both) or len(labels) == len(firsts):
                return rows, labels
            items = np.arange(len(rows))

    def power_products(self, exponents: Exponents, a: _Rows) -> _Rows:
        return power_products(self, exponents, a)

    def fixed_base(self, base: int) -> "TorchFixedBase":
        return TorchFixedBase(self, base)

    # --- parts -----------------------------------------------------------------------------------

    def product(self, a: _Rows, b: _Rows, result: _Rows) -> None:
        """Have a b in `result`, which may be a or b."""
        k = self._count
        q = a[:, :k] * b[:, :k]
        self._reduce(q, self._primes_a, self._inverse_a)
        q.mul_(self._to_q)
        self._reduce(q, self._primes_a, self._inverse_a)
        r = torch.addmm(a[:, k:] * b[:, k:], q, self._extend)
        self._reduce(r, self._primes_b, self._inverse_b)
        result[:, k:] = r
        s = self._scaled(r)
        back = s @ self._back
        first = back[:, :k]
        first.addcmul_(back[:, k:].round(), self._back_wrap, value=-1)
        self._reduce(first, self._primes_a, self._inverse_a)
        result[:, :k] = first

    def _scaled(self, r: _Rows) -> _Rows:
        """S, of which the integer r is a sum."""
        s = r * self._to_s
        self._reduce(s, self._primes_b, self._inverse_b)
        return s

    @staticmethod
    def _reduce(values: _Rows, primes: _Rows, inverses: _Rows) -> None:
        """Values become the remainders that are nearest to zero."""
        wraps = values * inverses
        wraps.round_()
        values.addcmul_(wraps, primes, value=-1)

    def _sum(self, a: _Rows, b: _Rows) -> _Rows:
        """Few numbers added, as small as a product again."""
        return self.multiply(a + b, self._one)

    def _place(self, digit: int) -> _Rows:
        """What a piece that begins at that digit is multiplied by, to be held as numbers are."""
        if digit not in self._places:
            value = self._constants.radix << (DIGIT_BITS * digit)
            self._places[digit] = self._on(self._constants.number(value % self.modulus))[None]
        return self._places[digit]

    def _digit_pairs(self, a: _Rows) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
        """Digits d = low + high 2**16 of numbers that are a multiple of N above the right one."""
        plain = self.multiply(a, self._plain_one)
        s = self._scaled(plain[:, self._count :])
        wraps = (s @ self._back[:, self._count :]).round()
        digits = s @ self._from_s
        digits.addcmul_(wraps, self._wrap, value=-1)
        digits += self._bias
        whole = torch.nn.functional.pad(digits.long(), (0, 3))
        mask = (1 << DIGIT_BITS) - 1
        for _ in range(2):
            carry = whole >> DIGIT_BITS
            whole &= mask
            whole[:, 1:] += carry[:, :-1]
        found = whole.cpu().numpy()
        return (found & mask).astype("<u2"), (found >> DIGIT_BITS).astype("<u2")

    def marks(self, codes: _Rows, window: int) -> _Rows:
        """A row for each digit, true at the digit's place alone."""
        return codes[:, None] == torch.arange(1 << window, device=self.device)

    def _on(self, values: NDArray[np.float64]) -> _Rows:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self.device)

    def index(self, places: _Indices) -> Any:
        return torch.from_numpy(np.ascontiguousarray(places)).to(self.device)

    def _empty(self, count: int) -> _Rows:
        return torch.empty((count, 2 * self._count), dtype=torch.float64, device=self.device)


class TorchFixedBase(FixedBase):
    """Powers from tables of base**(digit 2**(window place)); float32 holds remainders exactly."""

    def __init__(self, ring: TorchRing, base: int) -> None:
        self._ring = ring
        self._next = ring.from_ints([base])
        self._tables: list[_Rows] = []
        self._making = threading.Lock()

    def random_powers(self, count: int, bits: int) -> _Rows:
        places = -(-bits // BASE_WINDOW)
        drawn = np.frombuffer(secrets.token_bytes(places * count), dtype=np.uint8)
        return self._of_digits(drawn.reshape(places, count) & ((1 << BASE_WINDOW) - 1))

    def powers(self, exponents: Exponents, bits: int) -> _Rows:
        return self._of_digits(limbs.digits_of(exponents, bits, BASE_WINDOW).T)

    def _of_digits(self, digits: NDArray[Any]) -> _Rows:
        """Powers of digits[place][number], lowest place first."""
        ring, tables = self._ring, self._tables_of(len(digits))
        result = ring.ones(digits.shape[1])
        for start in range(0, len(result), ring.block):
            total = result[start : start + ring.block]
            codes = ring.index(digits[:, start : start + ring.block].astype(np.int64))
            for place, table in zip(codes, tables, strict=False):
                entry = ring.marks(place, BASE_WINDOW).float() @ table
                ring.product(total, entry.double(), total)
        return result

    def _tables_of(self, places: int) -> list[_Rows]:
        with self._making:
            missing = places - len(self._tables)
            if missing > 0:
                firsts = []
                for _ in range(missing):
                    firsts.append(self._next)
                    self._next = self._ring.squares(self._next, BASE_WINDOW)
                entries: _Rows = self._ring.power_table(self._ring.joined(firsts), BASE_WINDOW)
                made = entries.reshape(1 << BASE_WINDOW, missing, -1).float()
                self._tables = [*self._tables, *made.transpose(0, 1).contiguous()]
            return self._tables
