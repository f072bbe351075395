"""Which data came from which: OpenLineage events and column lineage. What they say together is read in `catalog`."""
