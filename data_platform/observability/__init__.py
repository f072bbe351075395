"""What happened, as metrics: computed from facts in the metastore, never counted on the side."""
