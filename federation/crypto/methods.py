"""Which encryption methods there are, by the names that jobs give them.

FATE's confs name 'Paillier', 'IPCL' (Paillier on Intel's library), and in old versions
'IterativeAffine' and 'RandomIterativeAffine', whose keys follow from a few ciphertexts
(Jiang et al. 2021); whoever asks for those gets Paillier and is told so.
"""

from federation.crypto.paillier import LEAST_BITS, generate_paillier
from federation.crypto.scheme import PrivateKey, PublicKey
from federation.errors import UnknownScheme

_GENERATORS = {"paillier": generate_paillier}
_NAMES = {"paillier": "paillier", "ipcl": "paillier"}
_BROKEN = ("iterativeaffine", "randomiterativeaffine")
_KNOWN = ("Paillier", "IPCL", "IterativeAffine", "RandomIterativeAffine")


def scheme_of(method: str) -> tuple[str, str | None]:
    """The scheme that a job's `encrypt_param.method` means, and a warning to log or None.

    Raises:
        UnknownScheme: no method of that name, in any case.
    """
    name = method.strip().lower()
    if name in _BROKEN:
        return "paillier", f"{method} is broken and no longer offered; Paillier is used instead"
    if name in _NAMES:
        return _NAMES[name], None
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
