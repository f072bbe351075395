"""A process that ingests everything a source has to offer: `python -m … SOURCE`, with the settings in the environment."""

from __future__ import annotations

import sys

from data_platform.cli.environment import platform_here


def main(source: str) -> None:
    with platform_here() as platform:
        entry = next(e for domain in platform.project.domains for e in domain.connectors if e.name == source)
        platform.ingester.ingest(entry, platform.run())


if __name__ == "__main__":
    main(sys.argv[1])
