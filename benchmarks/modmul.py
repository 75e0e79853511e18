"""Products modulo big numbers on one core: the limit of all that counts with ciphertexts.

Peer: GMP, asked for one product at a time as Python does. Numbers modulo n**2 are pairs modulo n.
"""

import secrets

from benchmarks.he_peers import RUNS, counting_by, cpu_us
from benchmarks.measure import Benchmark, Figure
from federation.crypto import kernels

NUMBERS = 4000
SIZES = (
    ("1024-bit squares of 512-bit n (CRT half of RSA-like keys)", 512, True),
    ("2048-bit n (Okamoto-Uchiyama)", 2048, False),
    ("2048-bit squares of 1024-bit n (half of Paillier-2048)", 1024, True),
    ("4096-bit squares of 2048-bit n (Paillier-2048)", 2048, True),
    ("4096-bit n", 4096, False),
)


def run() -> list[Figure]:
    """Every size."""
    return [measured(*size) for size in SIZES]


def measured(what: str, bits: int, pair: bool) -> Figure:
    """Products, ours and GMP's in turns."""
    n = secrets.randbits(bits) | 1 | 1 << (bits - 1)
    modulus = n * n if pair else n
    values = [secrets.randbelow(modulus) for _ in range(NUMBERS)]
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


BENCHMARK = Benchmark("modmul", "products modulo big numbers beside GMP, one core", run)
