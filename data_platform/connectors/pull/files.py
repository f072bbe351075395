"""The spool files of one poll: as many as the size limit of each demands."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType

from data_platform.connectors.protocol import Delivery
from data_platform.connectors.spool_file import SpoolFile


class PullFiles:
    """Lines of one poll. Leaving the block without `finish` removes the files."""

    def __init__(self, folder: Path, stem: str, limit_bytes: int) -> None:
        self._folder, self._stem, self._limit_bytes = folder, stem, limit_bytes
        self._files: list[SpoolFile] = []
        self._full: list[Delivery] = []
        self._is_finished = False
        self.rows = 0
        self.size_bytes = 0

    def __enter__(self) -> PullFiles:
        """Removes what killed processes left: only one at a time pulls a source, or does so in vain."""
        for path in self._folder.glob("*.part"):
            if not path.name.startswith(f"{os.getpid()}-"):
                path.unlink(missing_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._is_finished:
            for file in self._files:
                file.discard()

    def write(self, line: bytes) -> None:
        """Adds one record."""
        if not self._files or self._files[-1].size_bytes >= self._limit_bytes:
            self._close_last()
            self._files.append(SpoolFile(self._folder, f"{self._stem}-{len(self._files) + 1:06}.ndjson"))
        before = self._files[-1].size_bytes
        self._files[-1].write(line)
        self.rows += 1
        self.size_bytes += self._files[-1].size_bytes - before

    def finish(self) -> tuple[Delivery, ...]:
        """Closes the last file and offers all."""
        self._close_last()
        self._is_finished = True
        return tuple(self._full)

    def _close_last(self) -> None:
        if self._files:
            self._full.append(self._files[-1].finish())
