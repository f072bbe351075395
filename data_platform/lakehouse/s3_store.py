"""Objects in an S3 bucket. `If-None-Match` on the put (or on the last request of a multipart upload) is the moment an
object comes to be. Repeating what the store did not answer is in `s3_files`.
"""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, cast

from data_platform.errors import ConfigurationError, TamperedObject
from data_platform.lakehouse.credentials import StoreCredentials
from data_platform.lakehouse.local_store import copy_digesting
from data_platform.lakehouse.object_keys import check_key
from data_platform.lakehouse.object_store import Content, Names, PutReceipt, Sizes
from data_platform.lakehouse.s3_files import s3_files

_PUT_ID = "put-id"  # object metadata: whose put it was


class S3Store:
    """The `ObjectStore` over `s3://bucket/prefix`."""

    def __init__(self, uri: str, credentials: StoreCredentials) -> None:
        self._path = uri.removeprefix("s3://").strip("/")
        if not self._path:
            raise ConfigurationError(f"store {uri!r} names no bucket: use s3://bucket/prefix")
        self._files = s3_files(credentials)

    @property
    def root(self) -> str:
        """`s3://bucket/prefix`."""
        return f"s3://{self._path}"

    def local_path(self, key: str) -> Path | None:
        """None: the object is not on this machine."""
        del key
        return None

    def uri(self, key: str) -> str:
        """`s3://bucket/prefix/key`."""
        return f"s3://{self._at(key)}"

    def put_if_absent(self, key: str, data: bytes | Path) -> bool:
        """Creates the object whole; False when the key is already taken."""
        if isinstance(data, Path) and self.exists(key):
            return False  # spares the upload; the condition on the put is what decides
        put_id = {_PUT_ID: uuid.uuid4().hex}
        try:
            if isinstance(data, bytes):
                self._files.pipe_file(self._at(key), data, mode="create", Metadata=put_id)
            else:
                self._files.put_file(str(data), self._at(key), mode="create", Metadata=put_id)
        except FileExistsError:
            # Also what a repeated request hears whose first answer was lost, here or in the HTTP client below.
            return self._metadata(key) == put_id
        return True

    def put_by_digest(self, data: Content, key: Callable[[str], str]) -> PutReceipt:
        """Creates the object under `key(sha256)`; the bytes are spooled, since their digest must be known first."""
        if isinstance(data, bytes):
            return self._put_spooled(BytesIO(data), key)
        if isinstance(data, Path):
            with data.open("rb") as source:
                return self._put_spooled(source, key)
        return self._put_spooled(data, key)

    def replace(self, key: str, data: bytes | Path) -> None:
        """Puts the object over whatever was there."""
        if isinstance(data, bytes):
            self._files.pipe_file(self._at(key), data)
        else:
            self._files.put_file(str(data), self._at(key))

    def read(self, key: str) -> bytes:
        """The whole object."""
        return cast(bytes, self._files.cat_file(self._at(key)))

    def open(self, key: str) -> BinaryIO:
        """The object as a seekable binary file."""
        return cast(BinaryIO, self._files.open(self._at(key), "rb"))

    def exists(self, key: str) -> bool:
        """Whether the object is there."""
        try:
            return bool(self._files.info(self._at(key))["type"] == "file")  # `isfile` takes every error for a no
        except FileNotFoundError:
            return False

    def size(self, key: str) -> int:
        """The object's size in bytes."""
        return int(self._files.info(self._at(key))["size"])

    def list(self, prefix: str) -> Names:
        """Sorted keys of all objects in the folder `prefix` and below."""
        found = self._files.find(self._folder(prefix))
        return sorted(str(path)[len(self._path) + 1 :] for path in found)

    def folders(self, prefix: str) -> Names:
        """Sorted names of the folders directly in the folder `prefix`."""
        try:
            entries = self._files.ls(self._folder(prefix), detail=True)
        except FileNotFoundError:
            return []
        return sorted(entry["name"].rsplit("/", 1)[1] for entry in entries if entry["type"] == "directory")

    def objects(self, prefix: str) -> Sizes:
        """Names and sizes in bytes of the objects directly in the folder `prefix`."""
        try:
            entries = self._files.ls(self._folder(prefix), detail=True)
        except FileNotFoundError:
            return {}
        return {entry["name"].rsplit("/", 1)[1]: int(entry["size"]) for entry in entries if entry["type"] == "file"}

    def move(self, folder: str, to: str) -> None:
        """Copies every object, and removes the first ones only when all the second ones are there with their sizes."""
        keys = [folder] if self.exists(folder) else self.list(folder)
        pairs = [(key, to + key[len(folder) :]) for key in keys]
        for _, target in pairs:
            if self.exists(target):
                raise ConfigurationError(f"{self.uri(target)} is there already: nothing was moved")
        for source, target in pairs:
            self._files.cp_file(self._at(source), self._at(target))
            if self.size(source) != self.size(target):
                raise TamperedObject(f"{self.uri(target)} is not the size of {self.uri(source)}: nothing was removed")
        for source, _ in pairs:
            self._files.rm_file(self._at(source))

    def delete(self, key: str) -> None:
        """Removes the object if it is there."""
        if self.exists(key):
            self._files.rm_file(self._at(key))

    def _metadata(self, key: str) -> dict[str, str]:
        bucket, name, _ = self._files.split_path(self._at(key))
        return dict(self._files.call_s3("head_object", Bucket=bucket, Key=name).get("Metadata", {}))

    def _at(self, key: str) -> str:
        return f"{self._path}/{check_key(key)}"

    def _folder(self, prefix: str) -> str:
        return self._at(prefix.rstrip("/")) if prefix else self._path

    def _put_spooled(self, source: BinaryIO, key: Callable[[str], str]) -> PutReceipt:
        with tempfile.NamedTemporaryFile() as spool:
            sha256, size_bytes = copy_digesting(source, cast(BinaryIO, spool))
            spool.flush()
            name = key(sha256)
            created = self.put_if_absent(name, Path(spool.name))
        if not created and self.size(name) != size_bytes:
            raise TamperedObject(f"{self.uri(name)} has {self.size(name)} bytes instead of {size_bytes}: restore it")
        return PutReceipt(name, sha256, size_bytes, created)
