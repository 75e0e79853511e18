"""What tests of real processes share: example jobs and data."""

import json
from pathlib import Path
from typing import Any

from coordinator.client import FlowClient

EXAMPLES = Path(__file__).parents[2] / "examples"
BREAST = EXAMPLES / "data" / "breast"
DEADLINE_S = 120.0

Job = tuple[dict[str, Any], dict[str, Any]]


def example(story: str) -> Job:
    folder = EXAMPLES / story
    dsl, conf = (json.loads((folder / f"{name}.json").read_text()) for name in ("dsl", "conf"))
    return dsl, conf


def upload_breast(client: FlowClient) -> None:
    owners = {"guest": 9999, "host": 10000, "host_left": 10000, "host_right": 10002}
    for name, party in owners.items():
        job = client.upload(
            BREAST / f"{name}.csv", namespace="breast", name=name, party_id=party, drop=True
        )
        assert client.wait(job, timeout_s=DEADLINE_S) == "success"
