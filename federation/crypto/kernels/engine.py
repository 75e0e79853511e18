"""LLVM IR made machine code for the processor at hand.

Learns: nobody anything.
"""

import ctypes
import sys
from collections.abc import Callable
from functools import cache
from typing import Any


@cache
def has(feature: str) -> bool:
    """Whether machine code can be made here, for a processor with some feature."""
    try:
        import llvmlite.binding as llvm
    except (ImportError, OSError):
        return False
    return sys.byteorder == "little" and bool(llvm.get_host_cpu_features().get(feature))


class Engine:
    """The functions of a module; they live as long as this does."""

    def __init__(self, text_for: Callable[[str], str]) -> None:
        """Compile the text that `text_for` gives for the triple of this machine."""
        import llvmlite.binding as llvm

        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        module = llvm.parse_assembly(text_for(llvm.get_default_triple()))
        module.verify()
        target = llvm.Target.from_default_triple().create_target_machine(
            cpu=llvm.get_host_cpu_name(),
            features=llvm.get_host_cpu_features().flatten(),
            opt=2,
        )
        self._engine = llvm.create_mcjit_compiler(module, target)
        self._engine.finalize_object()

    def function(self, name: str, *kinds: Any) -> Any:
        """The function of that name, called without the interpreter's lock."""
        return ctypes.CFUNCTYPE(None, *kinds)(self._engine.get_function_address(name))
