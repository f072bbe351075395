"""Alembic's script folder; run by `schema`, never by hand."""
