"""Modular arithmetic on whole arrays, by machine code made at run time, gmpy2, or a GPU."""

from federation.crypto.kernels.choice import Status, ring, status, warm
from federation.crypto.kernels.machine import set_threads
from federation.crypto.kernels.ring import FixedBase, Residues, Ring

__all__ = [
    "FixedBase",
    "Residues",
    "Ring",
    "Status",
    "ring",
    "set_threads",
    "status",
    "warm",
]
