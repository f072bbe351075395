"""The landing log: original bytes by their digest, and one manifest per batch. What the bytes mean is in `formats`;
which deliveries to land is the connectors' decision.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import ClassVar, TypeAlias

from pydantic import ConfigDict, JsonValue, TypeAdapter, ValidationError

from data_platform.errors import FatalError, TamperedObject
from data_platform.lakehouse.object_keys import key_part
from data_platform.lakehouse.object_store import Content, ObjectStore

Json: TypeAlias = JsonValue

_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
_EXTENSION = re.compile(r"\.([A-Za-z0-9]{1,10}(?:\.(?:gz|zst|bz2|xz))?)$")
_WRITTEN_LIMIT = 10_000
_READ_BYTES = 1 << 20


class Identity(StrEnum):
    """What makes two deliveries of a source the same."""

    CONTENT = "content"  # equal bytes: files, which may be offered again
    POSITION = "position"  # the place in the source: equal bytes at two places are two deliveries


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaDifference:
    """How the fields of a source differ from the contract's, as far as its first records show."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    is_reordered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LandedObject:
    """One delivered file, landed. `key` is relative to the store; `extension` has no dot and may be empty.

    Attributes:
        source_schema: the fields that the source declares for this object or that its first records show, in order;
            None where there are none to be seen.
        difference: from the contract; None where the source shows no schema or the contract's own.
        source_partition: the part of the source it comes from; empty where the source has no parts.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    name: str
    key: str
    sha256: str
    size_bytes: int
    extension: str = ""
    delivery_date: date | None = None
    source_schema: tuple[str, ...] | None = None
    difference: SchemaDifference | None = None
    source_partition: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedDelivery:
    """A delivery that an earlier batch already landed; it is a ledger line and nothing else."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    name: str
    sha256: str
    first_batch: str
    delivery_date: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One batch of the landing log (ARCHITECTURE, how data moves). Batch numbers start at 1.

    Attributes:
        dataset: `raw.<domain>.<dataset>`.
        position_from, position_to: the source's own position, as JSON objects.
        identity: what made its deliveries different from earlier ones.
        watermark_before: the source's watermark before this batch, the least of its partitions'; None on a first load.
        partition_watermarks: the watermark of each of the source's partitions before this batch.
        published_event_dates: inclusive ranges of event dates published before this batch.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    dataset: str
    source: str
    n: int
    objects: tuple[LandedObject, ...]
    position_from: Mapping[str, Json]
    position_to: Mapping[str, Json]
    received_at: datetime
    connector_version: str
    contract_version: str
    contract_sha256: str
    skipped: tuple[SkippedDelivery, ...] = ()
    identity: Identity = Identity.CONTENT
    watermark_before: datetime | None = None
    partition_watermarks: Mapping[str, datetime] = field(default_factory=dict)
    published_event_dates: tuple[tuple[date, date], ...] = ()

    def __post_init__(self) -> None:
        if self.n < 1:
            raise ValueError(f"batch {self.source}/{self.n}: batch numbers start at 1")
        for moment in (self.received_at, self.watermark_before, *self.partition_watermarks.values()):
            if moment is not None and moment.utcoffset() != timedelta(0):
                raise ValueError(f"batch {self.source}/{self.n}: {moment} is not in UTC")

    @property
    def batch_id(self) -> str:
        """`<source>/<n>`, the `_batch_id` of its rows."""
        return f"{self.source}/{self.n}"

    @property
    def sha256(self) -> str:
        """Digest of the canonical JSON."""
        return hashlib.sha256(self.to_json()).hexdigest()

    def to_json(self) -> bytes:
        """Canonical JSON: sorted keys, no spaces, UTF-8, times in UTC."""
        plain = _manifests().dump_python(self, mode="json")
        text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text.encode("utf-8")

    @classmethod
    def from_json(cls, data: bytes) -> Manifest:
        """Reads canonical JSON.

        Raises:
            FatalError: a key is unknown or missing, or a value has the wrong type.
        """
        try:
            return _manifests().validate_json(data)
        except ValidationError as error:
            faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'text'}: {e['msg']}" for e in error.errors())
            raise FatalError(f"a landing manifest cannot be read ({faults}): restore it from a backup") from error


