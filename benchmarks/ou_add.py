"""Okamoto-Uchiyama at 2048 bits on one core: sums of picked ciphertexts, and encryption.

Peer: SecretFlow's sf-heu. Both pick 4000 ciphertexts twice, in random orders, and add the picks
pair by pair; a histogram does the same by `bucket_sums`, beside. For encryption mind that sf-heu's
randomizers have 110 bits, and ours 1496: theirs rest on one more assumption. The key that encrypts
has come by wire; who owns it encrypts by its primes, which is measured by itself.
"""

import numpy as np

from benchmarks.he_peers import counting_by, cpu_us, in_turns
from benchmarks.measure import Benchmark, Figure
from federation.crypto import PublicKey, generate_keypair, kernels

CIPHERTEXTS = 4000
BINS = 32
ENCRYPTED = {"ifma": 1600, "portable": 200}


def run() -> list[Figure]:
    """Both paths, where there are two."""
    paths = ["ifma", "portable"] if kernels.status().path == "ifma" else ["portable"]
    return [figure for path in paths for figure in measured(path)]


def measured(path: str) -> list[Figure]:
    """Addition, histogram and encryption on one path."""
    rng = np.random.default_rng(1)
    with counting_by(path):
        own, _ = generate_keypair("ou", 2048)
        public = PublicKey.from_wire(own.to_wire())
        values = rng.integers(0, 1 << 20, ENCRYPTED[path])
        short = public.encrypt(values)
        hidden = short[rng.integers(0, len(values), CIPHERTEXTS)].refreshed()
        one, other = rng.permutation(CIPHERTEXTS), rng.permutation(CIPHERTEXTS)
        labels = rng.integers(0, BINS, CIPHERTEXTS)
        add = cpu_us(lambda: hidden + hidden, CIPHERTEXTS)
        figures = in_turns(
            f"OU-2048 add including gather, {path}",
            lambda: cpu_us(lambda: hidden[one] + hidden[other], CIPHERTEXTS),
            {"sf_heu": ("heu", "OU", "gather-add"), "sf_heu_without_gather": ("heu", "OU", "add")},
            {"sf_heu": 3.0 if path == "ifma" else 0.67},
            product_alone=round(add, 3),
        )
        figures += in_turns(
            f"OU-2048 histogram of {BINS} bins, per item, {path}",
            lambda: cpu_us(lambda: hidden.bucket_sums(labels, BINS, one), CIPHERTEXTS),
            {"sf_heu_add_without_gather": ("heu", "OU", "add")},
            {},
        )
        figures += in_turns(
            f"OU-2048 encrypt under one's own key, {path}",
            lambda: cpu_us(lambda: own.encrypt(values), len(values)),
            {"sf_heu": ("heu", "OU", "encrypt")},
            {},
        )
        return figures + in_turns(
            f"OU-2048 encrypt, {path}",
            lambda: cpu_us(lambda: public.encrypt(values), len(values)),
            {"sf_heu": ("heu", "OU", "encrypt")},
            {},
        )


BENCHMARK = Benchmark("ou-add", "Okamoto-Uchiyama beside sf-heu, one core", run)
