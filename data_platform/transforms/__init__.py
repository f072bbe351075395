"""SQL transforms: reading queries, linting them, and materializing datasets (compute aside, audit, publish)."""
