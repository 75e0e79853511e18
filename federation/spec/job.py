"""A job as it was asked for: a DSL and a conf that fit each other."""

from dataclasses import dataclass

from federation.errors import Problem
from federation.spec.conf import JobConf, read_conf_into, read_version
from federation.spec.dsl import Dsl, read_dsl_into
from federation.spec.findings import Findings
from federation.spec.job_parameters import JobType


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A job that has been read.

    Attributes:
        notes: what was ignored, in FATE's way.
    """

    dsl: Dsl
    conf: JobConf
    notes: tuple[Problem, ...] = ()


def read_job(job_dsl: object, job_runtime_conf: object) -> JobSpec:
    """A job from the two documents of a submit request.

    For a prediction they are the stored prediction DSL and the merged conf (see
    `federation.spec.predict`), not what was posted.

    Raises:
        InvalidJob: every problem of both documents, each with its path.
    """
    findings = Findings()
    version = read_version(findings, job_runtime_conf)
    predict = says_predict(job_runtime_conf)
    dsl = read_dsl_into(findings, job_dsl, version, predict=predict)
    conf = read_conf_into(findings, job_runtime_conf, dsl)
    findings.settle()
    return JobSpec(dsl, conf, findings.notes)


def says_predict(job_runtime_conf: object) -> bool:
    """Whether a conf, read or not, asks for a prediction."""
    at = job_runtime_conf
    words = []
    for key in ("job_parameters", "common"):
        at = at.get(key) if isinstance(at, dict) else None
        words.append(at.get("job_type") if isinstance(at, dict) else None)
    return JobType.PREDICT in words
