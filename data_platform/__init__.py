"""A data platform on Dagster: a dataset is a contract; the platform does the rest."""
