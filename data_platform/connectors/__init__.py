"""Connectors: one file per source kind, and the loop that polls, lands, commits and acknowledges."""
