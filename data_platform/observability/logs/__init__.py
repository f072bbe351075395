"""Structured logs: one JSON object a line, with the run, dataset, batch and trace that it is about."""
