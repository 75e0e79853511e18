"""Names that others chose, as names of files: safe, readable, different where they differ."""

import hashlib
from urllib.parse import quote

_LONGEST = 180


def file_name(name: str) -> str:
    """A file name for any text: no separator, no leading dot, never too long for a disk.

    Raises:
        ValueError: the text is empty.
    """
    if not name:
        raise ValueError("a name is not empty")
    # A tilde only ever marks a name that was cut, so that no name can be written to look like one.
    safe = quote(name, safe=" #@+=,").replace("~", "%7E")
    if safe.startswith("."):
        safe = f"%2E{safe[1:]}"
    if len(safe) <= _LONGEST:
        return safe
    return f"{safe[: _LONGEST - 33]}~{hashlib.sha256(name.encode()).hexdigest()[:32]}"
