"""Where other systems live: each in an environment of its own, outside of ours."""

import os
import sys
from pathlib import Path


def peer_python(place: str, told_in: str) -> Path | None:
    """A peer's interpreter under `$TRIPACT_PEERS` or `~/.cache/tripact-peers`.

    Args:
        place: name of its environment.
        told_in: file that says how to get it; named on stderr where it is not installed.
    """
    home = Path(os.environ.get("TRIPACT_PEERS", Path.home() / ".cache" / "tripact-peers"))
    python = home / place / "bin" / "python"
    if python.exists():
        return python
    sys.stderr.write(f"{place} is not at {python}; benchmarks/{told_in} says how to get it\n")
    return None
