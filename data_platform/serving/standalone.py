"""The collector endpoint of one entry as a process of its own, without the loop: for benchmarks and tests.

Usage: python -m data_platform.serving.standalone SPOOL OPTIONS [PORT]    (OPTIONS: an http_push entry's, as JSON)
Prints its port, and ends in order on SIGTERM.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from data_platform.connectors.http_push.connector import open_push_source
from data_platform.connectors.protocol import Place
from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.contracts.model import DatasetName
from data_platform.serving.collector import collector_app
from data_platform.serving.server import serve
from data_platform.termination import held_back


def main(arguments: Sequence[str]) -> None:
    """Serves until the process is told to end."""
    spool, options, *port = arguments
    source = open_push_source(standalone_entry(json.loads(options)), Place(source=Path(), spool=Path(spool)))
    told_to_end = held_back()
    server = serve(collector_app([source]), port=int(port[0]) if port else 0)
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    told_to_end()
    server.stop()
    source.spool.close()


def standalone_entry(options: dict[str, object]) -> ConnectorEntry:
    """The entry `events` of the domain `web`, as if it were written in a file."""
    dataset = DatasetName.parse("raw.web.events")
    return ConnectorEntry(
        name="events", kind="http_push", dataset=dataset, options=options, path="command line", line=0
    )


if __name__ == "__main__":
    main(sys.argv[1:])
