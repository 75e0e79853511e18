"""Paillier at 2048 bits on one core: encryption with randomizers of 1024 bits, and decryption.

Peers: SecretFlow's sf-heu (ZPaillier, randomizers as long) and FATE's fate_utils (Rust). The limit
beside is the products that an encryption takes, at the rate of `modmul`. The key that encrypts has
come by wire; who owns it encrypts by its primes, which is measured by itself.
"""

import numpy as np

from benchmarks.he_peers import counting_by, cpu_us, in_turns
from benchmarks.measure import Benchmark, Figure
from federation.crypto import PublicKey, generate_keypair, kernels
from federation.crypto.paillier import PaillierPrivateKey, PaillierPublicKey

ITEMS = {"ifma": 1600, "portable": 200}
DECRYPTED = {"ifma": 400, "portable": 20}
GOALS = {"ifma": {"sf_heu": 3.0, "fate_utils": 30.0}, "portable": {"sf_heu": 0.67}}
_DIGITS = 1024 / 7


def run() -> list[Figure]:
    """Both paths, where there are two."""
    paths = ["ifma", "portable"] if kernels.status().path == "ifma" else ["portable"]
    return [figure for path in paths for figure in measured(path)]


def measured(path: str) -> list[Figure]:
    """Encryption and decryption on one path."""
    rng = np.random.default_rng(1)
    values = rng.integers(0, 1 << 20, ITEMS[path])
    with counting_by(path):
        own, private = generate_keypair("paillier", 2048)
        public = PublicKey.from_wire(own.to_wire())
        assert isinstance(public, PaillierPublicKey)
        assert isinstance(private, PaillierPrivateKey)
        hidden = public.encrypt(values)
        few = hidden[: DECRYPTED[path]]
        limits = {}
        if path == "ifma":
            product = min(cpu_us(lambda: hidden + hidden, len(values)) for _ in range(5))
            limits["products_alone"] = round(product * _DIGITS, 2)
        figures = in_turns(
            f"Paillier-2048 encrypt, {path}",
            lambda: cpu_us(lambda: public.encrypt(values), len(values)),
            {
                "sf_heu": ("heu", "ZPaillier", "encrypt"),
                "fate_utils": ("fate", "", "encrypt"),
            },
            GOALS[path],
            **limits,
        )
        figures += in_turns(
            f"Paillier-2048 encrypt under one's own key, {path}",
            lambda: cpu_us(lambda: own.encrypt(values), len(values)),
            {"sf_heu": ("heu", "ZPaillier", "encrypt")},
            {},
        )
        return figures + in_turns(
            f"Paillier-2048 decrypt, {path}",
            lambda: cpu_us(lambda: private.decrypt(few), len(few)),
            {
                "sf_heu": ("heu", "ZPaillier", "decrypt"),
                "fate_utils": ("fate", "", "decrypt"),
            },
            {},
        )


BENCHMARK = Benchmark("paillier-encrypt", "Paillier beside sf-heu and fate_utils, one core", run)
