"""Objects as files of a folder of this machine. A hard link is the moment an object comes to be: it is whole, on
disk, and never replaces another.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from data_platform.errors import ConfigurationError, TamperedObject
from data_platform.lakehouse.credentials import StoreCredentials
from data_platform.lakehouse.flushing import flush_folder, make_folder
from data_platform.lakehouse.object_keys import check_key
from data_platform.lakehouse.object_store import Content, Names, PutReceipt, Sizes

_INCOMING = ".incoming"
_COPY_BYTES = 1 << 20


class LocalStore:
    """The `ObjectStore` over a local folder, which is created when the first object is put."""

    def __init__(self, uri: str, credentials: StoreCredentials | None = None) -> None:
        del credentials  # the folder's own permissions decide
        path = unquote(urlsplit(uri).path) if uri.startswith("file://") else uri
        self._root = Path(path).absolute()

    @property
    def root(self) -> str:
        """The folder's absolute path."""
        return str(self._root)

    def local_path(self, key: str) -> Path:
        """The object's path."""
        return self._root / check_key(key)

    def uri(self, key: str) -> str:
        """The object's path, as text."""
        return str(self.local_path(key))

    def put_if_absent(self, key: str, data: bytes | Path) -> bool:
        """Creates the object durably and whole; False when the key is already taken."""
        if self.exists(key):
            flush_folder(self.local_path(key).parent)  # whoever made it may not have flushed yet
            return False
        with self._incoming(data) as (temporary, _, _):
            return self._link(temporary, self.local_path(key))

    def put_by_digest(self, data: Content, key: Callable[[str], str]) -> PutReceipt:
        """Creates the object under `key(sha256)`."""
        with self._incoming(data) as (temporary, sha256, size_bytes):
            name = key(sha256)
            created = self._link(temporary, self.local_path(name))
        if not created and self.size(name) != size_bytes:
            raise TamperedObject(f"{self.uri(name)} has {self.size(name)} bytes instead of {size_bytes}: restore it")
        return PutReceipt(name, sha256, size_bytes, created)

    def replace(self, key: str, data: bytes | Path) -> None:
        """Puts the object by rename over whatever was there."""
        target = self.local_path(key)
        with self._incoming(data) as (temporary, _, _):
            make_folder(target.parent)
            temporary.chmod(0o644)
            temporary.replace(target)
            flush_folder(target.parent)

    def read(self, key: str) -> bytes:
        """The whole object."""
        return self.local_path(key).read_bytes()

    def open(self, key: str) -> BinaryIO:
        """The object as a seekable binary file."""
        return self.local_path(key).open("rb")

    def exists(self, key: str) -> bool:
        """Whether the object is there."""
        return self.local_path(key).is_file()

    def size(self, key: str) -> int:
        """The object's size in bytes."""
        return self.local_path(key).stat().st_size

    def list(self, prefix: str) -> Names:
        """Sorted keys of all objects in the folder `prefix` and below."""
        top = self._folder(prefix)
        found = (Path(folder) / name for folder, _, names in os.walk(top) for name in names)
        keys = (path.relative_to(self._root).as_posix() for path in found)
        return sorted(key for key in keys if not key.startswith(f"{_INCOMING}/"))

    def folders(self, prefix: str) -> Names:
        """Sorted names of the folders directly in the folder `prefix`."""
        top = self._folder(prefix)
        if not top.is_dir():
            return []
        return sorted(entry.name for entry in top.iterdir() if entry.is_dir() and entry.name != _INCOMING)

    def objects(self, prefix: str) -> Sizes:
        """Names and sizes in bytes of the files directly in the folder `prefix`."""
        try:
            with os.scandir(self._folder(prefix)) as entries:
                return {entry.name: entry.stat().st_size for entry in entries if entry.is_file()}
        except (FileNotFoundError, NotADirectoryError):
            return {}

    def move(self, folder: str, to: str) -> None:
        """Gives a folder, or one file, another place, in one step."""
        source, target = self.local_path(folder), self.local_path(to)
        make_folder(target.parent)
        if target.exists():
            raise ConfigurationError(f"{target} is there already: nothing was moved")
        source.rename(target)
        flush_folder(source.parent)
        flush_folder(target.parent)

    def delete(self, key: str) -> None:
        """Removes the object if it is there."""
        path = self.local_path(key)
        path.unlink(missing_ok=True)
        if path.parent.is_dir():
            flush_folder(path.parent)

    def _folder(self, prefix: str) -> Path:
        return self.local_path(prefix.rstrip("/")) if prefix else self._root

    def _link(self, temporary: Path, target: Path) -> bool:
        make_folder(target.parent)
        temporary.chmod(0o444)
        try:
            os.link(temporary, target)
        except FileExistsError:
            return False
        finally:
            flush_folder(target.parent)
        return True

    @contextmanager
    def _incoming(self, data: Content) -> Iterator[tuple[Path, str, int]]:
        """A flushed temporary copy on the store's own file system, with its sha256 and size."""
        folder = self._root / _INCOMING
        make_folder(folder)
        descriptor, name = tempfile.mkstemp(dir=folder)
        try:
            with os.fdopen(descriptor, "wb") as target:
                digest, size_bytes = _copy(data, target)
                target.flush()
                os.fsync(target.fileno())
            yield Path(name), digest, size_bytes
        finally:
            Path(name).unlink(missing_ok=True)


def _copy(data: Content, target: BinaryIO) -> tuple[str, int]:
    if isinstance(data, Path):
        with data.open("rb") as source:
            return copy_digesting(source, target)
    return copy_digesting(BytesIO(data) if isinstance(data, bytes) else data, target)


def copy_digesting(source: BinaryIO, target: BinaryIO) -> tuple[str, int]:
    """Copies all bytes; their sha256 and count are of what was written, not of what the source holds later."""
    digest, size_bytes = hashlib.sha256(), 0
    while chunk := source.read(_COPY_BYTES):
        digest.update(chunk)
        target.write(chunk)
        size_bytes += len(chunk)
    return digest.hexdigest(), size_bytes
