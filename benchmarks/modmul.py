"""Products modulo big numbers on one core: the limit of all that counts with ciphertexts.

Peer: GMP, asked for one product at a time as Python does. Numbers modulo n**2 are pairs modulo n.
Where torch is installed, also its best device: a GPU in wall time, or the processor's own.
"""

import secrets
import time
from collections.abc import Callable
from importlib.util import find_spec

from benchmarks.he_peers import RUNS, counting_by, cpu_us
from benchmarks.measure import Benchmark, Figure
from federation.crypto import kernels
from federation.crypto.kernels import Ring, torch_path

NUMBERS = 4000
SIZES = (
    ("1024-bit squares of 512-bit n (CRT half of RSA-like keys)", 512, True),
    ("2048-bit n (Okamoto-Uchiyama)", 2048, False),
    ("2048-bit squares of 1024-bit n (half of Paillier-2048)", 1024, True),
    ("4096-bit squares of 2048-bit n (Paillier-2048)", 2048, True),
    ("4096-bit n", 4096, False),
)


GPU_BATCH = 16
"""So many times the numbers: a GPU is for large batches."""


def run() -> list[Figure]:
    """Every size, on the processor and by torch."""
    figures = [measured(*size) for size in SIZES]
    if find_spec("torch"):
        figures += [torch_measured(*size) for size in SIZES]
    return figures


def measured(what: str, bits: int, pair: bool) -> Figure:
    """Products, ours and GMP's in turns."""
    n, modulus, values = _drawn(bits, pair)
    with counting_by("portable"):
        slow = kernels.ring(modulus, n if pair else None)
        plain = slow.from_ints(values)
    with counting_by("ifma"):
        fast = kernels.ring(modulus, n if pair else None)
        rows = fast.from_ints(values)
        ours, gmp = [], []
        for _ in range(RUNS):
            ours.append(cpu_us(lambda: fast.multiply(rows, rows), NUMBERS))
            gmp.append(cpu_us(lambda: slow.multiply(plain, plain), NUMBERS))
    return Figure.of(
        f"product modulo {what}, {kernels.status().path}",
        "us",
        ours,
        gmp=round(sorted(gmp)[RUNS // 2], 3),
    )


def torch_measured(what: str, bits: int, pair: bool) -> Figure:
    """Products on torch's best device, and GMP's in turns."""
    from federation.crypto.kernels.torch_ring import TorchRing

    device, name = torch_path.device() or ("cpu", torch_path.PROCESSOR)
    n, modulus, values = _drawn(bits, pair)
    fast = TorchRing(modulus, device=device)
    rows = fast.from_ints(values)
    if device != "cpu":
        rows = fast.joined([rows] * GPU_BATCH)
    with counting_by("portable"):
        slow = kernels.ring(modulus, n if pair else None)
        plain = slow.from_ints(values)
        taken, ours, gmp = cpu_us if device == "cpu" else wall_us, [], []
        for _ in range(RUNS):
            ours.append(taken(lambda: _waited(fast, rows), len(rows)))
            gmp.append(cpu_us(lambda: slow.multiply(plain, plain), NUMBERS))
    return Figure.of(
        f"product modulo {what}, torch on {name}",
        "us",
        ours,
        gmp=round(sorted(gmp)[RUNS // 2], 3),
    )


def wall_us(work: Callable[[], object], items: int) -> float:
    """Time of one item on the clock, in microseconds."""
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) / items * 1e6


def _waited(ring: Ring, rows: kernels.Residues) -> None:
    ring.to_ints(ring.multiply(rows, rows)[:1])


def _drawn(bits: int, pair: bool) -> tuple[int, int, list[int]]:
    n = secrets.randbits(bits) | 1 | 1 << (bits - 1)
    modulus = n * n if pair else n
    return n, modulus, [secrets.randbelow(modulus) for _ in range(NUMBERS)]


BENCHMARK = Benchmark("modmul", "products modulo big numbers beside GMP, one core", run)
