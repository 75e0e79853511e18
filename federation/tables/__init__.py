"""A table as components see it: a schema, ids, and columns; Arrow underneath."""

from federation.tables.schema import Schema, TableKind
from federation.tables.table import Table

__all__ = ["Schema", "Table", "TableKind"]
