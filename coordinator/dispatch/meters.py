"""What the coordinator counts about itself, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)


class Meters:
    """Counters of one coordinator, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.jobs = Gauge("tripact_jobs", "jobs by status", ["status"], registry=registry)
        self.agents = Gauge("tripact_agents_connected", "agents linked now", registry=registry)
        self.orders = Counter("tripact_orders_sent", "orders sent to agents", registry=registry)
        self.reports = Counter("tripact_reports_kept", "reports of agents kept", registry=registry)
        self.letters = Counter(
            "tripact_letters_relayed", "parts of letters passed on", registry=registry
        )
        self.letter_bytes = Counter(
            "tripact_letters_relayed_bytes", "bytes of letters passed on", registry=registry
        )
        self.dropped = Counter(
            "tripact_letters_dropped", "parts of letters dropped", ["reason"], registry=registry
        )
        self.requests = Histogram(
            "tripact_request_seconds",
            "time to answer a request",
            ["method", "path", "status"],
            buckets=_SECONDS,
            registry=registry,
        )
