"""Where lineage events go: one file for each kind of sink."""
