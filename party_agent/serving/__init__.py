"""Online predictions: which services are bound here, and who answers for them."""

from party_agent.serving.desk import ServingDesk

__all__ = ["ServingDesk"]
