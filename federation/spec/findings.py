"""What is wrong with a document, or worth a note: all of it at once, each with its path.

Reading never stops at the first problem. A reader takes what it can, records the rest here, and the
one who asked gets the whole list. A note is what FATE ignores without a word (a section of a
component the DSL does not have, say) and a person may still want to know.
"""

import difflib
import json
import re
from collections.abc import Collection, Mapping, Sequence

from federation.errors import InvalidJob, Problem

Path = tuple[str | int, ...]
"""Where in a document: keys and list indexes from its root."""

MOST_FINDINGS = 100
"""Findings of one kind that are kept; the rest is counted."""

_PLAIN_KEY = re.compile(r"[\w|#-]{1,60}")
_LONGEST_PATH = 12
_MOST_COMPARED = 500


class Findings:
    """Problems and notes of one reading, in the order in which they were met."""

    def __init__(self) -> None:
        self._problems: dict[Problem, None] = {}
        self._notes: dict[Problem, None] = {}
        self._unkept = 0

    def problem(self, path: Path, message: str) -> None:
        """Record something that must be corrected."""
        found = Problem(shown_path(path), message)
        if found in self._problems:
            return
        if len(self._problems) < MOST_FINDINGS:
            self._problems[found] = None
        else:
            self._unkept += 1

    def note(self, path: Path, message: str) -> None:
        """Record something that is ignored."""
        if len(self._notes) < MOST_FINDINGS:
            self._notes[Problem(shown_path(path), message)] = None

    def unknown_key(self, path: Path, key: str, known: Collection[str]) -> None:
        """A key nobody reads: a problem where it looks like a slip of the pen, else a note."""
        hint = did_you_mean(key, known, cutoff=0.8)
        if hint:
            self.problem((*path, key), f"is not known here{hint}")
        else:
            self.note((*path, key), "is not known here and is ignored")

    @property
    def problems(self) -> tuple[Problem, ...]:
        """All problems; the last line counts those that were not kept."""
        rest = (Problem("", f"and {self._unkept} more"),) if self._unkept else ()
        return (*self._problems, *rest)

    @property
    def notes(self) -> tuple[Problem, ...]:
        """All notes."""
        return tuple(self._notes)

    @property
    def full(self) -> bool:
        """Whether further problems would only be counted."""
        return len(self._problems) >= MOST_FINDINGS

    def settle(self) -> None:
        """Go on only if nothing is wrong.

        Raises:
            InvalidJob: there are problems; it holds all of them.
        """
        if self._problems:
            raise InvalidJob(self.problems)

    # --- reading values of unknown kind ----------------------------------------------------------

    def object_at(self, value: object, path: Path) -> Mapping[str, object]:
        """`value` if it is an object; nothing where it is null, a problem where it is not."""
        if isinstance(value, Mapping):
            return value
        if value is not None:
            self.problem(path, f"is {kind_of(value)}, must be an object")
        return {}

    def list_at(self, value: object, path: Path) -> Sequence[object]:
        """`value` if it is a list; nothing where it is null, a problem where it is not."""
        if isinstance(value, list | tuple):
            return value
        if isinstance(value, str | int):
            self.problem(path, f"is {kind_of(value)}, must be a list: [{shown(value)}]")
        elif value is not None:
            self.problem(path, f"is {kind_of(value)}, must be a list")
        return ()

    def text_at(self, value: object, path: Path) -> str | None:
        """`value` if it is a text with something in it."""
        if isinstance(value, str) and value.strip():
            return value
        found = "is empty" if isinstance(value, str) else f"is {kind_of(value)}"
        self.problem(path, f"{found}, must be a text")
        return None


def shown_path(path: Path) -> str:
    """A path as people write it: `job_dsl.components.lr_0.input.data.train_data[0]`."""
    text = ""
    for key in path[:_LONGEST_PATH]:
        if isinstance(key, int):
            text += f"[{key}]"
        elif _PLAIN_KEY.fullmatch(key):
            text += f".{key}"
        else:
            text += f"[{shown(key)}]"
    return text.removeprefix(".") + ("..." if len(path) > _LONGEST_PATH else "")


def shown(value: object) -> str:
    """A value in one short piece of text."""
    if isinstance(value, str) and len(value) > 60:
        value = value[:57] + "..."
    if value is None or isinstance(value, str | int | float):
        return json.dumps(value, ensure_ascii=False)
    return kind_of(value)


def kind_of(value: object) -> str:
    """What a value is, in words."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list() | tuple():
            return "a list"
        case Mapping():
            return "an object"
        case _:
            return f"a {type(value).__name__}"


def did_you_mean(word: str, known: Collection[str], cutoff: float = 0.6) -> str:
    """`; did you mean "..."?` for the closest of `known`, or nothing."""
    same = [name for name in known if name.lower() == word.lower()]
    candidates = list(known)[:_MOST_COMPARED]
    near = same or difflib.get_close_matches(word[:100], candidates, n=1, cutoff=cutoff)
    return f'; did you mean "{near[0]}"?' if near else ""


def listed(names: Collection[str]) -> str:
    """Names in one line, as people write them; `nothing` where there are none."""
    return ", ".join(sorted(names)) or "nothing"
