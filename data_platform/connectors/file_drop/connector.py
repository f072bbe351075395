"""`file_drop`: files that appear in a folder or a bucket. A delivery is told by its content, never by name or time."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from data_platform.connectors.file_drop.control_totals import promises
from data_platform.connectors.file_drop.places import DroppedFile, FilePlace, LocalFolder, as_text
from data_platform.connectors.options import Options, read_options
from data_platform.connectors.protocol import Delivery, IsKnown, Place, Poll, Promise, Taken
from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.credentials import Credential, CredentialRef
from data_platform.errors import ConfigurationError
from data_platform.lakehouse.credentials import StoreCredentials
from data_platform.lakehouse.landing import Identity, Json

_CACHE: TypeAdapter[dict[str, tuple[str, str]]] = TypeAdapter(dict[str, tuple[str, str]])


class S3Access(BaseModel):
    """How to reach a bucket that is not where the platform's own store is.

    Attributes:
        endpoint_url: of an S3-compatible server; none for AWS.
        secret_access_key: where the secret is read.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    access_key_id: str
    secret_access_key: CredentialRef
    endpoint_url: str | None = None
    region: str | None = None
    allow_http: bool = False


class FileDropOptions(Options):
    """Options of a `file_drop` entry.

    Attributes:
        path: glob, relative to the project's source folder unless absolute; or `s3://bucket/prefix/*.csv`.
        settle_seconds: files that changed less than this ago are left for a later poll: they may still be written.
        s3: access to the bucket; by default that of the platform's store.
        control_totals: glob below the same folder, of files that say how many records each delivery has.
    """

    path: str
    control_totals: str | None = None
    settle_seconds: float = Field(default=0, ge=0)
    s3: S3Access | None = None


class FileDrop:
    """Files matching a glob."""

    version = "file_drop/1"
    identity = Identity.CONTENT
    count_every = timedelta(0)

    def __init__(self, entry: ConnectorEntry, place: Place) -> None:
        self._name = entry.name
        self._options = read_options(FileDropOptions, entry)
        access = self._options.s3
        self.credential = Credential(access.secret_access_key, place.clock) if access else None
        self._place = self._open_place(self._options.path, place)
        totals = self._options.control_totals
        self._totals = None if totals is None else self._open_place(totals, place)
        self._clock = place.clock
        self._digests = _DigestCache(place.spool / "file_drop" / f"{entry.name}.json")

    def poll(self, position: Mapping[str, Json], is_known: IsKnown) -> Poll | None:
        """The files that no batch accounts for yet, by name, up to `max_batch_bytes`."""
        fresh: list[Delivery] = []
        try:
            self._collect(fresh, is_known)
        except BaseException:
            for delivery in fresh:
                _drop_spooled(delivery)
            raise
        if not fresh:
            return None
        seen = position.get("deliveries", 0)
        assert isinstance(seen, int)
        return Poll(deliveries=tuple(fresh), position_to={"deliveries": seen + len(fresh)})

    def peek(self, position: Mapping[str, Json], is_known: IsKnown) -> tuple[str, ...]:
        """A mark of each file that looks new, by name; from one listing, and nothing is read."""
        found = ((file, self._digests.known(file)) for file in self._settled())
        return tuple(
            f"{file.name}/{file.mark}" for file, digest in found if digest is None or not is_known(file.name, digest)
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

    def promises(self, taken: Taken) -> Iterable[Promise]:
        """What the control totals say."""
        return () if self._totals is None else promises(self._totals, self._clock.now())

    def _open_place(self, path: str, place: Place) -> FilePlace:
        if path.startswith("s3://"):
            from data_platform.connectors.file_drop.s3_prefix import (
                S3Prefix,  # s3fs takes long to load, and folders need none
            )

            return S3Prefix(path, place.spool / self._name, lambda: self._access(place))
        if self._options.s3 is not None:
            raise ConfigurationError(f"connector {self._name}: {path} is no s3://bucket/prefix, so leave out s3")
        return LocalFolder(place.source / path)

    def _access(self, place: Place) -> StoreCredentials:
        own = self._options.s3
        if own is None or self.credential is None:
            return place.store_credentials
        secret = self.credential.value()
        return StoreCredentials(**own.model_dump(exclude={"secret_access_key"}), secret_access_key=secret)

    def _settled(self) -> list[DroppedFile]:
        newest = self._clock.now().timestamp() - self._options.settle_seconds
        is_any = self._options.settle_seconds == 0  # clocks of stores and of this machine may differ
        totals = {file.path for file in self._totals.files()} if self._totals is not None else set()
        found = (file for file in self._place.files() if file.path not in totals)
        return [file for file in found if is_any or file.modified_at <= newest]

    def _collect(self, fresh: list[Delivery], is_known: IsKnown) -> None:
        """Adds the deliveries of one poll to `fresh`."""
        waiting = deque(file for file in self._settled() if not self._is_accounted_for(file, is_known))
        with ThreadPoolExecutor(self._place.readers, thread_name_prefix="file-drop") as pool:
            while group := self._fitting(waiting, fresh):
                digests = [self._digests.known(file) for file in group]
                for file, delivery in zip(group, pool.map(self._place.take, group, digests), strict=True):
                    if delivery is None:
                        continue
                    self._digests.note(file, delivery.sha256)
                    if is_known(file.name, delivery.sha256):
                        _drop_spooled(delivery)
                    else:
                        fresh.append(delivery)
        self._digests.save()

    def _is_accounted_for(self, file: DroppedFile, is_known: IsKnown) -> bool:
        """Whether that is sure without reading the file."""
        digest = self._digests.known(file)
        return digest is not None and is_known(file.name, digest)

    def _fitting(self, waiting: deque[DroppedFile], fresh: list[Delivery]) -> list[DroppedFile]:
        """Takes the files that are read together off `waiting`: none where the batch is full."""
        group: list[DroppedFile] = []
        size_bytes = sum(delivery.size_bytes for delivery in fresh)
        while waiting and len(group) < self._place.readers:
            size_bytes += waiting[0].size_bytes
            if (fresh or group) and size_bytes > self._options.max_batch_bytes:
                break
            group.append(waiting.popleft())
        return group


class _DigestCache:
    """Digests of files that were read before and look unchanged since. Saves reading; decides nothing."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._entries: dict[str, tuple[str, str]] | None = None
        self._is_changed = False

    def known(self, file: DroppedFile) -> str | None:
        """The file's sha256 if it was read before and looks unchanged since."""
        entry = self._load().get(as_text(file.path))
        return entry[1] if entry is not None and entry[0] == file.mark else None

    def note(self, file: DroppedFile, digest: str) -> None:
        """Keeps a digest that was computed while the file had its mark."""
        entry = (file.mark, digest)
        if self._load().get(as_text(file.path)) != entry:
            self._load()[as_text(file.path)] = entry
            self._is_changed = True

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


def _drop_spooled(delivery: Delivery) -> None:
    if delivery.is_spooled:
        delivery.path.unlink(missing_ok=True)
