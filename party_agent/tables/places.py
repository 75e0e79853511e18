"""How a file comes to its place: written beside it under an unused name, then moved, whole."""

import errno
import os
import secrets
import shutil
from pathlib import Path
from typing import IO

_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.EXDEV)
"""What file systems say that have no second names for a file."""


def new_file(path: Path) -> tuple[Path, IO[bytes]]:
    """A file of its own in the folder of `path`, readable by its owner alone."""
    temporary = path.with_name(f".{secrets.token_hex(12)}.part")
    for _ in range(100):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        except FileNotFoundError:
            continue  # another process dropped the last table of the folder just now
        return temporary, os.fdopen(descriptor, "wb")
    raise FileNotFoundError(str(path.parent))


def publish(temporary: Path, path: Path, *, replace: bool) -> bool:
    """Move a whole file to its place; False if something is there that may not be replaced."""
    if replace:
        temporary.replace(path)
    else:
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_LINKS or path.exists():
                raise
            shutil.copyfile(temporary, path.with_name(copy := f".{secrets.token_hex(12)}.part"))
            path.with_name(copy).replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return True
