"""What a benchmark is, and what it gives: medians with their spread, a goal, and the machine."""

import os
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured quantity.

    Attributes:
        what: what was measured.
        unit: of all numbers here.
        median: of `runs` measurements.
        goal: what it should not exceed (or reach), as a sentence.
        peer: what others took for the same, measured in turns with ours.
        limit: what the machine allows, as far as it was measured.
    """

    what: str
    unit: str
    median: float
    low: float
    high: float
    runs: int
    goal: str = ""
    peer: Mapping[str, float] = field(default_factory=dict)
    limit: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(
        cls, what: str, unit: str, samples: Sequence[float], *, goal: str = "", **peer: float
    ) -> "Figure":
        """The figure of some samples; `peer` are medians of others, in the same unit."""
        least, most = min(samples), max(samples)
        return cls(what, unit, statistics.median(samples), least, most, len(samples), goal, peer)

    def within(self, **limit: float) -> "Figure":
        """The same, with what the machine allows, in the same unit."""
        return replace(self, limit=limit)

    def as_dict(self) -> dict[str, Any]:
        """As plain JSON; `ratio` is our median over each peer's and each limit."""
        others = {**self.peer, **self.limit}
        return {
            "what": self.what,
            "unit": self.unit,
            "ours": {
                "median": self.median,
                "low": self.low,
                "high": self.high,
                "runs": self.runs,
            },
            "peer": dict(self.peer),
            "ratio": {name: round(self.median / value, 4) for name, value in others.items()},
            "limit": dict(self.limit),
            "goal": self.goal,
        }

    def __str__(self) -> str:
        """One line for people."""
        goal = f"  (goal: {self.goal})" if self.goal else ""
        others = (*self.peer.items(), *((f"limit {name}", at) for name, at in self.limit.items()))
        beside = "".join(f"  {name}: {value:g} {self.unit}" for name, value in others)
        return (
            f"{self.what}: median {self.median:.4g} {self.unit}"
            f" [{self.low:.4g} .. {self.high:.4g}] of {self.runs}{beside}{goal}"
        )


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A named measurement.

    Attributes:
        run: called with a size, or with nothing where there is none to choose.
        size: the size if none is asked for.
    """

    name: str
    doc: str
    run: Callable[..., list[Figure]]
    size: int | None = None

    def figures(self, size: int | None) -> list[Figure]:
        """Measure, at that size where one can be chosen."""
        return self.run() if self.size is None else self.run(size=size or self.size)


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "cpu": _cpu_name(),
    }


def as_dict(
    benchmark: Benchmark, figures: Sequence[Figure], size: int | None = None
) -> dict[str, Any]:
    """Everything as plain JSON; `size` is the one that was asked for."""
    return {
        "benchmark": benchmark.name,
        "command": f"run {benchmark.name}" + (f" --size {size}" if size else ""),
        "date": date.today().isoformat(),
        "machine": machine(),
        "figures": [figure.as_dict() for figure in figures],
    }


def _cpu_name() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123 - not a real file
            names = [line.split(":", 1)[1].strip() for line in lines if "model name" in line]
    except OSError:
        return platform.processor()
    return names[0] if names else ""
