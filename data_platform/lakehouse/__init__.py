"""The lakehouse: object stores, the landing log, Delta tables, and their snapshots read into DuckDB."""
