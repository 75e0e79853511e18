"""Microsoft SEAL by way of TenSEAL: polynomials, ciphertexts and their bytes.

    R_q = Z_q[X] / (X**8192 + 1),   q of 190 bits,   plaintexts in R_t,   t = 2**59

These are the only numbers here. With the 28 bits that SEAL keeps for a last prime, q has the 218
that the homomorphic encryption standard allows at this degree for 128 bits of security, classical,
with ternary secrets.

SEAL reads and writes files alone in this binding, so bytes go by way of a temporary file; secret
keys are never written. What a peer sent is checked by SEAL against these numbers, and for length.

Learns: nobody anything.
Source: Fan, Vercauteren 2012; Albrecht et al. 2018 (the standard), table 1.
"""

import tempfile
from collections.abc import Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.errors import BadCiphertext, BadPublicKey, SchemeNotInstalled, TripactError

DEGREE = 8192
PRIME_BITS = (48, 48, 47, 47, 28)
PLAIN_BITS = 59
HALF = 1 << (PLAIN_BITS - 1)
"""The least magnitude that a coefficient of a plaintext must not reach."""

_MOST_BYTES = 2 * DEGREE * 8 * len(PRIME_BITS) + 4096
_SIZE_AT, _SIZE_BYTES = 8, 8
_HEXADECIMAL = np.frombuffer(b"0123456789ABCDEF", dtype=np.uint8)
_PLACES = -(-PLAIN_BITS // 4)

Coefficients = NDArray[np.int64]
Thing = Any
"""A SEAL object; the binding has no types."""


class Seal:
    """The library with its context for the numbers above; one is enough for a process."""

    def __init__(self) -> None:
        """Load the library.

        Raises:
            SchemeNotInstalled: TenSEAL is not there.
        """
        try:
            import tenseal.sealapi as library
        except (ImportError, OSError):
            raise SchemeNotInstalled("lattice", "TenSEAL", "lattice") from None
        self.library = library
        parameters = library.EncryptionParameters(library.SCHEME_TYPE.BFV)
        parameters.set_poly_modulus_degree(DEGREE)
        parameters.set_coeff_modulus(library.CoeffModulus.Create(DEGREE, list(PRIME_BITS)))
        parameters.set_plain_modulus(library.Modulus(1 << PLAIN_BITS))
        self.context = library.SEALContext(parameters, True, library.SEC_LEVEL_TYPE.TC128)
        self.evaluator = library.Evaluator(self.context)
        self.levels = [self.context.first_context_data()]
        while following := self.levels[-1].next_context_data():
            self.levels.append(following)
        powers = "".join(f"x^{power:04d} + " for power in range(DEGREE - 1, -1, -1))
        self._powers = np.frombuffer(powers.encode(), dtype=np.uint8).reshape(DEGREE, -1)

    @cached_property
    def level_ids(self) -> list[Sequence[int]]:
        """Names of the moduli, from all primes to one."""
        return [level.parms_id() for level in self.levels]

    def new(self) -> Thing:
        """A ciphertext to be filled."""
        return self.library.Ciphertext()

    def polynomial(self, coefficients: Coefficients) -> Thing:
        """The plaintext with these coefficients, lowest first, at most 8192 of them."""
        numbers = (coefficients & np.int64((1 << PLAIN_BITS) - 1))[::-1].astype(np.uint64)
        if not numbers.any():
            return self.library.Plaintext("0")
        # SEAL reads polynomials as text, with hexadecimal coefficients; all terms are as long.
        text = np.empty((len(numbers), _PLACES + self._powers.shape[1]), dtype=np.uint8)
        shifts = np.arange(4 * (_PLACES - 1), -1, -4).astype(np.uint64)
        nibbles = (numbers[:, np.newaxis] >> shifts) & np.uint64(15)
        text[:, :_PLACES] = _HEXADECIMAL[nibbles.astype(np.intp)]
        text[:, _PLACES:] = self._powers[DEGREE - len(numbers) :]
        return self.library.Plaintext(text.tobytes().decode().removesuffix(" + "))

    def coefficients(self, plaintext: Thing, count: int) -> Coefficients:
        """The first `count` coefficients, signed."""
        known = min(count, plaintext.coeff_count())
        found = np.zeros(count, dtype=np.int64)
        found[:known] = [plaintext[i] for i in range(known)]
        return np.where(found >= HALF, found - (1 << PLAIN_BITS), found)

    def level_of(self, ciphertext: Thing) -> int:
        """How many primes of q it has lost."""
        return self.level_ids.index(ciphertext.parms_id())

    def lowered(self, ciphertext: Thing, level: int) -> Thing:
        """The same at a level that is as low or lower."""
        if self.level_of(ciphertext) == level:
            return ciphertext
        result = self.new()
        self.evaluator.mod_switch_to(ciphertext, self.level_ids[level], result)
        return result

    # --- bytes -----------------------------------------------------------------------------------

    def written(self, thing: Thing) -> bytes:
        """A public key or a ciphertext as bytes."""
        with tempfile.TemporaryDirectory(prefix="tripact-") as folder:
            file = Path(folder) / "thing"
            thing.save(str(file))
            return file.read_bytes()

    def ciphertext(self, data: Any) -> Thing:
        """The ciphertext that a peer wrote.

        Raises:
            BadCiphertext: it is none under these numbers.
        """
        found = self._read(self.new(), data, BadCiphertext)
        if found.size() != 2 or found.is_ntt_form() or found.parms_id() not in self.level_ids:
            raise BadCiphertext("it is no pair of polynomials")
        return found

    def public_key(self, data: Any) -> Thing:
        """The public key that a peer wrote.

        Raises:
            BadPublicKey: it is none under these numbers.
        """
        return self._read(self.library.PublicKey(), data, BadPublicKey)

    def _read(self, empty: Thing, data: Any, refusal: type[TripactError]) -> Thing:
        if not isinstance(data, bytes) or len(data) > _MOST_BYTES:
            raise refusal("it is not as many bytes as such things have")
        if int.from_bytes(data[_SIZE_AT : _SIZE_AT + _SIZE_BYTES], "little") != len(data):
            raise refusal("it is cut off, or has more bytes than it says")
        with tempfile.TemporaryDirectory(prefix="tripact-") as folder:
            file = Path(folder) / "thing"
            file.write_bytes(data)
            try:
                empty.load(self.context, str(file))
            except (RuntimeError, ValueError, IndexError, MemoryError, OverflowError):
                raise refusal("the library reads nothing from it under these parameters") from None
        return empty


@cache
def seal() -> Seal:
    """The library, loaded once.

    Raises:
        SchemeNotInstalled: TenSEAL is not there.
    """
    return Seal()
