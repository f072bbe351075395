"""Starting the walkers and readers of these tests as processes, and expecting them to end well."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data_platform_tests.end_to_end import walking

ROOT = Path(walking.__file__).parents[2]


def start(module: str, *arguments: object, tracer: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    """Starts a module of this package with arguments, below a tracer if one is given."""
    command = [*tracer, sys.executable, "-m", f"data_platform_tests.end_to_end.{module}", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(process: subprocess.Popen[str], *, seconds: int = 300) -> str:
    """Waits for a process that must succeed; returns what it printed."""
    out, err = process.communicate(timeout=seconds)
    assert process.returncode == 0, err[-4000:]
    return out


@contextmanager
def reading(home: Path, source: Path, *, reads: int = 0) -> Iterator[dict[str, Any]]:
    """A consumer that reads during the block; afterwards the yielded dict says what it saw."""
    stop, out = home.with_name("stop"), home.with_name("seen.json")
    seen: dict[str, Any] = {}
    process = start("reader_process", home, source, reads, stop, out)
    seen["process"] = process
    try:
        while not Path(f"{out}.begun").exists():
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.02)
        yield seen
        stop.touch()
        finish(process)
        seen.update(json.loads(out.read_text()))
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
