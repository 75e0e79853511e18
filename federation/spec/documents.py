"""JSON from outside, read without trust: bounded in size and depth, and nothing that is not JSON.

`json.loads` recurses, takes NaN and 1e999, and hands out texts that no store can keep. Depth is
counted here before the parser runs, in time linear in the document and without recursion.
"""

import json
import math
import re
from collections.abc import Mapping
from itertools import accumulate
from typing import TypeAlias

from federation.errors import InvalidDocument, Problem
from federation.spec.findings import Path, kind_of, shown_path

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
JsonObject: TypeAlias = dict[str, JsonValue]

MOST_DEPTH = 200
MOST_BYTES = 16 * 1024 * 1024
MOST_BITS = 1024

# The closing quote is optional and nothing is given back: an open string costs one pass, not n.
_STRING = rb'"(?:[^"\\]++|\\.)*+"?'
_STRINGS = re.compile(_STRING, re.DOTALL)
_STRINGS_AND_BRACKETS = re.compile(_STRING + rb"|[\[\]{}]", re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_ODD_ESCAPE = re.compile(r"\\u(?:[dD][89a-fA-F]|0000)")
_ODD_TEXT = re.compile("[\ud800-\udfff\0]")

_Trail: TypeAlias = "tuple[_Trail, str | int] | None"


def parse_json(
    data: bytes, *, max_depth: int = MOST_DEPTH, max_bytes: int = MOST_BYTES
) -> JsonValue:
    """The value of a JSON document in UTF-8.

    Raises:
        InvalidDocument: too long, too deep, or not JSON; it says where.
    """
    if len(data) > max_bytes:
        raise _invalid(f"has {len(data)} bytes, the most is {max_bytes}")
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise _invalid(f"is not UTF-8 at {_place(data, error.start)}") from None
    _check_depth(data, max_depth)
    try:
        value: JsonValue = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        at = len(text[: error.pos].encode())
        raise _invalid(f"is not JSON: {error.msg} at {_place(data, at)}") from None
    except ValueError as error:
        raise _invalid(str(error)) from None
    if _ODD_ESCAPE.search(text) and (flaw := find_flaw(value, max_depth)):
        raise InvalidDocument([flaw])
    return value


def find_flaw(value: object, max_depth: int = MOST_DEPTH, root: Path = ()) -> Problem | None:
    """The first thing in `value` that JSON from outside may not hold, if there is one.

    That is: nesting deeper than `max_depth`, a kind JSON does not have, a key that is no text, a
    number that is not finite or has hundreds of digits, a text with NUL or half a surrogate pair.
    """
    todo: list[tuple[object, int, _Trail]] = [(value, 1, None)]
    while todo:
        item, depth, trail = todo.pop()
        if isinstance(item, Mapping | list | tuple):
            if depth > max_depth:
                return _flaw(root, trail, f"is nested deeper than {max_depth} levels")
            pairs = item.items() if isinstance(item, Mapping) else enumerate(item)
            for key, inner in pairs:
                if isinstance(item, Mapping) and (not isinstance(key, str) or _is_odd(key)):
                    return _flaw(root, trail, "has a key that is not a proper text")
                todo.append((inner, depth + 1, (trail, key)))
        elif isinstance(item, str):
            if _is_odd(item):
                return _flaw(root, trail, "is a text with NUL or half a surrogate pair")
        elif isinstance(item, float) and not math.isfinite(item):
            return _flaw(root, trail, "is not a finite number")
        elif isinstance(item, int) and item.bit_length() > MOST_BITS:
            return _flaw(root, trail, "is a number with too many digits")
        elif not (item is None or isinstance(item, int | float)):
            return _flaw(root, trail, f"is {kind_of(item)}, which JSON does not have")
    return None


def _check_depth(data: bytes, max_depth: int) -> None:
    if data.count(b"[") + data.count(b"{") <= max_depth:
        return
    brackets = _STRINGS.sub(b"", data).translate(None, _NO_BRACKETS)
    if max(accumulate(map(_STEP.__getitem__, brackets)), default=0) <= max_depth:
        return
    depth = 0
    for token in _STRINGS_AND_BRACKETS.finditer(data):
        depth += _STEP.get(data[token.start()], 0)
        if depth > max_depth:
            where = _place(data, token.start())
            raise _invalid(f"is nested deeper than {max_depth} levels at {where}")


def _place(data: bytes, at: int) -> str:
    """Where byte `at` stands, counted in characters within its line."""
    before = data[:at]
    line_start = before.rfind(b"\n") + 1
    column = len(before[line_start:].decode(errors="replace")) + 1
    line = before.count(b"\n") + 1
    return f"line {line}, column {column} (byte {at})"


def _invalid(message: str) -> InvalidDocument:
    return InvalidDocument([Problem("", message)])


def _no_constant(word: str) -> float:
    raise ValueError(f"holds {word}, which is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"holds the number {text[:30]}, which is too large")
    return value


def _is_odd(text: str) -> bool:
    return "\0" in text or (not text.isascii() and bool(_ODD_TEXT.search(text)))


def _flaw(root: Path, trail: _Trail, message: str) -> Problem:
    keys: list[str | int] = []
    while trail is not None:
        trail, key = trail
        keys.append(key)
    return Problem(shown_path((*root, *reversed(keys))), message)
