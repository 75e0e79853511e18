"""Which encryption methods there are, by the names that jobs give them.

FATE's confs name 'Paillier', 'IPCL' (Paillier on Intel's library), and in old versions
'IterativeAffine' and 'RandomIterativeAffine', whose keys follow from a few ciphertexts
(Jiang et al. 2021); whoever asks for those gets Paillier and is told so. 'OU' is Okamoto and
Uchiyama's, with ciphertexts of half the length and sums at half the cost. 'BFV' is a lattice scheme
for linear models; FATE's 'CKKS', whose values are rounded, gets that one and is told so.
"""

from collections.abc import Callable

from federation.crypto.lattice import generate_lattice
from federation.crypto.moduli import LEAST_BITS
from federation.crypto.okamoto_uchiyama import generate_okamoto_uchiyama
from federation.crypto.paillier import generate_paillier
from federation.crypto.scheme import PrivateKey, PublicKey
from federation.errors import UnknownScheme

_GENERATORS: dict[str, Callable[[int], tuple[PublicKey, PrivateKey]]] = {
    "paillier": generate_paillier,
    "ou": generate_okamoto_uchiyama,
    "bfv": generate_lattice,
}
_NAMES = {
    "paillier": "paillier",
    "ipcl": "paillier",
    "ou": "ou",
    "okamotouchiyama": "ou",
    "okamoto-uchiyama": "ou",
    "bfv": "bfv",
    "ckks": "bfv",
}
_BROKEN = ("iterativeaffine", "randomiterativeaffine", "affine", "affinehomo")
_KNOWN = ("Paillier", "IPCL", "OU", "BFV", "CKKS", "IterativeAffine", "RandomIterativeAffine")
_ROUNDED = (
    "CKKS's values are rounded, and sharing them can reveal the key; BFV, a lattice scheme with "
    "exact values, is used instead"
)


def scheme_of(method: str) -> tuple[str, str | None]:
    """The scheme that a job's `encrypt_param.method` means, and a warning to log or None.

    Raises:
        UnknownScheme: no method of that name, in any case.
    """
    name = method.strip().lower()
    if name in _BROKEN:
        return "paillier", f"{method} is broken and no longer offered; Paillier is used instead"
    if name in _NAMES:
        return _NAMES[name], _ROUNDED if name == "ckks" else None
    raise UnknownScheme(method, _KNOWN)


def generate_keypair(
    method: str = "paillier", bits: int = LEAST_BITS
) -> tuple[PublicKey, PrivateKey]:
    """A new key pair of the scheme that `method` means.

    Raises:
        UnknownScheme: no method of that name.
        WeakKey: too few bits.
    """
    scheme, _ = scheme_of(method)
    return _GENERATORS[scheme](bits)
