"""Alembic scripts, run by `coordinator.store.migrate`."""
