"""Letters summed up by kind."""

from federation.spec.ledger import Total, totals


def test_letters_of_a_kind_are_counted_together_in_the_order_they_left() -> None:
    def row(tag: str, size: int, at: int) -> dict[str, object]:
        seats = {"sender": "guest:1", "receiver": "host:2"}
        return {**seats, "component": "c", "tag": tag, "type": "int", "bytes": size, "time_ms": at}

    assert totals([row("b", 5, 10), row("a", 7, 20), row("b", 6, 30)]) == [
        Total(("c", "b", "guest:1", "host:2", "int"), 2, 11, 10, 30),
        Total(("c", "a", "guest:1", "host:2", "int"), 1, 7, 20, 20),
    ]
    assert totals([]) == []
