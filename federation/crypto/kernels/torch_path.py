"""Whether large batches go to a torch device, and why: found out when there is a batch to send.

torch takes seconds to load, so a process without a GPU never does so, and one with a GPU not before
it has counted a million products of one size by itself. Then the device's results must be gmpy2's
on numbers drawn for the test, and a trial of about a second measures both paths:

    processor:  products t            device:  steps s + products u + numbers moved v

A batch goes where its sum is less. `TRIPACT_KERNELS=torch` in the environment asks for the torch
path on whatever device there is, and no trial is held then.

Measured so far is torch's processor device alone, on one core of an AMD EPYC with AVX-512, in us:

    product modulo          torch   gmpy2   machine code
    2048 bits                 1.3     1.5           0.12
    4096 bits, a square       3.3     4.4           0.30

No GPU has been measured: that it is faster is what its trial must show, each time.

Learns: nobody anything.
"""

import os
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from gmpy2 import mpz

from federation.crypto.kernels.batch_ring import Work
from federation.crypto.kernels.machine import thread_count
from federation.crypto.kernels.ring import Residues, Ring
from federation.crypto.kernels.self_test import fault_between, unit

SWITCH = "TRIPACT_KERNELS"
PROCESSOR = "torch's processor device"
WORTH_A_LOOK = 1 << 20
"""Products after which a process with a GPU loads torch."""

_SEEN_BY = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")
_DEVICE_FILES = ("nvidia[0-9]*", "kfd", "dxg")
_TRIED = 512
_TRIED_BITS = 256
_ITEMS_EACH, _MOST_ITEMS = 1 << 12, 1 << 16
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Rates:
    """Microseconds, as a trial measured them.

    Attributes:
        product: of one on the processor, in chains.
        power: of one bit of an exponent on the processor, in powers of its own.
        far: of one on the device, in a large batch.
        step: until the device is done with a batch of one.
        moved: of a number there or back.
    """

    product: float
    power: float
    far: float
    step: float
    moved: float

    def sooner_far(self, work: Work) -> bool:
        """Whether the device is done first."""
        near = work.products * (self.power if work.powers else self.product)
        return near > work.products * self.far + work.steps * self.step + work.moved * self.moved


def asked_for() -> bool:
    """Whether the environment asks for torch."""
    return os.environ.get(SWITCH, "") == "torch"


def obstacle() -> str | None:
    """Why there is no torch path here, as far as can be said without loading torch, or None."""
    if os.environ.get(SWITCH, "") == "portable":
        return f"{SWITCH} asks for the portable path"
    if not asked_for() and not _may_have_gpu():
        return "there is no GPU, or none that this process may use"
    return None if _installed() else "torch is not installed: pip install 'tripact[torch]'"


def _may_have_gpu() -> bool:
    hidden = any(os.environ.get(name, "0") in ("", "-1") for name in _SEEN_BY)
    return not hidden and any(True for name in _DEVICE_FILES for _ in Path("/dev").glob(name))


@cache
def _installed() -> bool:
    return find_spec("torch") is not None


def device() -> tuple[str, str] | None:
    """The device to use and what it is called, or None; loads torch."""
    import torch

    if torch.cuda.is_available():
        return "cuda", torch.cuda.get_device_name()
    return ("cpu", PROCESSOR) if asked_for() else None


class TorchPath:
    """The broker for moduli of one size.

    Attributes:
        fault: why the path is not taken, or None as long as it may be.
        rates: what the trial measured, if one was held.
        name: of the device, once it is known.
    """

    def __init__(self, bits: int, make_near: Callable[[int, int | None], Ring], pair: bool) -> None:
        """For moduli of that many bits, squares if `pair`; `make_near` gives the processor's."""
        self._bits, self._pair, self._make_near = bits, pair, make_near
        self._counted = 0
        self._device = ""
        self._lock = threading.Lock()
        self.fault: str | None = None
        self.rates: Rates | None = None
        self.name = ""

    def takes(self, work: Work) -> bool:
        if self.fault is not None or not work.products:
            return False
        if not self._device and not asked_for():
            self._counted += work.products
            if self._counted < WORTH_A_LOOK:
                return False
        if not self.found():
            return False
        return asked_for() or (self.rates is not None and self.rates.sooner_far(work))

    def ring(self, modulus: int, root: int | None) -> Ring | None:
        from federation.crypto.kernels.torch_ring import TorchRing

        try:
            return TorchRing(modulus, root, device=self._device)
        except ValueError:
            return None

    def failed(self, error: Exception) -> None:
        self.fault = f"the device failed ({type(error).__name__})"

    def found(self) -> bool:
        """Whether there is a device that counts rightly; looks for it when first asked."""
        with self._lock:
            if not self._device and self.fault is None:
                self.fault = self._looked()
            return self.fault is None

    def tried(self) -> Rates:
        """What a trial measures; one is held if none was."""
        with self._lock:
            if self.rates is None:
                self.rates = self._trial()
            return self.rates

    def _looked(self) -> str | None:
        try:
            found = device()
            if found is None:
                return "torch finds no GPU that it can use"
            self._device, self.name = found
            near, far = self._drawn()
            fault = fault_between(far, near)
            if fault is None and not asked_for():
                self.rates = self._trial()
        except (ImportError, RuntimeError, OSError) as error:
            return f"torch can not count here ({type(error).__name__})"
        return fault

    def _drawn(self) -> tuple[Ring, Ring]:
        """Both paths' rings for some modulus of that size."""
        bits = self._bits // 2 if self._pair else self._bits
        while True:
            n = mpz(secrets.randbits(bits)) | 1 | mpz(1) << (bits - 1)
            modulus, root = (n * n, n) if self._pair else (n, None)
            far = self.ring(modulus, root)
            if far is not None:
                return self._make_near(modulus, root), far

    def _trial(self) -> Rates:
        near, far = self._drawn()
        modulus = near.modulus
        width = (modulus.bit_length() + 7) // 8
        values = [unit(modulus) for _ in range(8)] * (_TRIED // 8)
        mine = near.from_ints(values)
        theirs, one = far.read(near.write(mine, width), width), far.from_ints(values[:1])
        large, few = far.joined([theirs] * (1 << 5)), mine[: _TRIED // 4]
        # So many that all of the processor's threads have their share, where it has them share.
        items = min(_MOST_ITEMS, _ITEMS_EACH * thread_count())
        line, buckets = np.arange(items), items // 16

        def waited(result: Residues) -> Any:
            return far.to_ints(result[:1])

        there = _least_us(lambda: waited(far.read(near.write(mine, width), width)))
        back = _least_us(lambda: near.read(far.write(theirs, width), width))
        chains = _least_us(
            lambda: near.bucket_products(mine, line % buckets, buckets, line % _TRIED)
        )
        powers = _least_us(lambda: near.power_all(few, (1 << _TRIED_BITS) - 1, _TRIED_BITS))
        return Rates(
            product=chains / items,
            power=powers / len(few) / _TRIED_BITS,
            far=_least_us(lambda: waited(far.multiply(large, large))) / len(large),
            step=_least_us(lambda: waited(far.squares(one, 16))) / 16,
            moved=(there + back) / 2 / _TRIED,
        )


def _least_us(work: Callable[[], Any]) -> float:
    times = []
    for _ in range(_TRIES):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times) * 1e6
