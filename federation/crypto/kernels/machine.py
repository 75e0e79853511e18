"""Machine code for the processor at hand: made by llvmlite when first needed, kept for the process.

A call frees the interpreter (ctypes does), so a batch is split over threads. Compiling takes a
fifth of a second a shape; what a parent has compiled its forked children have too.

Learns: nobody anything.
"""

import ctypes
import itertools
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.crypto.kernels.engine import Engine
from federation.crypto.kernels.shape import LANES, Shape

_POINTER, _COUNT = ctypes.c_void_p, ctypes.c_uint64
_SIGNATURES: dict[str, list[Any]] = {
    "multiply": [_POINTER] * 6 + [_COUNT],
    "add": [_POINTER] * 3 + [_COUNT],
    "squares": [_POINTER] * 2 + [_COUNT, _POINTER, _COUNT],
    "power": [_POINTER] * 4 + [_COUNT, _POINTER, _COUNT],
    "chains": [_POINTER] * 7 + [_COUNT],
    "fixed": [_POINTER] * 3 + [_COUNT, _POINTER, _COUNT],
    "join": [_POINTER] * 3 + [_COUNT],
}
_FEATURES = ("avx512f", "avx512dq", "avx512vl", "avx512ifma")
_WORTH_A_THREAD = 512
"""Products of 8 numbers: a tenth of a millisecond or more."""


def missing() -> str | None:
    """Why there can be no machine code here, or None."""
    if sys.byteorder != "little":
        return "the processor is big-endian"
    try:
        import llvmlite.binding as llvm
    except (ImportError, OSError):
        return "llvmlite is not installed: pip install 'tripact[fast]'"
    features = llvm.get_host_cpu_features()
    lacking = [name for name in _FEATURES if not features.get(name)]
    return f"the processor lacks {', '.join(lacking)}" if lacking else None


class Kernels:
    """The functions of one shape; each takes pointers and counts as `codegen` says."""

    def __init__(self, shape: Shape) -> None:
        from federation.crypto.kernels.codegen import module_text

        self.shape = shape
        self._engine = Engine(lambda triple: module_text(shape, triple))
        for name, arguments in _SIGNATURES.items():
            if shape.pair or name != "join":
                setattr(self, name, self._engine.function(name, *arguments))

    multiply: Callable[..., None]
    add: Callable[..., None]
    squares: Callable[..., None]
    power: Callable[..., None]
    chains: Callable[..., None]
    fixed: Callable[..., None]
    join: Callable[..., None]


_COMPILING = threading.Lock()


def kernels_for(shape: Shape) -> Kernels:
    """The functions of a shape, compiled on first use."""
    with _COMPILING:
        return _compiled(shape)


@cache
def _compiled(shape: Shape) -> Kernels:
    return Kernels(shape)


class _Threads:
    """How many threads share a batch, and the pool of them, one a process."""

    def __init__(self) -> None:
        self.count = _cores()
        self._pool: ThreadPoolExecutor | None = None
        self._owner = (0, 0)
        self._lock = threading.Lock()

    def pool(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None or self._owner != (os.getpid(), self.count):
                self._pool = ThreadPoolExecutor(self.count, thread_name_prefix="kernel")
                self._owner = (os.getpid(), self.count)
            return self._pool


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_THREADS = _Threads()


def set_threads(count: int) -> None:
    """Let at most `count` threads of this process share a batch; by default one a core."""
    if count < 1:
        raise ValueError("a batch needs a thread")
    _THREADS.count = count


def thread_count() -> int:
    """How many threads share a batch."""
    return _THREADS.count


def spread(groups: int, products: int, work: Callable[[int, int], None]) -> None:
    """work(first, count) over all groups, in threads where that is worth it.

    Args:
        groups: groups of 8 numbers.
        products: what one group costs, in products.
        work: does `count` groups from `first`; count is at least 1.
    """
    parts = min(_THREADS.count, groups, groups * products // _WORTH_A_THREAD)
    if parts <= 1:
        if groups:
            work(0, groups)
        return
    cuts = [groups * part // parts for part in range(parts + 1)]
    pool = _THREADS.pool()
    waiting = [
        pool.submit(work, first, after - first) for first, after in itertools.pairwise(cuts[1:])
    ]
    work(0, cuts[1])
    for future in waiting:
        future.result()


def at(array: NDArray[Any], first: int = 0) -> int:
    """The address of `array[first]`; the caller keeps the array."""
    return int(array.ctypes.data) + first * array.strides[0]


def aligned(*shape: int) -> NDArray[np.uint64]:
    """Room for words that begins at a multiple of 64 bytes."""
    size = int(np.prod(shape, dtype=np.int64))
    room = np.empty(size + LANES, dtype=np.uint64)
    start = -room.ctypes.data % 64 // 8
    return room[start : start + size].reshape(shape)
