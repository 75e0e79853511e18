"""How a process keeps memory that it has freed, for blocks of the size of a letter's part.

By its defaults the C library of Linux gives a freed block of over 128 KiB back to the system, and
asks for it again: every block is then paid for page by page, which costs more than sealing it.
"""

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST_BLOCK_BYTES = 32 << 20
_MOST_KEPT_BYTES = 256 << 20


def keep_freed_blocks() -> bool:
    """Let this process, and those forked from it, use freed blocks again; whether it can.

    Source: mallopt(3) of the GNU C library; other systems stay as they are.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    thresholds = {_MMAP_THRESHOLD: _LARGEST_BLOCK_BYTES, _TRIM_THRESHOLD: _MOST_KEPT_BYTES}
    return all(mallopt(name, value) == 1 for name, value in thresholds.items())
