"""Reports of runs that are no task of their own: nobody reads them."""

from typing import Any


class Quiet:
    """A Report that tells nothing."""

    def metric(
        self,
        namespace: str,
        name: str,
        metric_type: str,
        /,
        data: list[tuple[Any, Any]] | None = None,
        **meta: Any,
    ) -> None:
        """Tell nothing."""

    def progress(self, done: int, total: int) -> None:
        """Tell nothing."""

    def log(self, message: str, **facts: Any) -> None:
        """Tell nothing."""
