"""Which path counts in this process, and why.

The accelerated path is taken where llvmlite is installed, the processor has AVX-512 IFMA, and its
results are gmpy2's on numbers drawn for the test, once for each size of modulus. All else is the
portable path. `TRIPACT_KERNELS=portable` in the environment asks for that one. Where there is a
GPU, large batches may go to it, as `torch_path` says.

Learns: nobody anything.
"""

import os
import secrets
import threading
from dataclasses import dataclass
from functools import cache

from gmpy2 import mpz

from federation.crypto.kernels import residue_numbers, torch_path
from federation.crypto.kernels.batch_ring import BatchRing, Work
from federation.crypto.kernels.limb_ring import LimbRing
from federation.crypto.kernels.machine import kernels_for, missing, thread_count
from federation.crypto.kernels.portable import PortableRing
from federation.crypto.kernels.ring import Ring
from federation.crypto.kernels.self_test import fault_between
from federation.crypto.kernels.shape import Shape, shape_of
from federation.crypto.kernels.torch_path import TorchPath

SWITCH = torch_path.SWITCH
_LEAST_BITS, _MOST_BITS = 512, 8192
_STEP_BITS = 64
_USUAL = (Shape(40, True), Shape(20, True))
"""Paillier at 2048 bits: modulo n**2, and modulo the squares of the primes."""
_PAILLIER_BITS = 4096
_BATCH = Work(products=147 * 10_000, steps=147, moved=10_000, powers=False)
"""To encrypt 10,000 numbers."""


@dataclass(frozen=True, slots=True)
class Status:
    """What doctor tells.

    Attributes:
        path: "ifma" or "portable".
        reason: why it is that one, as a sentence.
        threads: how many share a batch.
        device: the torch device that large batches go to, or None.
        batches: why they do or do not, as a clause.
    """

    path: str
    reason: str
    threads: int
    device: str | None
    batches: str


_faults: list[str] = []
_TESTING = threading.Lock()


def ring(modulus: int, root: int | None = None) -> Ring:
    """Arithmetic modulo `modulus`, on the path of this process.

    Args:
        modulus: what to reduce by.
        root: its square root, if it has one that is known: products are cheaper then.
    """
    near = _near(modulus, root)
    if torch_path.obstacle() is not None:
        return near
    bits = -(-int(modulus).bit_length() // _STEP_BITS) * _STEP_BITS
    if bits < _LEAST_BITS or not residue_numbers.fits(bits):
        return near
    return BatchRing(near, root, _torch(bits, root is not None))


def _near(modulus: int, root: int | None) -> Ring:
    n = modulus if root is None else root
    odd = n % 2 == 1 and _LEAST_BITS <= int(n).bit_length() <= _MOST_BITS
    if not odd or _obstacle() is not None or not _passes(shape_of(n, root is not None)):
        return PortableRing(modulus, root)
    return LimbRing(n, pair=root is not None)


@cache
def _torch(bits: int, pair: bool) -> TorchPath:
    return TorchPath(bits, _near, pair)


def status() -> Status:
    """Which path is on and why; compiles, tests and tries one size if none was needed so far."""
    obstacle = _obstacle()
    if obstacle is None and not _passes(_USUAL[1]):
        obstacle = _faults[0]
    found = _batches()
    if obstacle is not None:
        why = f"{obstacle}; gmpy2 counts instead"
        return Status("portable", why, thread_count(), *found)
    return Status("ifma", "AVX-512 IFMA, and its results are gmpy2's", thread_count(), *found)


def _batches() -> tuple[str | None, str]:
    """The device that large batches go to, and why."""
    fault = torch_path.obstacle()
    if fault is not None:
        return None, fault
    path = _torch(_PAILLIER_BITS, True)
    if not path.found():
        return None, str(path.fault)
    rates = path.tried()
    measured = f"a product takes {rates.far:.3g} us on {path.name}, {rates.product:.3g} here"
    if torch_path.asked_for():
        return path.name, f"{SWITCH} asks for it; {measured}"
    return (path.name if rates.sooner_far(_BATCH) else None), measured


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
    return fault_between(fast, slow)
