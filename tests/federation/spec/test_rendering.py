"""A job that was read, written again."""

from typing import Any

from federation.spec.catalogue import Catalogue
from federation.spec.job import JobSpec, read_job
from federation.spec.party import HOST, Party
from federation.spec.plan import plan
from federation.spec.rendering import conf_document, dsl_document


def written_and_read(job: JobSpec) -> JobSpec:
    return read_job(dsl_document(job.dsl), conf_document(job))


def test_a_job_of_either_version_is_the_same_job_when_written_as_version_2(
    dsl_v1: dict[str, Any],
    conf_v1: dict[str, Any],
    dsl_v2: dict[str, Any],
    conf_v2: dict[str, Any],
    catalogue: Catalogue,
) -> None:
    for dsl, conf in ((dsl_v1, conf_v1), (dsl_v2, conf_v2)):
        job = read_job(dsl, conf)
        again = written_and_read(job)
        assert plan(again, catalogue) == plan(job, catalogue)
        assert again.conf.job_parameters == job.conf.job_parameters
        assert (again.conf.initiator, again.conf.roles) == (job.conf.initiator, job.conf.roles)


def test_a_prediction_and_an_inheritance_survive_being_written(
    dsl_v2: dict[str, Any], conf_v2: dict[str, Any]
) -> None:
    conf_v2["job_parameters"]["common"] |= {
        "job_type": "predict",
        "model_id": "m",
        "model_version": "v",
        "inheritance_info": {"job_id": 3, "component_list": ["reader_0"]},
    }
    dsl_v2["components"]["hetero_lr_0"]["input"]["model"] = ["pipeline.hetero_lr_0.model"]
    job = read_job(dsl_v2, conf_v2)
    again = written_and_read(job)
    assert again.dsl == job.dsl
    assert again.conf.job_parameters == job.conf.job_parameters


def test_one_seats_conf_shows_no_other_seats_parameters(
    dsl_v2: dict[str, Any], conf_v2: dict[str, Any]
) -> None:
    document = conf_document(read_job(dsl_v2, conf_v2), Party(HOST, "10001"))
    roles: Any = document["component_parameters"]
    assert list(roles["role"]) == ["host"]
    assert list(roles["role"]["host"]) == ["1"]
    assert document["job_parameters"] == {
        "common": {
            "job_type": "train",
            "task_cores": 8,
            "task_parallelism": 1,
            "auto_retries": 0,
            "auto_retry_delay": 1.0,
            "timeout": 259_200.0,
        }
    }
