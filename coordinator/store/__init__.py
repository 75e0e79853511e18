"""What the coordinator remembers, in SQLite by default and in PostgreSQL by URL."""

from coordinator.store.store import SqlStore, open_store

__all__ = ["SqlStore", "open_store"]
