"""Which path counts in this process, and why.

The accelerated path is taken where llvmlite is installed, the processor has AVX-512 IFMA, and its
results are gmpy2's on numbers drawn for the test, once for each size of modulus. All else is the
portable path. `TRIPACT_KERNELS=portable` in the environment asks for that one.

Learns: nobody anything.
"""

import os
import secrets
import threading
from dataclasses import dataclass
from functools import cache

import gmpy2
import numpy as np
from gmpy2 import mpz

from federation.crypto.kernels.limb_ring import LimbRing
from federation.crypto.kernels.machine import kernels_for, missing, thread_count
from federation.crypto.kernels.portable import PortableRing
from federation.crypto.kernels.ring import Ring
from federation.crypto.kernels.shape import Shape, shape_of

SWITCH = "TRIPACT_KERNELS"
_LEAST_BITS, _MOST_BITS = 512, 8192
_USUAL = (Shape(40, True), Shape(20, True))
"""Paillier at 2048 bits: modulo n**2, and modulo the squares of the primes."""


@dataclass(frozen=True, slots=True)
class Status:
    """What doctor tells.

    Attributes:
        path: "ifma" or "portable".
        reason: why it is that one, as a sentence.
        threads: how many share a batch.
    """

    path: str
    reason: str
    threads: int


_faults: list[str] = []
_TESTING = threading.Lock()


def ring(modulus: int, root: int | None = None) -> Ring:
    """Arithmetic modulo `modulus`, on the path of this process.

    Args:
        modulus: what to reduce by.
        root: its square root, if it has one that is known: products are cheaper then.
    """
    n = modulus if root is None else root
    odd = n % 2 == 1 and _LEAST_BITS <= int(n).bit_length() <= _MOST_BITS
    if not odd or _obstacle() is not None or not _passes(shape_of(n, root is not None)):
        return PortableRing(modulus, root)
    return LimbRing(n, pair=root is not None)


def status() -> Status:
    """Which path is on and why; compiles and tests one size if none was needed so far."""
    obstacle = _obstacle()
    if obstacle is None and not _passes(_USUAL[1]):
        obstacle = _faults[0]
    if obstacle is not None:
        return Status("portable", f"{obstacle}; gmpy2 counts instead", thread_count())
    return Status("ifma", "AVX-512 IFMA, and its results are gmpy2's", thread_count())


def warm() -> None:
    """Compile and test the usual sizes now; children forked from here on have them already."""
    if _obstacle() is None:
        for shape in _USUAL:
            _passes(shape)


def _obstacle() -> str | None:
    if os.environ.get(SWITCH, "") == "portable":
        return f"{SWITCH} asks for the portable path"
    return _missing() or (_faults[0] if _faults else None)


@cache
def _missing() -> str | None:
    return missing()


def _passes(shape: Shape) -> bool:
    with _TESTING:
        return _tested(shape)


@cache
def _tested(shape: Shape) -> bool:
    try:
        kernels_for(shape)
        fault = fault_of(shape)
    except (RuntimeError, OSError) as error:
        fault = f"the machine code could not be made ({type(error).__name__})"
    if fault is not None:
        _faults.append(fault)
    return fault is None


def fault_of(shape: Shape) -> str | None:
    """What the accelerated path gets wrong on random numbers of that shape, or None."""
    n = mpz(secrets.randbits(52 * shape.limbs - 8)) | 1 | mpz(1) << (52 * shape.limbs - 9)
    fast = LimbRing(n, pair=shape.pair)
    slow = PortableRing(fast.modulus, int(n))
    values = [_unit(slow.modulus) for _ in range(11)]
    exponents = np.array([secrets.randbits(20) for _ in values], dtype=np.int64)
    labels = np.arange(11) % 3
    results = []
    for one in (fast, slow):
        a = one.from_ints(values)
        base = one.fixed_base(int(values[0]))
        results.append(
            {
                "reading": one.to_ints(a),
                "products": one.to_ints(one.multiply(a, a[::-1].copy())),
                "squares": one.to_ints(one.squares(a, 3)),
                "powers": one.to_ints(one.power(a, exponents)),
                "chains": one.to_ints(one.bucket_products(a, labels, 4)),
                "tables": one.to_ints(base.powers(exponents, 20)),
            }
        )
    wrong = [name for name in results[0] if results[0][name] != results[1][name]]
    return f"the self-test found {wrong[0]} wrong" if wrong else None


def _unit(modulus: mpz) -> mpz:
    while True:
        value = mpz(secrets.randbelow(int(modulus)))
        if gmpy2.gcd(value, modulus) == 1:
            return value
