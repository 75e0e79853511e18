import re
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from federation.channel.memory import run_together
from federation.components.component import JobFacts, Result
from federation.components.statistics.evaluation import EvaluateParams, evaluation
from federation.components.statistics.metrics import KNOWN_NAMES
from federation.components.statistics.predictions import NoPredictions
from federation.errors import InvalidParameters
from federation.spec.party import ARBITER, GUEST, HOST, Party, Role
from federation.tables import Table

SEATS = {role: Party(role, party_id) for role, party_id in zip(Role, "1231", strict=True)}
LABELS = np.array([0.0, 1.0, 1.0, 0.0, 1.0])
SCORES = np.array([0.2, 0.9, 0.4, 0.4, 0.6])


class Notes:
    """A report that keeps what it is told."""

    def __init__(self) -> None:
        self.metrics: dict[tuple[str, str], dict[str, Any]] = {}
        self.lines: list[str] = []

    def metric(
        self,
        namespace: str,
        name: str,
        metric_type: str,
        data: list[tuple[Any, Any]] | None = None,
        **meta: Any,
    ) -> None:
        self.metrics[namespace, name] = {"metric_type": metric_type, "data": data, **meta}

    def progress(self, done: int, total: int) -> None:
        pass

    def log(self, message: str, **facts: Any) -> None:
        self.lines.append(f"{message} {facts}")


def predicted(stage: str = "train", source: str = "hetero_lr_0") -> Table:
    return Table.predictions(
        [f"id{row}" for row in range(len(LABELS))],
        label=LABELS,
        result=(SCORES > 0.5).astype(np.float64),
        score=SCORES,
        detail=[f"{{'0': {1 - score}, '1': {score}}}" for score in SCORES],
        stage=stage,
    ).named(source)


async def evaluated(
    params: dict[str, Any], tables: tuple[Table, ...], role: Role = GUEST
) -> tuple[Result, Notes]:
    """What one role gives and reports; guest, host and arbiter are there, none sends a letter."""
    notes = {party: Notes() for party in SEATS.values()}

    def share(party: Party) -> Any:
        async def run(channel: Any) -> Result:
            facts = JobFacts("job", "task", 0, "evaluation_0", party, 0, channel.parties)
            ports = {"data": tables} if party.role is role else {}
            return await evaluation.run(
                channel, EvaluateParams.parse(params), ports, notes[party], facts
            )

        return run

    seats = [SEATS[seat] for seat in (GUEST, HOST, ARBITER)]
    together = await run_together({party: share(party) for party in seats}, evaluation.messages)
    assert together.ledger == []
    return together[SEATS[role]], notes[SEATS[role]]


async def test_the_guest_reports_the_metrics_of_its_predictions() -> None:
    result, notes = await evaluated({}, (predicted(),))
    auc = round(roc_auc_score(LABELS, SCORES), 6)
    summary = notes.metrics["train", "hetero_lr_0"]
    assert summary["metric_type"] == "EVALUATION_SUMMARY"
    assert summary["data"][0] == ("auc", auc)
    assert notes.metrics["train", "hetero_lr_0_roc"]["metric_type"] == "ROC_EVALUATION"
    assert result.summary == {"hetero_lr_0": {"train": dict(summary["data"])}}


async def test_several_tables_and_stages_are_each_summarised() -> None:
    tables = (predicted(), predicted("validate"), predicted("predict", "hetero_lr_1"))
    result, _ = await evaluated({"metrics": ["auc"]}, tables)
    assert result.summary is not None
    assert {name: list(stages) for name, stages in result.summary.items()} == {
        "hetero_lr_0": ["train", "validate"],
        "hetero_lr_1": ["predict"],
    }


@pytest.mark.parametrize("role", [GUEST, HOST, ARBITER])
async def test_a_party_without_predictions_succeeds_with_nothing(role: Role) -> None:
    result, notes = await evaluated({}, (), role)
    assert (result.data, result.summary, notes.metrics) == ((), {}, {})


async def test_a_host_measures_the_predictions_that_it_has_itself() -> None:
    result, _ = await evaluated({"metrics": ["auc"]}, (predicted(source="homo_lr_0"),), HOST)
    assert result.summary is not None
    assert list(result.summary) == ["homo_lr_0"]


async def test_a_host_leaves_rows_that_are_no_predictions_alone() -> None:
    table = Table.instances(["a"], np.ones((1, 1)), ["x0"])
    result, _ = await evaluated({}, (table.named("hetero_lr_0"),), HOST)
    assert result.summary == {}


async def test_a_guest_that_is_given_no_predictions_is_told_what_to_bind() -> None:
    table = Table.instances(["a"], np.ones((1, 1)), ["x0"], label=np.ones(1))
    with pytest.raises(NoPredictions, match="bind Evaluation to the output of a model"):
        await evaluated({}, (table.named("data_transform_0"),))


async def test_a_component_that_is_not_to_run_hands_its_table_through() -> None:
    table = predicted()
    result, notes = await evaluated({"need_run": False}, (table,))
    assert (result.data, notes.metrics) == ((table,), {})


async def test_the_positive_label_can_be_chosen() -> None:
    result, _ = await evaluated({"pos_label": 0, "metrics": ["auc"]}, (predicted(),))
    auc = round(roc_auc_score(1 - LABELS, SCORES), 6)
    assert result.summary == {"hetero_lr_0": {"train": {"auc": auc}}}


async def test_no_line_of_the_log_holds_a_row() -> None:
    _, notes = await evaluated({}, (predicted(),))
    assert notes.lines
    assert not re.search(r"id\d", "".join(notes.lines))


def test_the_defaults_are_those_of_fate() -> None:
    p = EvaluateParams.parse({"metrics": None, "eval_type": None})
    assert (p.eval_type, p.pos_label, p.need_run, p.metrics) == ("binary", 1, True, None)
    assert not p.run_clustering_arbiter_metric
    assert not p.unfold_multi_result
    assert p.asked.metrics[:2] == ("auc", "ks")


@pytest.mark.parametrize(
    ("params", "path", "message"),
    [
        ({"metrics": ["auc", "kss"]}, "metrics", "'kss' is not a metric; did you mean 'ks'"),
        ({"metrics": ["rmse"]}, "metrics", "is a metric of regression, not of binary"),
        ({"eval_type": "multy"}, "eval_type", "did you mean 'multi'"),
        ({"metric": ["auc"]}, "metric", "did you mean 'metrics'"),
        (
            {"eval_type": "clustering", "run_clustering_arbiter_metric": "often"},
            "run_clustering_arbiter_metric",
            "valid boolean",
        ),
    ],
)
def test_a_wrong_parameter_is_answered_with_its_place_and_the_remedy(
    params: dict[str, Any], path: str, message: str
) -> None:
    with pytest.raises(InvalidParameters) as caught:
        EvaluateParams.parse(params)
    (problem,) = caught.value.problems
    assert problem.path == path
    assert message in problem.message


def test_the_published_schema_knows_every_metric_name_in_any_case() -> None:
    schema = EvaluateParams.schema_for_catalogue()["properties"]["metrics"]
    pattern = re.search(r"'pattern': '([^']+)'", str(schema))
    assert pattern is not None
    for name in KNOWN_NAMES:
        assert re.search(pattern[1], name.upper())
    assert not re.search(pattern[1], "kss")


def test_evaluation_declares_no_letter_and_needs_no_deploy() -> None:
    declared = evaluation.declare()
    assert (declared.module, declared.class_name) == ("Evaluation", "EvaluateParam")
    assert declared.messages == ()
    assert not declared.need_deploy
    assert declared.roles == {GUEST, HOST, ARBITER}
