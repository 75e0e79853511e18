"""A question to a model that is bound, as applications ask FATE-Serving."""

import json
import urllib.request
from typing import Any

from coordinator.client import FlowClient


def asked_online(server: FlowClient, service_id: str) -> dict[str, Any]:
    """The answer for one row: ten features of the guest, the host's looked up by id."""
    features = {f"x{i}": 0.1 for i in range(10)}
    question = {
        "head": {"serviceId": service_id},
        "body": {"featureData": features, "sendToRemoteFeatureData": {"id": "133"}},
    }
    request = urllib.request.Request(
        f"{server.url}/federation/1.0/inference", json.dumps(question).encode()
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        answer: dict[str, Any] = json.load(response)
    return answer
