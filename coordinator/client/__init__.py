"""flow-client: the command line, and a small typed Python client."""

from coordinator.client.client import FlowClient, FlowError, Submitted, Unreachable

__all__ = ["FlowClient", "FlowError", "Submitted", "Unreachable"]
