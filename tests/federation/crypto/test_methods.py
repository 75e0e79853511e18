"""Names of encryption methods, as jobs write them."""

from types import ModuleType

import pytest

from federation.crypto import (
    generate_keypair,
    lattice,
    okamoto_uchiyama,
    paillier,
    scheme_of,
)
from federation.errors import UnknownScheme, WeakKey


@pytest.mark.parametrize("method", ["Paillier", "paillier", "PAILLIER", "IPCL", "ipcl"])
def test_paillier_goes_by_all_its_names_without_a_warning(method: str) -> None:
    assert scheme_of(method) == ("paillier", None)


@pytest.mark.parametrize("method", ["OU", "ou", "Okamoto-Uchiyama", "OkamotoUchiyama"])
def test_okamoto_uchiyama_goes_by_its_names_without_a_warning(method: str) -> None:
    assert scheme_of(method) == ("ou", None)


def test_a_rounding_lattice_becomes_an_exact_one_and_is_warned_about() -> None:
    assert scheme_of("BFV") == ("bfv", None)
    scheme, warning = scheme_of("CKKS")
    assert scheme == "bfv"
    assert warning is not None
    assert "BFV" in warning


@pytest.mark.parametrize("module", [lattice, okamoto_uchiyama, paillier], ids=lambda m: m.__name__)
@pytest.mark.parametrize("said", ["Security:", "Error:", "Learns:", "Source:"])
def test_a_scheme_says_how_safe_and_exact_it_is_and_what_it_shows(
    module: ModuleType, said: str
) -> None:
    assert said in str(module.__doc__)


@pytest.mark.parametrize("method", ["IterativeAffine", "randomIterativeAffine", "AffineHomo"])
def test_a_broken_method_becomes_paillier_and_is_warned_about(method: str) -> None:
    scheme, warning = scheme_of(method)
    assert scheme == "paillier"
    assert warning is not None
    assert method in warning


def test_another_name_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(UnknownScheme, match="Paillier, IPCL"):
        scheme_of("rsa")


def test_a_short_key_is_refused_by_any_name() -> None:
    with pytest.raises(WeakKey):
        generate_keypair("IPCL", bits=1024)