class LandingLog:
    """The landing folder of one raw dataset: `landing/<domain>/<dataset>`."""

    def __init__(self, store: ObjectStore, domain: str, dataset: str) -> None:
        self._store = store
        self._name = f"raw.{domain}.{dataset}"
        self._folder = f"landing/{key_part(domain)}/{key_part(dataset)}"
        self._just_written: dict[str, str] = {}  # by key: the mark of a file that this log wrote through its digest

    def land(
        self,
        data: Content,
        name: str,
        *,
        delivery_date: date | None = None,
        source_partition: str = "",
    ) -> LandedObject:
        """Lands the bytes under their digest; landing the same bytes again changes nothing."""
        found = _EXTENSION.search(name)
        extension = found[1].lower() if found else ""
        suffix = f".{extension}" if extension else ""
        receipt = self._store.put_by_digest(data, lambda sha256: f"{self._folder}/objects/{sha256}{suffix}")
        if len(self._just_written) >= _WRITTEN_LIMIT:  # their batches were given up
            self._just_written.clear()
        if receipt.created and (mark := self._mark(receipt.key)) is not None:
            self._just_written[receipt.key] = mark
        return LandedObject(
            name=name,
            key=receipt.key,
            sha256=receipt.sha256,
            size_bytes=receipt.size_bytes,
            extension=extension,
            delivery_date=delivery_date,
            source_partition=source_partition,
        )

    def append(self, manifest: Manifest) -> bool:
        """Creates manifest `n` of its source; False when that number is taken.

        Raises:
            FatalError: the manifest is another dataset's, or manifest n-1 does not exist.
        """
        source, n = manifest.source, manifest.n
        if manifest.dataset != self._name:
            raise FatalError(f"batch {manifest.batch_id} of {manifest.dataset} does not belong to {self._name}")
        if n > 1 and not self._store.exists(self._manifest_key(source, n - 1)):
            raise FatalError(f"batch {manifest.batch_id} of {self._name}: manifest {n - 1} does not exist")
        return self._store.put_if_absent(self._manifest_key(source, n), manifest.to_json())

    def last_number(self, source: str) -> int:
        """The newest manifest's number; 0 when there is none."""
        keys = self._store.list(f"{self._folder}/batches/{key_part(source)}")
        return _number(keys[-1]) if keys else 0

    def has(self, source: str, n: int) -> bool:
        """Whether a manifest of that number exists."""
        return self._store.exists(self._manifest_key(source, n))

    def read(self, source: str, n: int) -> Manifest:
        """One manifest.

        Raises:
            FileNotFoundError: the source has no batch of that number.
            FatalError: the manifest cannot be read, or stands in another one's place.
        """
        manifest = Manifest.from_json(self._store.read(self._manifest_key(source, n)))
        if (manifest.dataset, manifest.source, manifest.n) != (self._name, source, n):
            raise FatalError(f"manifest {source}/{n} of {self._name} says it is {manifest.batch_id}: restore it")
        return manifest

    def manifests(self, source: str, first: int = 1) -> Iterator[Manifest]:
        """Manifests of a source in order, from number `first` on.

        Raises:
            FatalError: a manifest cannot be read, or one below the newest is missing.
        """
        for n in range(first, self.last_number(source) + 1):
            try:
                yield self.read(source, n)
            except FileNotFoundError as error:
                raise FatalError(f"manifest {source}/{n} of {self._name} is missing: restore it") from error

    def sources(self) -> list[str]:
        """Sources that have a manifest, sorted."""
        keys = self._store.list(f"{self._folder}/batches")
        newest = {key.rsplit("/", 2)[1]: key for key in keys}
        return sorted(Manifest.from_json(self._store.read(key)).source for key in newest.values())

    def keep_contract(self, text: bytes) -> str:
        """Keeps a contract text and returns its sha256."""
        return self._store.put_by_digest(text, self._contract_key).sha256

    def contract(self, sha256: str) -> bytes:
        """The contract text of that digest.

        Raises:
            FileNotFoundError: no such text was kept.
            TamperedObject: the kept text no longer has the digest.
        """
        key = self._contract_key(sha256)
        text = self._store.read(key)
        if hashlib.sha256(text).hexdigest() != sha256:
            raise TamperedObject(f"{self._store.uri(key)} no longer has its digest: restore it from a backup")
        return text

    def verify(self, landed: LandedObject) -> None:
        """Reads the landed bytes. A file of this machine that this log wrote and nobody touched is spared once.

        Raises:
            TamperedObject: they are missing or no longer have their digest.
        """
        place = f"landed object {landed.name!r} of {self._name} ({self._store.uri(landed.key)})"
        if (mark := self._just_written.pop(landed.key, None)) is not None and mark == self._mark(landed.key):
            return
        digest = hashlib.sha256()
        try:
            with self._store.open(landed.key) as file:
                while chunk := file.read(_READ_BYTES):
                    digest.update(chunk)
        except FileNotFoundError as error:
            raise TamperedObject(f"{place} is missing: restore it from a backup") from error
        if digest.hexdigest() != landed.sha256:
            raise TamperedObject(f"{place} no longer has the digest it was landed under: restore it from a backup")

    def _mark(self, key: str) -> str | None:
        """Changes whenever the file was changed or replaced; None where it is gone, or no file of this machine."""
        path = self._store.local_path(key)
        try:
            facts = path.stat() if path is not None else None
        except FileNotFoundError:
            return None
        return facts and f"{facts.st_size}-{facts.st_ino}-{facts.st_mtime_ns}-{facts.st_ctime_ns}"

    def _manifest_key(self, source: str, n: int) -> str:
        return f"{self._folder}/batches/{key_part(source)}/{n:020}.json"

    def _contract_key(self, sha256: str) -> str:
        return f"{self._folder}/contracts/{sha256}.yaml"


@cache
def _manifests() -> TypeAdapter[Manifest]:
    return TypeAdapter(Manifest)


def _number(key: str) -> int:
    return int(key.rsplit("/", 1)[1].removesuffix(".json"))
