"""One run of the platform as a process: ingest everything, materialize what is stale, and say how long each part took.

With words, ingests the sources of those names and materializes nothing.
Usage: python -m data_platform.benchmarks.platform_run [SOURCE...]    (settings from the environment)
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from data_platform.contracts.model import Layer
from data_platform.settings import load_settings
from data_platform.wiring.platform import Platform, open_platform


def run(platform: Platform, only: Sequence[str] = ()) -> None:
    """Takes everything the whole way, or some sources to raw."""
    for domain in platform.project.domains:
        for entry in domain.connectors:
            if only and entry.name not in only:
                continue
            began = time.monotonic()
            batches = platform.ingester.ingest(entry, platform.run())
            _say(f"{entry.dataset}", sum(batch.raw_rows for batch in batches), began)
    for name in () if only else platform.graph.order:
        if name.layer is Layer.RAW:
            continue
        began = time.monotonic()
        stale = platform.staleness.of(name)
        rows = 0
        for days in stale.days or ((None,) if stale.whole else ()):
            rows = platform.materializer.materialize(name, run=platform.run(), days=days).rows
        _say(str(name) if stale else f"{name} (current)", rows, began)


def _say(what: str, rows: int, began: float) -> None:
    sys.stdout.write(f"{what:45} {rows:>12,} rows {time.monotonic() - began:8.2f} s\n")


if __name__ == "__main__":
    with open_platform(load_settings()) as opened:
        run(opened, sys.argv[1:])
