"""When large batches go to torch, and that they come back right."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import gmpy2
import numpy as np
import pytest
from gmpy2 import mpz

from federation.crypto import generate_keypair, kernels
from federation.crypto.histogram import histogram
from federation.crypto.kernels import residue_numbers, torch_path
from federation.crypto.kernels.batch_ring import BatchRing, Work
from federation.crypto.kernels.portable import PortableRing
from federation.crypto.kernels.ring import Ring
from federation.crypto.kernels.torch_path import Rates, TorchPath

ROOT = Path(__file__).parents[4]
N_1024 = (1 << 1024) - 105


@pytest.fixture(autouse=True)
def no_gpu_and_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(torch_path.SWITCH, raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


@pytest.fixture
def a_device_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """What looks like a GPU before torch is loaded, and is none."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr(torch_path, "_DEVICE_FILES", ("null",))


def test_a_process_without_a_gpu_never_loads_torch() -> None:
    program = (
        "import sys\n"
        "from federation.crypto import kernels\n"
        "ring = kernels.ring((1 << 1024) - 105)\n"
        "ring.squares(ring.from_ints([3] * 9000), 200)\n"
        "kernels.warm()\n"
        "print(kernels.status().batches, 'torch' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "there is no GPU, or none that this process may use False\n"


def test_a_gpu_that_was_not_lent_is_not_there(
    monkeypatch: pytest.MonkeyPatch, a_device_file: None
) -> None:
    if find_spec("torch"):
        assert torch_path.obstacle() is None
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert torch_path.obstacle() == "there is no GPU, or none that this process may use"


def test_the_portable_path_forbids_torch(
    monkeypatch: pytest.MonkeyPatch, a_device_file: None
) -> None:
    monkeypatch.setenv(torch_path.SWITCH, "portable")
    assert isinstance(kernels.ring(N_1024), PortableRing)
    assert kernels.status().device is None


def test_a_batch_goes_where_it_is_done_first() -> None:
    rates = Rates(product=2, power=1, far=0.1, step=100, moved=10)
    many, few = Work(147 * 10_000, 147, 10_000, False), Work(147 * 40, 147, 40, False)
    assert rates.sooner_far(many)
    assert not rates.sooner_far(few)
    assert not rates.sooner_far(Work(10_000, 1, 20_000))
    slow = Rates(product=0.3, power=0.3, far=3, step=100, moved=10)
    assert not slow.sooner_far(many)


@pytest.mark.parametrize("bits", [512, 2048, 4096, 8192])
def test_no_sum_of_products_leaves_what_float64_holds(bits: int) -> None:
    constants = residue_numbers.Constants((1 << bits) - 1942289)
    k, half = constants.count, float(constants.primes.max()) / 2 + 1
    columns = np.abs(constants.extend).sum(axis=0).max() * half + half * half
    assert columns < 2**53 - 2**23
    assert k * half * (2**16 - 1) + k * 2**16 < 2**48
    assert constants.radix > 8 * k * k * constants.modulus
    assert 4 * k * constants.modulus < constants.bases.B


def test_a_modulus_that_is_too_long_or_has_a_small_factor_is_not_for_torch() -> None:
    prime = int(residue_numbers.bases_of(residue_numbers.primes_for(1024)).b[3])
    with pytest.raises(ValueError, match="factor"):
        residue_numbers.Constants(((1 << 1001) - 105) * prime)
    with pytest.raises(ValueError, match="too many"):
        residue_numbers.Constants((1 << 16000) - 105)


if find_spec("torch"):
    from federation.crypto.kernels.torch_ring import TorchRing

    @pytest.fixture
    def torch_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(torch_path.SWITCH, "torch")

    def path_of(bits: int, pair: bool = False) -> TorchPath:
        return TorchPath(bits, PortableRing, pair)

    def test_a_gpu_that_torch_can_not_use_is_looked_for_once_and_missed_by_nobody(
        monkeypatch: pytest.MonkeyPatch, a_device_file: None
    ) -> None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "99")
        monkeypatch.setattr(torch_path, "WORTH_A_LOOK", 1000)
        path = path_of(1024)
        ring = BatchRing(PortableRing(N_1024), None, path)
        values = ring.from_ints(range(2, 102))
        ring.squares(values, 9)
        assert path.fault is None
        expected = [gmpy2.powmod(v, 512, N_1024) for v in range(2, 102)]
        assert ring.to_ints(ring.squares(values, 9)) == expected
        assert path.fault == "torch finds no GPU that it can use"

    def test_doctor_is_told_what_a_product_takes_on_either_path(torch_asked_for: None) -> None:
        status = kernels.status()
        assert status.device == "torch's processor device"
        assert "TRIPACT_KERNELS asks for it; a product takes" in status.batches

    def test_a_trial_measures_both_paths(torch_asked_for: None) -> None:
        path = path_of(512)
        assert path.found()
        rates = path.tried()
        assert min(rates.product, rates.power, rates.far, rates.step, rates.moved) > 0
        assert path.tried() is rates

    def test_a_device_that_counts_wrongly_is_not_used(
        monkeypatch: pytest.MonkeyPatch, torch_asked_for: None
    ) -> None:
        monkeypatch.setattr(TorchRing, "squares", lambda ring, a, times: a)
        path = path_of(512, pair=True)
        assert not path.takes(Work(10**9, 1, 1))
        assert path.fault == "the self-test found squares wrong"

    def test_a_device_that_fails_loses_the_batch_to_the_processor(
        monkeypatch: pytest.MonkeyPatch, torch_asked_for: None
    ) -> None:
        path = path_of(1024)
        ring = BatchRing(PortableRing(N_1024), None, path)
        assert path.found()

        def no_room(ring: TorchRing, a: object, times: int) -> object:
            raise RuntimeError("out of memory")

        monkeypatch.setattr(TorchRing, "squares", no_room)
        assert ring.to_ints(ring.squares(ring.from_ints([3]), 3)) == [6561]
        assert path.fault == "the device failed (RuntimeError)"
        assert not path.takes(Work(10**9, 1, 1))

    def test_a_modulus_that_torch_has_no_ring_for_is_counted_all_the_same(
        torch_asked_for: None,
    ) -> None:
        prime = int(residue_numbers.bases_of(residue_numbers.primes_for(1024)).a[0])
        modulus = ((1 << 1001) - 105) * prime
        ring = BatchRing(PortableRing(modulus), None, path_of(1024))
        assert ring.to_ints(ring.squares(ring.from_ints([3]), 3)) == [6561]

    def test_random_products_of_the_longest_moduli_are_gmps() -> None:
        state = gmpy2.random_state(12)
        for bits in (1024, 4096, 8192):
            n = gmpy2.mpz_rrandomb(state, bits) | 1 | mpz(1) << (bits - 1)
            ring = TorchRing(n)
            a, b = ([gmpy2.mpz_rrandomb(state, 3 * bits) for _ in range(90)] for _ in range(2))
            got = ring.to_ints(ring.multiply(ring.from_ints(a), ring.from_ints(b)))
            assert got == [x * y % n for x, y in zip(a, b, strict=True)]

    def test_blocks_and_chunks_change_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
        rng = np.random.default_rng(3)
        labels, picks = rng.integers(0, 5, 700), rng.integers(0, 90, 700)
        labels[:300] = 2
        exponents = rng.integers(0, 1 << 40, 90)
        results = []
        for block, chunk in ((364, 1 << 17), (64, 50)):
            ring = TorchRing(N_1024)
            ring.block = block
            monkeypatch.setattr("federation.crypto.kernels.torch_ring._CHUNK", chunk)
            a = ring.from_ints(range(5, 95))
            results.append(
                [
                    ring.to_ints(ring.bucket_products(a, labels, 6, picks)),
                    ring.to_ints(ring.fixed_base(3).powers(exponents, 40)),
                    ring.to_ints(ring.power(a, exponents)),
                ]
            )
        assert results[0] == results[1]

    @pytest.mark.parametrize("scheme", ["paillier", "ou"])
    def test_a_scheme_counts_the_same_when_its_batches_travel(
        scheme: str, torch_asked_for: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gone: list[Work] = []

        def noted(path: TorchPath, work: Work) -> bool:
            gone.append(work)
            return takes(path, work)

        takes = TorchPath.takes
        monkeypatch.setattr(TorchPath, "takes", noted)
        public, private = generate_keypair(scheme)
        values = np.arange(-8, 8, dtype=np.int64) << 20
        hidden = public.encrypt(values)
        assert private.decrypt_ints(hidden) == values.tolist()
        bins = np.arange(32, dtype=np.int64).reshape(16, 2) % 3
        sums = histogram(bins, np.zeros(16, np.int64), hidden, node_count=1, bin_count=3)
        expected = [[values[bins[:, f] == b].sum() for b in range(3)] for f in range(2)]
        assert private.decrypt(sums)[0].tolist() == expected
        matrix = np.arange(-32, 32).reshape(4, 16)
        assert private.decrypt(matrix @ hidden.refreshed()).tolist() == (matrix @ values).tolist()
        powers = hidden * np.arange(16, dtype=np.int64)
        assert private.decrypt_ints(powers) == (values * np.arange(16)).tolist()
        assert len(gone) > 6

    def test_what_has_no_inverse_is_refused_on_either_path(torch_asked_for: None) -> None:
        from federation.errors import BadCiphertext

        root = N_1024 * 3 + 2
        ring: Ring = BatchRing(PortableRing(root * root, root), root, path_of(2112, pair=True))
        with pytest.raises(BadCiphertext):
            ring.power_products(np.array([[1, -1]]), ring.from_ints([root, 5]))
