"""Processes that ingest everything a source has to offer, to be traced and killed: `python -m … KIND`.

Each line of the input is `[environment, source, log]`; it is answered by the id of a new process and, when that is
over, by its status. They are forked from this one, so that libraries are loaded once, and wait for their tracer.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from importlib import import_module
from pathlib import Path

from data_platform.cli.environment import platform_here
from data_platform.connectors.kinds import KINDS

_LATE = (  # what is imported when it is first needed, which takes longer than the ingestion
    "alembic.command",
    "data_platform.publication.lineage_events",
    "deltalake",
    "pandas",
    "s3fs",
    "sqlalchemy.dialects.sqlite",
)
_WAIT_SECONDS = 60.0


def serve() -> None:
    for line in sys.stdin:
        environment, source, log = json.loads(line)
        child = os.fork()
        if child == 0:
            os._exit(_ingest(environment, source, log))
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _ingest(environment: dict[str, str], source: str, log: str) -> int:
    with open(log, "ab", buffering=0) as file:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)
    os.environ.update(environment)
    try:
        _await_tracer()
        with platform_here() as platform:
            entry = next(e for domain in platform.project.domains for e in domain.connectors if e.name == source)
            platform.ingester.ingest(entry, platform.run())
    except BaseException:  # noqa: BLE001 (a fork must not run on into its parent's work)
        traceback.print_exc()
        return 1
    return 0


def _await_tracer() -> None:
    until = time.monotonic() + _WAIT_SECONDS
    while "TracerPid:\t0\n" in Path("/proc/self/status").read_text():
        if time.monotonic() > until:
            raise TimeoutError("no tracer came")
        time.sleep(0.01)
    time.sleep(0.1)  # it has said that it comes, and a moment later it is there


if __name__ == "__main__":
    for module in (KINDS[sys.argv[1]].path, *_LATE):
        import_module(module)
    serve()
