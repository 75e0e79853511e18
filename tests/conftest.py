"""What all tests share: property tests without a stopwatch, and logs that end with their test."""

import logging
import os
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

# Others may be using the machine: how long an example takes says nothing about the code. Examples
# are the same for everyone; `pytest --hypothesis-profile=search` looks for others.
settings.register_profile("tripact", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None)
settings.load_profile("tripact")

# Boxes that a terminal breaks into lines would break the names that tests look for.
os.environ["COLUMNS"] = "400"


@pytest.fixture(autouse=True)
def _logs_end_with_their_test() -> Iterator[None]:
    """A command that sets up logging writes to a stream that is closed after its test."""
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
