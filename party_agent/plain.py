"""Values as components write them, in the types that travel: numpy scalars become plain numbers."""

from collections.abc import Mapping
from enum import Enum
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """The same value without numpy scalars, tuples, enums and mappings of other kinds.

    Arrays and vectors stay as they are.
    """
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {_key(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return value


def json_like(value: Any) -> Any:
    """The same, with arrays as lists."""
    value = plain(value)
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, dict):
        return {key: json_like(item) for key, item in value.items()}
    if isinstance(value, list):
        return [json_like(item) for item in value]
    return value


def _key(key: Any) -> str:
    return str(key.value if isinstance(key, Enum) else key)
