"""Times another library's homomorphic encryption; run by the peer's Python, not by ours.

Reads one word a line and answers with CPU seconds per item, one number a line. Needs numpy and the
peer alone: `heu` (sf-heu 0.5.2b0) or `fate` (fate_utils 0.1.0).
"""

import os
import sys
import time
from collections.abc import Callable
from typing import Any

os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # before any pool of threads is made

import numpy as np  # noqa: E402

BITS = 2048
ITEMS = 200
ADDED = 4000


def heu_operations(scheme: str) -> dict[str, tuple[Callable[[], Any], int]]:
    """Encryption, decryption and addition of sf-heu."""
    from heu import numpy as hnp  # type: ignore[import-not-found]
    from heu import phe

    kit = hnp.HeKit(phe.setup(getattr(phe.SchemaType, scheme), BITS))
    encoder = phe.IntegerEncoder(kit.get_schema(), scale=1)
    rng = np.random.default_rng(1)
    plain = kit.array(rng.integers(0, 1 << 20, ITEMS), encoder)
    many = kit.array(rng.integers(0, 1 << 20, ADDED), encoder)
    encrypt, decrypt, evaluate = kit.encryptor(), kit.decryptor(), kit.evaluator()
    hidden, long = encrypt.encrypt(plain), encrypt.encrypt(many)
    one, other = rng.permutation(ADDED).tolist(), rng.permutation(ADDED).tolist()
    return {
        "encrypt": (lambda: encrypt.encrypt(plain), ITEMS),
        "decrypt": (lambda: decrypt.decrypt(hidden), ITEMS),
        "add": (lambda: evaluate.add(long, long), ADDED),
        "gather-add": (lambda: evaluate.add(long[one], long[other]), ADDED),
    }


def fate_operations() -> dict[str, tuple[Callable[[], Any], int]]:
    """Encryption and decryption of fate_utils."""
    from fate_utils import paillier  # type: ignore[import-not-found]

    private, public, coder = paillier.keygen(BITS)
    items = ITEMS // 4
    encoded = coder.encode_f64_vec(np.random.default_rng(1).normal(size=items))
    hidden = public.encrypt_encoded(encoded, True)
    return {
        "encrypt": (lambda: public.encrypt_encoded(encoded, True), items),
        "decrypt": (lambda: private.decrypt_to_encoded(hidden), items),
    }


def main() -> None:
    """Answer until there are no more questions."""
    library, scheme = sys.argv[1:3]
    operations = heu_operations(scheme) if library == "heu" else fate_operations()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        operation, items = operations[line.strip()]
        started = time.process_time()
        operation()
        sys.stdout.write(f"{(time.process_time() - started) / items!r}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
