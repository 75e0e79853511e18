"""What is made of kept results: a plot that is SVG, and a table that replaces the one before."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks import kept
from benchmarks.measure import Benchmark, Figure, as_dict

FIGURES = [
    Figure.of("sums <a & b>", "s", [0.5, 0.4, 0.6], rival=2.0).within(adds_alone=0.25),
    Figure.of("sums: times as fast as the peer", "x", [4.0, 5.0, 6.0], goal="at least 3"),
    Figure.of("join: share of the peer's time", "x", [0.9, 0.8], goal="at most 0.7"),
    Figure.of("no goal", "x", [40.0]),
]
NAME = "{http://www.w3.org/2000/svg}"


def report(**more: Any) -> dict[str, Any]:
    return as_dict(Benchmark("sums", "sums of things", lambda: FIGURES), FIGURES, 30) | more


def test_goals_are_met_from_the_side_they_name() -> None:
    assert [(bar.median, bar.goal, bar.met) for bar in kept.bars([report()])] == [
        (5.0, 3.0, True),
        (pytest.approx(0.85), 0.7, False),
        (40.0, None, None),
    ]


def test_every_ratio_has_a_bar_between_one_and_its_median() -> None:
    tree = ElementTree.fromstring(kept.drawn(kept.bars([report()])))
    rows = tree.findall(f"{NAME}rect")[1:]
    assert len(rows) == 3
    wide = [float(row.attrib["width"]) for row in rows]
    assert wide[2] > wide[0] > wide[1]
    words = [text.text for text in tree.findall(f"{NAME}text")]
    assert "sums: times as fast as the peer" in words


def test_a_report_carries_ours_the_peer_the_ratio_the_limit_and_the_machine() -> None:
    told = report()
    assert told["machine"]["cores"] >= 1
    assert told["figures"][0] == {
        "what": "sums <a & b>",
        "unit": "s",
        "ours": {"median": 0.5, "low": 0.4, "high": 0.6, "runs": 3},
        "peer": {"rival": 2.0},
        "ratio": {"rival": 0.25, "adds_alone": 2.0},
        "limit": {"adds_alone": 0.25},
        "goal": "",
    }


def test_a_plot_of_nothing_is_a_plot() -> None:
    assert ElementTree.fromstring(kept.drawn([])).tag == f"{NAME}svg"


def test_the_table_names_command_machine_and_date() -> None:
    text = kept.table([report(date="2026-01-02")])
    assert "| `run sums --size 30` | sums <a & b> | 0.5 s (0.4 to 0.6, 3) |" in text
    assert "| rival 2 | adds_alone 0.25 |" in text
    assert "2026-01-02" in text
    assert len(text.splitlines()) == 2 + len(FIGURES)


def test_results_published_again_replace_those_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, file in (("DOCUMENT", "R.md"), ("PLOT", "R.svg"), ("FOLDER", "results")):
        monkeypatch.setattr(kept, name, tmp_path / file)
    kept.DOCUMENT.write_text("# Results\n\nProse.\n")
    kept.keep(report(date="2025-01-01"))
    kept.publish(kept.kept())
    kept.keep(report(date="2026-01-02"))
    kept.publish(kept.kept())
    text = kept.DOCUMENT.read_text()
    assert text.startswith("# Results\n\nProse.\n")
    assert "2025-01-01" not in text
    assert text.count("| `run sums --size 30`") == len(FIGURES)
    assert ElementTree.parse(kept.PLOT).getroot().tag == f"{NAME}svg"
