"""Where files are dropped: a local folder here, a prefix of a bucket in `s3_prefix`. What is new is `file_drop`'s.

A place says what is there by name, size and marks of change, and hands out one file with its digest. Nothing relies on
a listing's order, nor on its being complete: what it does not show today is taken another day.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from data_platform.connectors.protocol import Delivery
from data_platform.errors import SourceUnavailable

_READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class DroppedFile:
    """A file as a listing shows it.

    Attributes:
        name: relative to the place; bytes that are not UTF-8 as escapes.
        path: the whole address, as the place itself spells it.
        mark: changes whenever the file may have changed. Saves reading; decides nothing.
        modified_at: seconds since the epoch.
    """

    name: str
    path: str
    mark: str
    size_bytes: int
    modified_at: float


class FilePlace(Protocol):
    """Files below one place.

    Attributes:
        readers: how many files are taken at a time.
    """

    readers: int

    def files(self) -> list[DroppedFile]:
        """What is there, by name.

        Raises:
            SourceUnavailable: the place cannot be read, or is not there.
        """
        ...

    def take(self, file: DroppedFile, digest: str | None) -> Delivery | None:
        """The file with its sha256, which may be given; None if it is gone, or replaced again and again meanwhile.

        Raises:
            SourceUnavailable: it cannot be read.
        """
        ...


class LocalFolder:
    """Files of this machine, handed out where they lie."""

    readers = 2

    def __init__(self, path: Path) -> None:
        wild = first_wild(path.parts)
        self._folder, self._pattern = Path(*path.parts[:wild]), str(Path(*path.parts[wild:]))

    def files(self) -> list[DroppedFile]:
        """What is there, by name."""
        if not self._folder.is_dir():
            raise SourceUnavailable(f"{self._folder} does not exist; create the folder, or mend the connector's path")
        found = []
        with self._reading():
            for path in self._folder.glob(self._pattern):
                with suppress(FileNotFoundError):  # it was there a moment ago
                    found += [self._file(path, path.stat())] if path.is_file() else []
        return sorted(found, key=lambda file: file.name)

    def take(self, file: DroppedFile, digest: str | None) -> Delivery | None:
        """The file; whether it changes before it is landed is seen then."""
        path = Path(file.path)
        with self._reading(), suppress(FileNotFoundError):
            return Delivery(name=file.name, path=path, sha256=digest or _digest(path), size_bytes=file.size_bytes)
        return None

    def _file(self, path: Path, facts: os.stat_result) -> DroppedFile:
        return DroppedFile(
            name=as_text(path.relative_to(self._folder).as_posix()),
            path=str(path),
            mark=f"{facts.st_size}-{facts.st_ino}-{facts.st_mtime_ns}-{facts.st_ctime_ns}",
            size_bytes=facts.st_size,
            modified_at=facts.st_mtime,
        )

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise SourceUnavailable(
                f"{self._folder}: {error.strerror}; poll again when the folder can be read"
            ) from error


def first_wild(parts: tuple[str, ...]) -> int:
    """The place of the first part with a wildcard; of the last part where there is none."""
    return next((i for i, part in enumerate(parts) if any(c in part for c in "*?[")), len(parts) - 1)


def as_text(name: str) -> str:
    """The name as text that can be stored: bytes that are not UTF-8 are written as hexadecimal escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as source:
        while block := source.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest()
