"""The tables of one party: Parquet files by namespace and name, and how text becomes a table."""

from party_agent.tables.store import TableStore, TableWriter
from party_agent.tables.upload import UploadingStore

__all__ = ["TableStore", "TableWriter", "UploadingStore"]
