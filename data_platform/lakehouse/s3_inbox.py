"""Objects that others put into a bucket: listed with what tells them apart, and read only while they are those.

The platform's own objects, which never change, are in `s3_store`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from fsspec.utils import glob_translate
from s3fs.utils import FileExpired

from data_platform.lakehouse.credentials import StoreCredentials
from data_platform.lakehouse.s3_files import s3_files

_READ_BYTES = 8 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignObject:
    """An object as a listing shows it.

    Attributes:
        path: `bucket/key`.
        etag: with its quotes, as S3 gives it.
        modified_at: when this version of it was put.
    """

    path: str
    etag: str
    size_bytes: int
    modified_at: datetime


class ObjectReplaced(Exception):
    """Another object stands in its place, or none."""


class S3Inbox:
    """The objects below a folder of a bucket that match a glob."""

    def __init__(self, folder: str, pattern: str, credentials: StoreCredentials) -> None:
        """`folder` is `bucket/prefix` without wildcards; in `pattern`, `*` ends at a `/` and `**` does not."""
        self._folder = folder
        self._is_flat = "/" not in pattern and "**" not in pattern
        self._wanted = re.compile(glob_translate(pattern))
        self._files = s3_files(credentials)

    def objects(self) -> list[ForeignObject]:
        """What a listing shows now, in no certain order; a store need not show every object at once.

        Raises:
            SourceUnavailable, SourceRefused: see `s3_files`.
            ConfigurationError: there is no such bucket.
        """
        return [_object(facts) for facts in self._listed() if facts["type"] == "file" and self._is_wanted(facts)]

    def look(self, path: str) -> ForeignObject:
        """The object as it is now.

        Raises:
            ObjectReplaced: there is none.
        """
        try:
            return _object(self._files.info(path))
        except FileNotFoundError as error:
            raise ObjectReplaced(path) from error

    def read(self, found: ForeignObject) -> Iterator[bytes]:
        """The object's bytes in pieces of some megabytes, all of the one version that was found.

        Raises:
            ObjectReplaced: it is no longer there, perhaps after some pieces.
        """
        for start in range(0, found.size_bytes, _READ_BYTES):
            end = min(start + _READ_BYTES, found.size_bytes)
            try:
                yield self._files.read_range(found.path, start, end, found.etag)
            except (FileExpired, FileNotFoundError) as error:
                raise ObjectReplaced(found.path) from error

    def _listed(self) -> list[dict[str, object]]:
        if not self._is_flat:
            return list(self._files.find(self._folder, detail=True).values())
        try:
            return list(self._files.ls(self._folder, detail=True))
        except FileNotFoundError:
            return []  # S3 has no folders: an empty one is not there

    def _is_wanted(self, facts: dict[str, object]) -> bool:
        folder, name = str(facts["name"])[: len(self._folder) + 1], str(facts["name"])[len(self._folder) + 1 :]
        return folder == f"{self._folder}/" and self._wanted.fullmatch(name) is not None


def _object(facts: dict[str, object]) -> ForeignObject:
    size_bytes, modified_at = facts["size"], facts["LastModified"]
    assert isinstance(size_bytes, int)
    assert isinstance(modified_at, datetime)
    return ForeignObject(
        path=str(facts["name"]), etag=str(facts["ETag"]), size_bytes=size_bytes, modified_at=modified_at
    )
