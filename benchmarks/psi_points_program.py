"""What the points of an id cost a party on one core: hash to the curve, blind, multiply again.

Arguments: `ours` (run with TRIPACT_KERNELS=generic or portable) or `fate` (run by a Python with
fate_utils), and how many ids. Prints microseconds of CPU time an id.
"""

import hashlib
import sys
import time
from collections.abc import Sequence


def ours(ids: Sequence[str]) -> float:
    """Microseconds an id."""
    from federation.crypto.byte_rows import ByteRows
    from federation.crypto.curve25519 import hash_to_points, multiply, multiply_own, random_scalar

    texts, scalar = ByteRows.of(ids), random_scalar()
    hash_to_points(b"", texts)
    started = time.process_time()
    blinded = multiply_own(scalar, hash_to_points(b"tripact-psi-3-", texts))
    multiply(scalar, blinded)
    return (time.process_time() - started) / len(ids) * 1e6


def fate(ids: Sequence[str]) -> float:
    """Microseconds an id."""
    from fate_utils.psi import Curve25519  # type: ignore[import-not-found]

    curve = Curve25519()
    started = time.process_time()
    digests = [hashlib.sha256(text.encode()).digest() for text in ids]
    blinded = [curve.encrypt(digest) for digest in digests]
    for point in blinded:
        curve.diffie_hellman(point)
    return (time.process_time() - started) / len(ids) * 1e6


def main() -> None:
    """Measure one of the two."""
    whose, count = sys.argv[1:3]
    ids = [str(100_000_000 + number) for number in range(int(count))]
    print({"ours": ours, "fate": fate}[whose](ids))


if __name__ == "__main__":
    main()
