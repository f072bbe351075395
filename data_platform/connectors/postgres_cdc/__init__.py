"""PostgreSQL's change stream, as `postgres_cdc` reads it: wire, messages, values, envelopes, slot, first copy."""
