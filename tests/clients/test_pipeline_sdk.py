"""The pipeline SDK of fate-client 1.11.3: a script that trains, fetches, deploys and predicts."""

import json
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from coordinator.client import FlowClient
from examples.running import Standalone
from tests.clients.online import asked_online
from tests.clients.recipes import FATE_CLIENT_1_11, Box, boxed
from tests.together.parts import BREAST

SCRIPTS = Path(__file__).parent / "scripts"
LIMIT_S = 600.0
ROWS = 569
PREDICTED = ["label", "predict_result", "predict_score", "predict_detail", "type"]


@pytest.fixture(scope="module")
def sdk(
    installing: dict[str, Future[Path]],
    running: Standalone,
    tmp_path_factory: pytest.TempPathFactory,
) -> Box:
    """The pipeline SDK, told where the server is."""
    installing[FATE_CLIENT_1_11.name].result()
    box = boxed(FATE_CLIENT_1_11, tmp_path_factory.mktemp("pipeline"))
    where = ("--ip", "127.0.0.1", "--port", str(running.port))
    assert "succeeded" in box.run("pipeline", "init", *where, "-d", str(box.work / "logs"))
    return box


def ran(sdk: Box, script: str, *arguments: str) -> None:
    said = sdk.run("python", str(SCRIPTS / script), str(sdk.work), *arguments, limit_s=LIMIT_S)
    assert "Traceback" not in said, said[-4000:]


@pytest.fixture(scope="module")
def report(sdk: Box) -> Any:
    """What the SDK was given in the first script."""
    files = (str(BREAST / "guest.csv"), str(BREAST / "host.csv"))
    ran(sdk, "train_with_pipeline.py", *files)
    return json.loads((sdk.work / "report.json").read_text())


def test_the_summary_has_a_weight_for_each_column_of_the_guest(report: Any) -> None:
    assert sorted(report["summary"]["coef"]) == [f"x{i}" for i in range(10)]
    assert isinstance(report["summary"]["intercept"], float)


def test_output_data_is_parsed_into_numbers_and_details(report: Any) -> None:
    assert report["columns"] == ["id", *PREDICTED]
    assert len(report["trained"]) == ROWS
    for result, score, detail in report["trained"].values():
        assert result in (0.0, 1.0)
        assert detail["1"] == pytest.approx(score, abs=1e-6)
        assert detail["0"] + detail["1"] == pytest.approx(1, abs=1e-6)


def test_output_data_of_features_has_label_and_columns(report: Any) -> None:
    assert report["features"] == ["id", "y", *(f"x{i}" for i in range(10))]


def test_an_output_table_is_named_without_its_output(report: Any) -> None:
    assert {"table_name", "table_namespace"} <= report["tables"].keys()
    assert "data_name" not in report["tables"]


def test_the_model_and_the_summary_agree(report: Any) -> None:
    assert report["model"]["weight"] == pytest.approx(report["summary"]["coef"])


def test_the_evaluation_is_nested_by_component_and_stage(report: Any) -> None:
    assert 0.9 < report["evaluation"]["hetero_lr_0"]["train"]["auc"] < 1


def test_a_deployed_pipeline_predicts_what_it_was_trained_to(report: Any) -> None:
    assert report["predicted"].keys() == report["trained"].keys()
    for name, (_, score, _) in report["trained"].items():
        assert report["predicted"][name][1] == pytest.approx(score, abs=1e-6)
    auc = report["evaluation"]["hetero_lr_0"]["train"]["auc"]
    predicted = report["predict_evaluation"]["hetero_lr_0"]["predict"]["auc"]
    assert predicted == pytest.approx(auc, abs=1e-6)


def test_a_pipeline_that_was_loaded_and_bound_answers_online(
    report: Any, server: FlowClient
) -> None:
    assert report["predicted"]
    answer = asked_online(server, "pipeline_service")
    assert answer["retcode"] == 0, answer
    assert 0 < answer["data"]["score"] < 1


def test_a_saved_pipeline_predicts_the_same_in_another_process(sdk: Box, report: Any) -> None:
    ran(sdk, "predict_with_pipeline.py")
    again = json.loads((sdk.work / "again.json").read_text())
    assert again["coef"] == report["summary"]["coef"]
    first = {name: score for name, (_, score, _) in report["predicted"].items()}
    second = {name: score for name, (_, score, _) in again["predicted"].items()}
    assert second == pytest.approx(first, abs=1e-6)
