"""Results that are kept beside the benchmarks, and the table and the plot that are made of them."""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

FOLDER = Path(__file__).with_name("results")
DOCUMENT = Path(__file__).with_name("RESULTS.md")
PLOT = Path(__file__).with_name("RESULTS.svg")
_BEGIN, _END = "<!-- kept results: made by `python -m benchmarks plot` -->", "<!-- end -->"

Report = Mapping[str, Any]

_ROW, _LABELS, _SCALE, _SIDE, _TOP = 24, 560, 380, 90, 46
_COLOURS = {None: "#8899aa", True: "#2e7d5b", False: "#c46a1b"}


def keep(report: Report) -> Path:
    """Write one benchmark's results, in place of those before."""
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / f"{report['benchmark']}.json"
    file.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return file


def kept() -> list[Report]:
    """All results that are kept, by name."""
    return [json.loads(file.read_text(encoding="utf-8")) for file in sorted(FOLDER.glob("*.json"))]


def publish(reports: Sequence[Report]) -> None:
    """Draw the plot, and put the table into the document in place of the one before."""
    PLOT.write_text(drawn(bars(reports)), encoding="utf-8")
    text = DOCUMENT.read_text(encoding="utf-8")
    section = f"{_BEGIN}\n\n![Ratios]({PLOT.name})\n\n{table(reports)}\n{_END}"
    if _BEGIN in text:
        before, rest = text.split(_BEGIN, 1)
        text = before + section + rest.split(_END, 1)[1]
    else:
        text = f"{text.rstrip()}\n\n{section}\n"
    DOCUMENT.write_text(text, encoding="utf-8")


def table(reports: Iterable[Report]) -> str:
    """One line for each figure, in Markdown."""
    lines = [
        "| benchmark | what | ours (median, range, runs) | peer | limit | goal | machine, date |",
        "|---|---|---|---|---|---|---|",
    ]
    for report in reports:
        machine = report["machine"]
        where = f"{machine['cores']} x {machine['cpu'] or machine['machine']}, {report['date']}"
        for figure in report["figures"]:
            ours = figure["ours"]
            spread = f"{ours['low']:.4g} to {ours['high']:.4g}, {ours['runs']}"
            cells = (
                f"`{report['command']}`",
                figure["what"],
                f"{ours['median']:.4g} {figure['unit']} ({spread})",
                ", ".join(f"{name} {value:g}" for name, value in figure["peer"].items()),
                ", ".join(f"{name} {value:g}" for name, value in figure["limit"].items()),
                figure["goal"],
                where,
            )
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class Bar:
    """One ratio in the plot.

    Attributes:
        goal: what the ratio should reach or not exceed, or None.
        met: whether it does, or None where there is no goal.
    """

    what: str
    median: float
    low: float
    high: float
    goal: float | None
    met: bool | None


def bars(reports: Iterable[Report]) -> list[Bar]:
    """The ratios among the figures: those whose unit is x."""
    return [
        _bar(figure)
        for report in reports
        for figure in report["figures"]
        if figure["unit"] == "x" and figure["ours"]["low"] > 0
    ]


def _bar(figure: Mapping[str, Any]) -> Bar:
    found = re.search(r"(at least|at most) ([\d.]+)", figure["goal"])
    goal = float(found[2]) if found else None
    ours = figure["ours"]
    met = None
    if found is not None and goal is not None:
        met = ours["median"] >= goal if found[1] == "at least" else ours["median"] <= goal
    return Bar(figure["what"], ours["median"], ours["low"], ours["high"], goal, met)


def drawn(ratios: Sequence[Bar]) -> str:
    """The plot as SVG: bars from 1 to the medians on a logarithmic axis, with range and goal."""
    numbers = [n for bar in ratios for n in (bar.low, bar.high, bar.goal or 1.0)] or [1.0]
    least = math.floor(math.log10(min(1.0, *numbers)))
    most = math.ceil(math.log10(max(10.0, *numbers)))
    width, height = _LABELS + _SCALE + _SIDE, _TOP + _ROW * len(ratios) + 20

    def x(value: float) -> float:
        return round(_LABELS + _SCALE * (math.log10(value) - least) / (most - least), 1)

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        _text(_LABELS, 16, "Ours beside each peer: ratio of medians, with the range and the goal"),
    ]
    for power in range(least, most + 1):
        at = x(10.0**power)
        lines.append(_line(at, _TOP - 8, at, height - 14, "#dddddd" if power else "#555555"))
        lines.append(_text(at, _TOP - 12, f"{10.0**power:g}", anchor="middle"))
    for number, bar in enumerate(ratios):
        lines += _row(bar, _TOP + _ROW * number, x)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _row(bar: Bar, top: float, x: Any) -> list[str]:
    middle, colour = top + _ROW / 2, _COLOURS[bar.met]
    first, last = sorted((x(1.0), x(bar.median)))
    lines = [
        _text(_LABELS - 8, middle + 4, bar.what, anchor="end"),
        f'<rect x="{first}" y="{top + 5}" width="{max(1.0, round(last - first, 1))}" '
        f'height="{_ROW - 10}" fill="{colour}"/>',
        _line(x(bar.low), middle, x(bar.high), middle, "#222222"),
        _text(_LABELS + _SCALE + 8, middle + 4, f"{bar.median:.3g}"),
    ]
    if bar.goal is not None:
        lines.append(_line(x(bar.goal), top + 2, x(bar.goal), top + _ROW - 2, "#b00020"))
    return lines


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{colour}" stroke-width="1.5"/>'


def _text(x: float, y: float, words: str, anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(words)}</text>'
