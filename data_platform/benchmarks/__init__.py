"""Benchmarks against a named alternative in the same run. Each prints figures and a ratio; none is a test."""
