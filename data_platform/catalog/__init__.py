"""What OpenLineage events say about datasets: intake, entries, search, walks, impact, coverage. `lineage` emits."""
