"""The traces that senders of events are in: noted beside the spool when they send, taken with the next batch.

They are worth a link in a trace and nothing more: nothing is flushed, and what is too much is left out.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_FILE = "traceparents"
_MOST_BYTES = 64 << 10
_LONGEST = 128
_MOST_TAKEN = 32


def note_sender(folder: Path, traceparent: str) -> None:
    """Notes a sender's traceparent, before its events are appended."""
    line = traceparent.strip()
    if not line.isascii() or not line.isprintable() or not 0 < len(line) <= _LONGEST:
        return
    with suppress(OSError):
        descriptor = os.open(folder / _FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(descriptor).st_size < _MOST_BYTES:
                os.write(descriptor, line.encode() + b"\n")
        finally:
            os.close(descriptor)


def take_senders(folder: Path) -> tuple[str, ...]:
    """The last ones that were noted since they were taken before, the newest last."""
    taken = folder / f"{_FILE}.taken"
    try:
        (folder / _FILE).rename(taken)
        lines = taken.read_text("ascii", "replace").splitlines()
        taken.unlink()
    except OSError:
        return ()
    return tuple(dict.fromkeys(reversed(lines)))[:_MOST_TAKEN][::-1]
