"""Files dropped below a prefix of an S3 bucket: downloaded into the spool, each in one version, with bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from data_platform.connectors.file_drop.places import DroppedFile, first_wild
from data_platform.connectors.protocol import Delivery
from data_platform.connectors.spool_file import SpoolFile
from data_platform.errors import ConfigurationError
from data_platform.lakehouse.credentials import StoreCredentials
from data_platform.lakehouse.s3_inbox import ForeignObject, ObjectReplaced, S3Inbox

_ATTEMPTS = 3  # at a file that is replaced while it is read


class S3Prefix:
    """Objects that match a glob: `s3://bucket/prefix/*.csv`; `**` goes down into folders."""

    readers = 1  # what is downloaded lies in the spool until it is landed

    def __init__(self, uri: str, spool: Path, access: Callable[[], StoreCredentials]) -> None:
        """Connects to nothing; `access` is asked at every poll, so that a changed secret is used.

        Raises:
            ConfigurationError: the URI names no bucket, or no file in it.
        """
        bucket, *parts = uri.removeprefix("s3://").split("/")
        if not bucket or first_wild((bucket, "")) == 0 or not all(parts) or not parts:
            raise ConfigurationError(f"{uri}: write s3://bucket/prefix/*.csv, without wildcards in the bucket's name")
        wild = first_wild(tuple(parts))
        self._folder, self._pattern = "/".join((bucket, *parts[:wild])), "/".join(parts[wild:])
        self._spool, self._access = spool, access

    def files(self) -> list[DroppedFile]:
        """What a listing shows, by name."""
        found = (self._file(one) for one in self._inbox().objects())
        return sorted(found, key=lambda file: file.name)

    def take(self, file: DroppedFile, digest: str | None) -> Delivery | None:
        """Downloads the object as it is now; one that was replaced under way is read from its beginning."""
        inbox = self._inbox()
        for _ in range(_ATTEMPTS):
            try:
                found = inbox.look(file.path)
                with SpoolFile(self._spool, file.name) as spool:
                    for piece in inbox.read(found):
                        spool.write_block(piece, rows=0)
                    return spool.finish()
            except ObjectReplaced:
                continue
        return None

    def _inbox(self) -> S3Inbox:
        return S3Inbox(self._folder, self._pattern, self._access())

    def _file(self, found: ForeignObject) -> DroppedFile:
        return DroppedFile(
            name=found.path.removeprefix(f"{self._folder}/"),
            path=found.path,
            mark=f"{found.size_bytes}-{found.etag}-{found.modified_at.isoformat()}",
            size_bytes=found.size_bytes,
            modified_at=found.modified_at.timestamp(),
        )
