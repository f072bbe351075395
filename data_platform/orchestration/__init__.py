"""The Dagster skin: one file per Dagster concept. Reads facts and turns them into Dagster events and run requests."""
