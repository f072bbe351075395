"""A process that turns the loop of one source until it is killed, or until a file tells it to stop.

It takes the settings from the environment. The collector's own command would wait for the beats of the one that was
killed before it to grow old.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from data_platform.cli.environment import platform_here


def main(source: str, stop: Path) -> None:
    with platform_here() as platform:
        entry = next(e for domain in platform.project.domains for e in domain.connectors if e.name == source)
        with platform.ingester.open(entry) as ingestion:
            while not stop.exists():
                step = ingestion.step(platform.run())
                print(f"{time.time():.1f} {step.position} {sum(b.source_rows for b in step.batches)}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
