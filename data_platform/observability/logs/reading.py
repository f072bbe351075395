"""Reads log files. A line that cannot be read, as a killed process leaves it, is passed over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from data_platform.observability.logs.places import FOLDER, SUFFIX, file_name

LEVELS = ("debug", "info", "warning", "error", "critical")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line; empty where it says nothing of something. `facts` are names with text, numbers or truth values."""

    time: datetime
    level: str
    event: str
    run_id: str = ""
    asset: str = ""
    partition: str = ""
    batch: str = ""
    trace_id: str = ""
    span_id: str = ""
    code_version: str = ""
    logger: str = ""
    facts: Mapping[str, Any]
    exception: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which lines: of a run, of a trace, since a moment, of a level or a graver one. Everything by default."""

    run_id: str = ""
    trace_id: str = ""
    since: datetime | None = None
    level: str = "debug"

    def takes(self, line: LogLine) -> bool:
        """Whether a line is one of them."""
        return (
            self.run_id in ("", line.run_id)
            and self.trace_id in ("", line.trace_id)
            and (self.since is None or line.time >= self.since)
            and LEVELS.index(line.level) >= LEVELS.index(self.level)
        )


def lines_of(home: Path, *, run_id: str, limit: int = 1_000) -> tuple[LogLine, ...]:
    """The last lines of a run, in the order of time."""
    return find_lines(home, Wanted(run_id=run_id), limit=limit)


def find_lines(home: Path, wanted: Wanted, *, limit: int = 1_000) -> tuple[LogLine, ...]:
    """The last lines that are wanted, in the order of time. A run's lines are looked for in its own files alone."""
    found: list[LogLine] = []
    for path in _files(home / FOLDER, wanted):
        found += (line for line in _read(path) if wanted.takes(line))
    return tuple(sorted(found, key=lambda line: line.time)[-limit:])


def _files(folder: Path, wanted: Wanted) -> Iterator[Path]:
    name = f"{file_name(wanted.run_id)}*{SUFFIX}" if wanted.run_id else f"*{SUFFIX}"
    first = wanted.since.date().isoformat() if wanted.since else ""
    return (path for path in sorted(folder.glob(f"????-??-??/{name}")) if path.parent.name >= first)


def _read(path: Path) -> Iterator[LogLine]:
    with suppress(FileNotFoundError), path.open("rb") as file:
        for text in file:
            with suppress(ValueError, KeyError, TypeError):
                yield _line(orjson.loads(text))


def _line(said: Mapping[str, Any]) -> LogLine:
    texts = ("run_id", "asset", "partition", "batch", "trace_id", "span_id", "code_version", "logger")
    return LogLine(
        time=datetime.fromisoformat(said["time"]),
        level=LEVELS[LEVELS.index(said["level"])],
        event=str(said["event"]),
        facts=said.get("facts", {}),
        exception=said.get("exception", {}),
        **{name: str(said.get(name, "")) for name in texts},
    )
