"""Files that are streamed to this party wait here until a table is made of them."""

import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Spooled:
    """A file that came whole.

    Attributes:
        sha256: of its bytes, in hex.
    """

    size_bytes: int
    sha256: str


async def spool(path: Path, blocks: AsyncIterator[bytes]) -> Spooled:
    """Write a file that only this machine's owner can read; one that breaks off is deleted."""
    digest, size = hashlib.sha256(), 0
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            async for block in blocks:
                file.write(block)
                digest.update(block)
                size += len(block)
    except BaseException:
        path.unlink(missing_ok=True)  # noqa: ASYNC240 - a local file, and gone at once
        raise
    return Spooled(size, digest.hexdigest())
