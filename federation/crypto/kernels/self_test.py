"""Whether a path counts as gmpy2 does, on numbers drawn for the test.

Learns: nobody anything.
"""

import secrets

import gmpy2
import numpy as np
from gmpy2 import mpz

from federation.crypto.kernels.ring import Ring

_COUNT = 11


def fault_between(fast: Ring, slow: Ring) -> str | None:
    """What `fast` gets wrong, or None; both have the same modulus."""
    values = [unit(slow.modulus) for _ in range(_COUNT)]
    exponents = np.array([secrets.randbits(20) for _ in values], dtype=np.int64)
    labels, secret = np.arange(_COUNT) % 3, secrets.randbits(40)
    results = []
    for one in (fast, slow):
        a = one.from_ints(values)
        base = one.fixed_base(int(values[0]))
        results.append(
            {
                "reading": one.to_ints(a),
                "products": one.to_ints(one.multiply(a, one.from_ints(values[::-1]))),
                "squares": one.to_ints(one.squares(a, 3)),
                "powers": one.to_ints(one.power(a, exponents)),
                "secret powers": one.to_ints(one.power_all(a, secret, 40)),
                "chains": one.to_ints(one.bucket_products(a, labels, 4)),
                "tables": one.to_ints(base.powers(exponents, 20)),
            }
        )
    wrong = [name for name in results[0] if results[0][name] != results[1][name]]
    return f"the self-test found {wrong[0]} wrong" if wrong else None


def unit(modulus: mpz) -> mpz:
    """A random number without a factor of the modulus."""
    while True:
        value = mpz(secrets.randbelow(int(modulus)))
        if gmpy2.gcd(value, modulus) == 1:
            return value
