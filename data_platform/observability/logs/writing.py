"""Log files: `<home>/logs/<day>/<run id>.jsonl`, and `<program>-<process id>.jsonl` for what is about no run.

Everything that goes through the standard library's logging is written, libraries included; what people see on the
console stays as it was. A line is one write, so that processes may share a file; nothing is flushed to disk.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from data_platform.observability.logs.line import LineWriter
from data_platform.observability.logs.logger import RUNS
from data_platform.observability.logs.places import FOLDER, SUFFIX, file_name

_PACKAGE = "data_platform"
_MOST_BYTES = 64 << 20  # of one file; another part is begun then
_MOST_OPEN = 8


@dataclass(slots=True)
class _Part:
    descriptor: int
    size_bytes: int


class LogFiles(logging.Handler):
    """Writes each record as one line into the file of its run."""

    def __init__(self, folder: Path, lines: LineWriter) -> None:
        super().__init__(logging.INFO)
        self.folder, self._lines = folder, lines
        self._open: dict[str, _Part] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Writes a line; what the disk does not take is given up, since nothing may fail for its log."""
        try:
            fields_of = self._lines.fields(record)
            line = self._lines.encode(fields_of)
            day, name = fields_of["time"][:10], file_name(fields_of.get("run_id", ""))
            part = self._part(f"{day}/{name}")
            part.size_bytes += os.write(part.descriptor, line)
        except OSError:
            return
        except Exception:  # noqa: BLE001 - the edge of logging: what cannot be written may not break what is logged
            self.handleError(record)

    def close(self) -> None:
        """Closes the files."""
        for part in self._open.values():
            os.close(part.descriptor)
        self._open.clear()
        super().close()

    def _part(self, name: str) -> _Part:
        known = self._open.get(name)
        if known is not None and known.size_bytes < _MOST_BYTES:
            return known
        if known is not None:
            os.close(self._open.pop(name).descriptor)
        if len(self._open) >= _MOST_OPEN:
            os.close(self._open.pop(next(iter(self._open))).descriptor)
        self._open[name] = self._opened(name)
        return self._open[name]

    def _opened(self, name: str) -> _Part:
        number, path = 0, self.folder / f"{name}{SUFFIX}"
        path.parent.mkdir(parents=True, exist_ok=True)
        while path.exists() and path.stat().st_size >= _MOST_BYTES:
            number += 1
            path = self.folder / f"{name}.{number}{SUFFIX}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        return _Part(descriptor, os.fstat(descriptor).st_size)


@dataclass(slots=True)
class _Installed:
    handler: LogFiles
    users: int = 0


class _Console(logging.Handler):
    """Warnings on stderr, as the standard library's last resort shows them."""

    def emit(self, record: logging.LogRecord) -> None:
        """Shows a record, unless it is for files alone."""
        if record.name != RUNS:
            sys.stderr.write(self.format(record) + "\n")


_CONSOLE = _Console(logging.WARNING)
_LOCK = threading.Lock()
_INSTALLED: dict[Path, _Installed] = {}


@contextmanager
def writing(home: Path, lines: LineWriter) -> Iterator[None]:
    """Log files of a home are written for the block. Blocks may nest, and lie beside each other in threads."""
    folder = home / FOLDER
    with _LOCK:
        installed = _INSTALLED.get(folder) or _install(folder, lines)
        installed.users += 1
    try:
        yield
    finally:
        with _LOCK:
            installed.users -= 1
            if not installed.users:
                _remove(folder)


def _install(folder: Path, lines: LineWriter) -> _Installed:
    root, package = logging.getLogger(), logging.getLogger(_PACKAGE)
    if not _INSTALLED:
        # With a handler of its own the root would no longer show warnings on stderr by its last resort.
        if not root.handlers:
            root.addHandler(_CONSOLE)
        if package.level == logging.NOTSET:
            package.setLevel(logging.INFO)
    _INSTALLED[folder] = _Installed(LogFiles(folder, lines))
    root.addHandler(_INSTALLED[folder].handler)
    return _INSTALLED[folder]


def _remove(folder: Path) -> None:
    root, handler = logging.getLogger(), _INSTALLED.pop(folder).handler
    root.removeHandler(handler)
    handler.close()
    if not _INSTALLED:
        logging.getLogger(_PACKAGE).setLevel(logging.NOTSET)
        root.removeHandler(_CONSOLE)
