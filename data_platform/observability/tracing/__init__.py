"""Traces: one thread from a source's batch through run, steps, checks and publish to whoever reads it."""
