"""Requests made from our own OpenAPI document: no crash, and answers as the document says.

Schemathesis makes them, for each route some that fit the document and some that do not. They are
derived from the routes alone, so that each run asks the same.
"""

from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from coordinator.api.fateflow import DIALECT
from coordinator.api.openapi import document

EXAMPLES = 3
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
SCHEMA = schemathesis.openapi.from_dict(document([DIALECT], "1"))
OPERATIONS = {operation.ok().path: operation.ok() for operation in SCHEMA.get_all_operations()}


@pytest.fixture(scope="module")
def session() -> Any:
    """One connection for all requests."""
    with requests.Session() as kept:
        yield kept


def test_every_route_can_be_asked_by_its_description() -> None:
    assert set(OPERATIONS) == {f"/v1/{route.path}" for route in DIALECT.routes}


@pytest.mark.parametrize("path", sorted(OPERATIONS))
def test_answers_are_as_the_document_says(live: Any, session: Any, path: str) -> None:
    operation = OPERATIONS[path]
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def asked(data: st.DataObject) -> None:
        mode = data.draw(st.sampled_from(modes if operation.body else modes[:1]))
        case = data.draw(operation.as_strategy(generation_mode=mode))
        response = case.call(base_url=live.url, session=session, timeout=20)
        case.validate_response(response, checks=CHECKS)
        if "json" in response.headers["content-type"][0]:
            assert "the log of the server says more" not in response.text

    asked()
