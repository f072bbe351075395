"""Governance: what may be shown of a dataset, to whom, and what a record of it says."""
