"""Metrics as Prometheus reads them. What is measured is in a file for each part."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.registry import Collector


def exposition(*collectors: Collector) -> str:
    """The metrics of collectors in Prometheus' text format."""
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    return generate_latest(registry).decode()
