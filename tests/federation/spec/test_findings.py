"""Saying what is wrong, and where."""

from federation.spec.findings import Findings, did_you_mean, shown, shown_path


def test_a_path_is_written_as_people_write_it() -> None:
    assert shown_path(("conf", "role", "0|1", "a b", 3, "x")) == 'conf.role.0|1["a b"][3].x'


def test_long_values_and_paths_are_cut() -> None:
    assert len(shown("x" * 10_000)) < 70
    assert len(shown_path(("a",) * 10_000)) < 70


def test_a_word_in_another_case_is_the_closest() -> None:
    assert did_you_mean("heterolr", ["HeteroNN", "HeteroLR"]) == '; did you mean "HeteroLR"?'
    assert did_you_mean("zzz", ["HeteroNN"]) == ""


def test_the_same_problem_is_said_once() -> None:
    findings = Findings()
    for _ in range(3):
        findings.problem(("a",), "is wrong")
    assert len(findings.problems) == 1
