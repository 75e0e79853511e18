"""Answers in FATE-Flow's envelope."""

import json
import math

import pytest
from aiohttp.test_utils import make_mocked_request

from federation.errors import (
    Conflict,
    InvalidJob,
    JobNotFound,
    JobRefused,
    PartyRefused,
    Problem,
    TripactError,
    Unavailable,
)
from federation.fateflow.envelope import Retcode, as_json, reply, retcode_of, says_no
from federation.fateflow.reading import MissingArguments


def told(error: Exception) -> dict[str, object]:
    response = says_no(make_mocked_request("POST", "/v1/x"), error)
    assert response.status == 200
    assert response.content_type == "application/json"
    return dict(json.loads(response.text or ""))


def test_success_is_the_exact_word_and_data_is_always_there() -> None:
    assert json.loads(reply().text or "") == {"retcode": 0, "retmsg": "success", "data": {}}


def test_no_code_makes_an_old_client_start_a_server_of_its_own() -> None:
    assert 999 not in list(Retcode)


@pytest.mark.parametrize("empty", [[], {}, "", 0, False])
def test_empty_data_is_not_dropped(empty: object) -> None:
    assert json.loads(reply(empty).text or "")["data"] == empty


def test_the_job_id_is_camel_case_beside_the_data() -> None:
    answer = json.loads(reply(job_id="J", meta={"a": 1}).text or "")
    assert (answer["jobId"], answer["meta"]) == ("J", {"a": 1})


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_no_number_is_infinite_or_nan(number: float) -> None:
    assert json.loads(as_json({"a": [(number, 1.5)]})) == {"a": [[-9999999, 1.5]]}


@pytest.mark.parametrize(
    ("error", "retcode"),
    [
        (MissingArguments(["a"]), 101),
        (JobNotFound("J"), 101),
        (Conflict("c"), 103),
        (PartyRefused("p"), 108),
        (Unavailable("u"), 104),
        (TripactError("x"), 100),
        (TripactError("x", retcode=102), 102),
    ],
)
def test_each_family_of_errors_has_its_code(error: TripactError, retcode: int) -> None:
    assert retcode_of(error) == retcode


def test_all_problems_are_told_with_their_paths() -> None:
    answer = told(InvalidJob([Problem("a.b", "is wrong"), Problem("c", "is missing")]))
    assert answer["retmsg"] == "the job has 2 problems: a.b: is wrong; c: is missing"
    assert answer["data"] == {
        "code": "invalid_job",
        "problems": [
            {"path": "a.b", "message": "is wrong"},
            {"path": "c", "message": "is missing"},
        ],
    }


def test_a_job_that_was_recorded_is_named_in_the_refusal() -> None:
    assert told(JobRefused("J", [("9999", "x", "no")]))["jobId"] == "J"


def test_an_unforeseen_error_shows_its_kind_and_not_its_text() -> None:
    answer = told(ValueError("row 17 of the table is secret"))
    assert answer["retcode"] == 100
    assert "secret" not in str(answer)
    assert "ValueError" in str(answer["retmsg"])
