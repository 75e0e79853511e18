"""How much a peer may make us hold: checked by walking a message before anything of it is built.

The walk reads lead bytes only. It knows the size, the depth and the number of elements of a message
while that message is still one run of bytes, so a short message that announces a giant one costs
nothing. Source: the MessagePack specification, formats overview.
"""

from dataclasses import dataclass, field

from federation.errors import MalformedMessage

LIFT_BYTES = 4096
"""Extension values from this size on are not copied out of the message."""
SMALL_BYTES = 1024
_SMALL_DEPTH = 8


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest message that is read.

    Attributes:
        size_bytes: bytes of the whole message.
        depth: containers inside each other.
        elements: entries of all lists and maps together (a map entry counts twice); the numbers
            of an array or a vector are one value, bounded by `size_bytes`.
    """

    size_bytes: int = 64 << 20
    depth: int = 32
    elements: int = 1 << 18
    small_bytes: int = field(init=False, repr=False, compare=False)
    """Messages of this size at most break no limit but that of depth."""
    small_depth: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "small_bytes", min(SMALL_BYTES, self.size_bytes, self.elements))
        object.__setattr__(self, "small_depth", min(_SMALL_DEPTH, self.depth))


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Lifted:
    """A large extension value: its code, and where it lies in the message."""

    code: int
    start: int
    payload: int
    end: int


def _leaf_sizes() -> bytes:
    sizes = bytearray(256)
    for lead in range(256):
        if lead < 0x80 or lead >= 0xE0 or lead in (0xC0, 0xC2, 0xC3):
            sizes[lead] = 1
        elif 0xA0 <= lead < 0xC0:
            sizes[lead] = 1 + (lead & 0x1F)
    for first in (0xCC, 0xD0):
        sizes[first : first + 4] = bytes((2, 3, 5, 9))
    sizes[0xCA], sizes[0xCB] = 5, 9
    return bytes(sizes)


_LEAVES = _leaf_sizes()
_RUNS = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
_EXTENSIONS = {0xC7: 1, 0xC8: 2, 0xC9: 4}
_FIXED_EXTENSIONS = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}
_LISTS = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}


class Survey:
    """One walk over a message; `lifted` holds what need not be copied out of it."""

    def __init__(self, data: memoryview, limits: Limits, codes: frozenset[int]) -> None:
        self._data = data
        self._limits = limits
        self._codes = codes
        self._elements = 0
        self.lifted: list[Lifted] = []

    def walk(self) -> None:
        """Check the whole message.

        Raises:
            MalformedMessage: it is over a limit, cut short, followed by more, or has a type that
                is not in the table.
        """
        data, end, deepest = self._data, len(self._data), self._limits.depth
        if end > self._limits.size_bytes:
            raise MalformedMessage("it is larger than the limit")
        pending, at = [1], 0
        while pending:
            if not pending[-1]:
                pending.pop()
                continue
            pending[-1] -= 1
            if at >= end:
                raise MalformedMessage("it is cut short")
            lead = data[at]
            size = _LEAVES[lead]
            if size:
                at += size
                continue
            entries, at = self._large(lead, at)
            if entries is not None:
                pending.append(entries)
                if len(pending) > deepest + 1:
                    raise MalformedMessage("it is nested too deep")
        if at != end:
            raise MalformedMessage("it is cut short" if at > end else "more bytes follow it")

    def _large(self, lead: int, at: int) -> tuple[int | None, int]:
        """An item whose size is written after its lead byte: its entries if any, and its end."""
        if lead in _RUNS:
            width = _RUNS[lead]
            return None, at + 1 + width + self._number(at + 1, width)
        if lead in _EXTENSIONS or lead in _FIXED_EXTENSIONS:
            return None, self._extension(lead, at)
        if lead < 0xA0:
            width, entries = 0, (lead & 0x0F) * (2 if lead < 0x90 else 1)
        elif lead in _LISTS:
            width, each = _LISTS[lead]
            entries = self._number(at + 1, width) * each
        else:
            raise MalformedMessage("it has a byte that starts nothing")
        at += 1 + width
        self._elements += entries
        if entries > len(self._data) - at:
            raise MalformedMessage("it announces more entries than it has bytes")
        if self._elements > self._limits.elements:
            raise MalformedMessage("it has more entries than the limit")
        return entries, at

    def _extension(self, lead: int, at: int) -> int:
        """The end of an extension value, which is noted when it is large."""
        width = _EXTENSIONS.get(lead, 0)
        size = self._number(at + 1, width) if width else _FIXED_EXTENSIONS[lead]
        payload = at + 2 + width
        end = payload + size
        if end > len(self._data):
            raise MalformedMessage("it is cut short")
        code = self._data[payload - 1]
        if code not in self._codes:
            raise MalformedMessage("it has a type that is not in the table")
        if size >= LIFT_BYTES:
            self.lifted.append(Lifted(code, at, payload, end))
        return end

    def _number(self, at: int, width: int) -> int:
        if at + width > len(self._data):
            raise MalformedMessage("it is cut short")
        return int.from_bytes(self._data[at : at + width], "big")
