"""`file_drop`: files that appear in a folder. A delivery is told by its content, never by name or time."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from data_platform.connectors.options import Options, read_options
from data_platform.connectors.protocol import Delivery, IsKnown, Place, Poll
from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.errors import ConfigurationError, SourceUnavailable
from data_platform.lakehouse.landing import Identity, Json

_READ_BYTES = 1 << 20
_CACHE: TypeAdapter[dict[str, tuple[str, str]]] = TypeAdapter(dict[str, tuple[str, str]])


class FileDropOptions(Options):
    """Options of a `file_drop` entry.

    Attributes:
        path: glob, relative to the project's source folder unless absolute.
    """

    path: str


class FileDrop:
    """Files matching a glob in a local folder."""

    version = "file_drop/1"
    identity = Identity.CONTENT
    credential = None

    def __init__(self, entry: ConnectorEntry, place: Place) -> None:
        self._name = entry.name
        self._options = read_options(FileDropOptions, entry)
        pattern = Path(self._options.path)
        self._folder, self._pattern = _split(pattern if pattern.is_absolute() else place.source / pattern)
        self._digests = _DigestCache(place.spool / "file_drop" / f"{entry.name}.json")

    def poll(self, position: Mapping[str, Json], is_known: IsKnown) -> Poll | None:
        """The files that no batch accounts for yet, by name, up to `max_batch_bytes`."""
        try:
            fresh = self._fresh(is_known)
        except OSError as error:
            raise SourceUnavailable(
                f"{self._folder}: {error.strerror}; poll again when the folder can be read"
            ) from error
        if not fresh:
            return None
        seen = position.get("deliveries", 0)
        assert isinstance(seen, int)
        return Poll(deliveries=tuple(fresh), position_to={"deliveries": seen + len(fresh)})

    def peek(self, position: Mapping[str, Json], is_known: IsKnown) -> tuple[str, ...]:
        """A mark of each file that looks new, by name; a stat for each file, and nothing is read."""
        try:
            facts = [
                (_text(path.relative_to(self._folder).as_posix()), path, path.stat()) for path in sorted(self._files())
            ]
        except OSError as error:
            raise SourceUnavailable(f"{self._folder}: {error.strerror}; look again later") from error
        digests = [(name, self._digests.known(path, stat), stat) for name, path, stat in facts]
        return tuple(
            f"{name}/{_identity(stat)}"
            for name, digest, stat in digests
            if digest is None or not is_known(name, digest)
        )

    def acknowledge(self, position: Mapping[str, Json]) -> None:
        """Nothing: the files stay where they are."""

    def position_at(self, where: str) -> Mapping[str, Json]:
        """Files are told by their bytes, so that there is nothing to go back to."""
        raise ConfigurationError(
            f"connector {self._name}: a file drop takes each file once, by its bytes, and cannot go back to {where!r}; "
            "what it took is in landing, and `data-platform rebuild` computes everything from there again"
        )

    def close(self) -> None:
        """Nothing is open."""

    def _fresh(self, is_known: IsKnown) -> list[Delivery]:
        fresh: list[Delivery] = []
        size = 0
        for path in sorted(self._files()):
            name = _text(path.relative_to(self._folder).as_posix())
            facts = path.stat()
            if fresh and size + facts.st_size > self._options.max_batch_bytes:
                break
            digest = self._digests.of(path, facts)
            if not is_known(name, digest):
                fresh.append(Delivery(name=name, path=path, sha256=digest, size_bytes=facts.st_size))
                size += facts.st_size
        self._digests.save()
        return fresh

    def _files(self) -> Iterator[Path]:
        if self._folder.is_dir():
            yield from (path for path in self._folder.glob(self._pattern) if path.is_file())


class _DigestCache:
    """Digests of files whose path, size, inode and times were seen before. Saves reading; decides nothing."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._entries: dict[str, tuple[str, str]] | None = None
        self._is_changed = False

    def of(self, path: Path, facts: os.stat_result) -> str:
        """The file's sha256, read only if the file may have changed."""
        known = self.known(path, facts)
        if known is not None:
            return known
        digest = _digest(path)
        self._load()[_text(str(path))] = (_identity(facts), digest)
        self._is_changed = True
        return digest

    def known(self, path: Path, facts: os.stat_result) -> str | None:
        """The file's sha256 if it was read before and looks unchanged since."""
        entry = self._load().get(_text(str(path)))
        return entry[1] if entry is not None and entry[0] == _identity(facts) else None

    def save(self) -> None:
        """Writes the cache in one step."""
        if not self._is_changed:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        aside = self._file.with_suffix(f".{os.getpid()}")
        aside.write_text(json.dumps(self._entries))
        aside.replace(self._file)
        self._is_changed = False

    def _load(self) -> dict[str, tuple[str, str]]:
        if self._entries is None:
            try:
                self._entries = _CACHE.validate_json(self._file.read_bytes())
            except (OSError, ValidationError):
                self._entries = {}
        return self._entries


def _identity(facts: os.stat_result) -> str:
    return f"{facts.st_size}-{facts.st_ino}-{facts.st_mtime_ns}-{facts.st_ctime_ns}"


def _text(name: str) -> str:
    """The name as text that can be stored: bytes that are not UTF-8 are written as hexadecimal escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as source:
        while block := source.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _split(pattern: Path) -> tuple[Path, str]:
    """The folder before the first wildcard, and the rest as a glob."""
    parts = pattern.parts
    wild = next((i for i, part in enumerate(parts) if any(c in part for c in "*?[")), len(parts) - 1)
    return Path(*parts[:wild]), str(Path(*parts[wild:]))
