"""The REST dialects: one package each, over the same jobs, tables and models."""
