"""What an object store can do, and opening the one a URI names; each kind is a file: `local_store`, `s3_store`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import BinaryIO, Protocol, TypeAlias

from data_platform.errors import ConfigurationError
from data_platform.lakehouse.credentials import StoreCredentials

Content: TypeAlias = bytes | Path | BinaryIO
Names: TypeAlias = list[str]
Sizes: TypeAlias = dict[str, int]


@dataclass(frozen=True, slots=True)
class PutReceipt:
    """What `put_by_digest` stored. `created` is False when the same bytes were there already."""

    key: str
    sha256: str
    size_bytes: int
    created: bool


class ObjectStore(Protocol):
    """Objects by key below one root. Keys are relative, `/`-separated, and never leave the root."""

    @property
    def root(self) -> str:
        """The root as an absolute path or `s3://bucket/prefix`, without a trailing slash."""
        ...

    def put_if_absent(self, key: str, data: bytes | Path) -> bool:
        """Creates the object durably and whole; False when the key is already taken (its object is untouched)."""
        ...

    def put_by_digest(self, data: Content, key: Callable[[str], str]) -> PutReceipt:
        """Creates the object under `key(sha256)`; the digest is of the bytes stored, even if the source is changing.

        Raises:
            TamperedObject: the key is taken by an object of another size.
        """
        ...

    def replace(self, key: str, data: bytes | Path) -> None:
        """Puts the object in one step over whatever was there; only for copies that can be rebuilt."""
        ...

    def read(self, key: str) -> bytes:
        """The whole object.

        Raises:
            FileNotFoundError: there is no such object.
        """
        ...

    def open(self, key: str) -> BinaryIO:
        """The object as a seekable binary file."""
        ...

    def exists(self, key: str) -> bool:
        """Whether the object is there."""
        ...

    def size(self, key: str) -> int:
        """The object's size in bytes.

        Raises:
            FileNotFoundError: there is no such object.
        """
        ...

    def list(self, prefix: str) -> Names:
        """Sorted keys of all objects in the folder `prefix` and below."""
        ...

    def folders(self, prefix: str) -> Names:
        """Sorted names of the folders directly in the folder `prefix`."""
        ...

    def objects(self, prefix: str) -> Sizes:
        """Names and sizes in bytes of the objects directly in the folder `prefix`."""
        ...

    def move(self, folder: str, to: str) -> None:
        """Gives every object of a folder, or one object, another place; nothing may be there."""
        ...

    def delete(self, key: str) -> None:
        """Removes the object if it is there; only erasure, vacuum and discarded staging may."""
        ...

    def uri(self, key: str) -> str:
        """The object's address as DuckDB reads it: an absolute path or `s3://…`."""
        ...

    def local_path(self, key: str) -> Path | None:
        """The object's path where the store is a folder of this machine, else None."""
        ...


_KINDS = {"": "local_store.LocalStore", "file": "local_store.LocalStore", "s3": "s3_store.S3Store"}


def open_store(uri: str, credentials: StoreCredentials | None = None) -> ObjectStore:
    """The store at `uri`: a folder path, `file:///…` or `s3://bucket/prefix`.

    Raises:
        ConfigurationError: the URI's scheme is unknown.
    """
    scheme = uri.split("://", 1)[0] if "://" in uri else ""
    if scheme not in _KINDS:
        raise ConfigurationError(f"store {uri!r}: use a folder path or s3://bucket/prefix")
    module, name = _KINDS[scheme].split(".")
    kind = getattr(import_module(f"data_platform.lakehouse.{module}"), name)
    store: ObjectStore = kind(uri, credentials or StoreCredentials())
    return store
