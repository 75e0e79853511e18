"""Other parameters for a job that has ended, and running it again with them."""

from typing import Any

import pytest

from federation.spec.orders import Reason

LR = "hetero_lr_0"


@pytest.fixture
def failed_job(live: Any, lr_dsl: Any, lr_conf: Any) -> str:
    live.agents.failing[LR] = Reason(code="diverged", message="the loss is not finite")
    job = live.client.submit(lr_dsl, lr_conf)
    assert live.client.wait(job, timeout_s=20) == "failed"
    live.agents.failing.clear()
    return str(job.job_id)


def update(live: Any, job_id: str, **more: Any) -> dict[str, Any]:
    return dict(live.client.call("job/parameter/update", {"job_id": job_id, **more}))


def told(live: Any, job_id: str, component: str = LR) -> dict[str, Any]:
    body = {"job_id": job_id, "role": "guest", "party_id": 9999, "component_name": component}
    return dict(live.client.ask("tracking/component/parameters", body)["ComponentParam"])


def test_a_rerun_runs_with_the_new_parameters(live: Any, failed_job: str) -> None:
    assert told(live, failed_job)["max_iter"] == 3
    answer = update(
        live, failed_job, component_parameters={"common": {LR: {"learning_rate": 0.01}}}
    )
    assert answer["retcode"] == 0
    assert answer["data"]["components"] == [LR]
    common = answer["data"]["component_parameters"]["common"][LR]
    assert common == {"max_iter": 3, "learning_rate": 0.01}
    live.client.ask("job/rerun", {"job_id": failed_job})
    assert live.client.wait(failed_job, timeout_s=20) == "success"
    assert told(live, failed_job)["learning_rate"] == 0.01
    versions = {
        row["f_component_name"]: row["f_task_version"] for row in live.client.tasks(failed_job)
    }
    assert (versions["reader_0"], versions[LR]) == (0, 1)


def test_parameters_of_one_seat_change_that_seat_alone(live: Any, failed_job: str) -> None:
    more = {"role": {"host": {"0": {LR: {"max_iter": 9}}}}}
    assert update(live, failed_job, component_parameters=more)["data"]["components"] == [LR]
    live.client.ask("job/rerun", {"job_id": failed_job})
    assert live.client.wait(failed_job, timeout_s=20) == "success"
    assert told(live, failed_job)["max_iter"] == 3
    conf = live.client.ask("job/config", {"job_id": failed_job})["runtime_conf"]
    assert conf["component_parameters"]["role"]["host"]["0"][LR] == {"max_iter": 9}


def test_parameters_that_can_not_run_change_nothing(live: Any, failed_job: str) -> None:
    before = live.client.ask("job/config", {"job_id": failed_job})
    wrong = {"common": {LR: {"max_itr": 3}}}
    answer = update(live, failed_job, component_parameters=wrong)
    assert answer["retcode"] == 101
    assert "max_iter" in answer["retmsg"]
    predict = update(live, failed_job, job_parameters={"common": {"job_type": "predict"}})
    assert predict["retcode"] != 0
    assert live.client.ask("job/config", {"job_id": failed_job}) == before


def test_a_job_that_runs_keeps_its_parameters(live: Any, lr_dsl: Any, lr_conf: Any) -> None:
    live.agents.busy.add("reader_0")
    job = live.client.submit(lr_dsl, lr_conf)
    live.await_status(job.job_id, "running", task="reader_0")
    answer = update(live, job.job_id, component_parameters={"common": {LR: {"max_iter": 9}}})
    live.client.stop(job.job_id)
    assert answer["retcode"] == 103
    assert "running" in answer["retmsg"]


def test_parameters_of_no_job_are_102(live: Any) -> None:
    answer = update(live, "1", component_parameters={"common": {LR: {"max_iter": 9}}})
    assert (answer["retcode"], answer["retmsg"]) == (102, "can not found job")


def test_a_job_of_version_1_is_updated_in_its_own_form(live: Any, lr_dsl: Any) -> None:
    dsl, conf = version_1(lr_dsl)
    live.agents.failing[LR] = Reason(code="diverged", message="the loss is not finite")
    job_id = live.client.submit(dsl, conf).job_id
    assert live.client.wait(job_id, timeout_s=20) == "failed"
    live.agents.failing.clear()
    more = {"common": {LR: {"max_iter": 9}}, "role": {"host": {"0": {LR: {"learning_rate": 2}}}}}
    answer = update(live, job_id, component_parameters=more)
    assert answer["data"]["components"] == [LR]
    assert answer["data"]["component_parameters"]["common"][LR] == {"max_iter": 9}
    live.client.jobs.rerun(job_id)
    assert live.client.wait(job_id, timeout_s=20) == "success"
    assert told(live, job_id)["max_iter"] == 9
    kept = live.client.jobs.config(job_id)["runtime_conf"]
    assert kept["role_parameters"]["host"][LR] == {"learning_rate": [2]}


@pytest.mark.parametrize("version", [1, "1"])
def test_a_prediction_dsl_of_version_1_reads_what_is_to_be_predicted(
    live: Any, lr_dsl: Any, version: Any
) -> None:
    dsl, _ = version_1(lr_dsl)
    made = live.client.jobs.predict_dsl(dsl, ["intersection_0", LR], version)
    assert made["components"]["intersection_0"]["input"]["data"] == {"data": ["args.eval_data"]}
    assert made["components"][LR]["input"]["model"] == [f"pipeline.{LR}.model"]


def version_1(dsl: Any) -> Any:
    """The job of `dsl` in the form of FATE before 1.5."""
    components = {name: part for name, part in dsl["components"].items() if name != "reader_0"}
    joined = {**components["intersection_0"], "input": {"data": {"data": ["args.train_data"]}}}

    def table(name: str) -> Any:
        return {"args": {"data": {"train_data": [{"name": name, "namespace": "breast"}]}}}

    conf = {
        "initiator": {"role": "guest", "party_id": 9999},
        "job_parameters": {"work_mode": 0},
        "role": {"guest": [9999], "host": [10000], "arbiter": [10000]},
        "role_parameters": {"guest": table("guest"), "host": table("host")},
        "algorithm_parameters": {LR: {"max_iter": 3}},
    }
    return {"components": {**components, "intersection_0": joined}}, conf
