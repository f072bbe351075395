"""What a connector is: something that, from a position on, yields deliveries and the next position.

What makes two deliveries the same, landing them and committing them is the loop's business (`ingest`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Protocol, runtime_checkable

from data_platform.clock import Clock, SystemClock
from data_platform.credentials import Credential
from data_platform.lakehouse.credentials import StoreCredentials
from data_platform.lakehouse.landing import Identity, Json, LandedObject, Manifest

OF_OFFSETS = 0.9  # confidence in a number of places in the source of which nobody can tell that each was a record
IsKnown = Callable[[str, str], bool]  # (name, sha256): whether an earlier batch already accounts for this delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One file that a source offers, in the format of the contract.

    Attributes:
        name: how the source calls it.
        source_partition: the part of the source it comes from (a Kafka partition); event time advances in each apart.
        source_schema: the fields that the source declares for it; None when it declares none.
        is_spooled: whether the connector wrote the file itself, so that it goes when the batch is durable.
    """

    name: str
    path: Path
    sha256: str
    size_bytes: int
    source_partition: str = ""
    source_schema: tuple[str, ...] | None = None
    is_spooled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """All that one poll returned, ordered by name; it becomes one batch.

    Attributes:
        backlog: how many records (of a file drop: files) the source still holds after this poll; None where unknown.
        traceparents: of the senders' own traces, the newest last (W3C Trace Context).
    """

    deliveries: tuple[Delivery, ...]
    position_to: Mapping[str, Json]
    backlog: int | None = None
    traceparents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """How many records a source says that something has, to be held against what arrives.

    Attributes:
        partition: `file:<name>`, `batch:<batch id>` or a day of event time, as the ledger of source counts has it; any
            other name with `arrived`.
        provenance: `source` (asked at the source) or `manifest` (delivered beside the data).
        confidence: from 0 to 1.
        arrived: how many of these very records were taken, where only the kind can tell: by position, or by identity.
    """

    partition: str
    rows: int
    provenance: str
    confidence: float
    said_at: datetime
    arrived: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBatch:
    """One batch of a source that raw holds.

    Attributes:
        rows: records that were read or rejected.
        is_counted: whether every file of it could be read, so that `rows` is all of them.
    """

    n: int
    rows: int
    is_counted: bool


class Taken(Protocol):
    """What was taken of one source so far, for its counts to be held against."""

    @property
    def said(self) -> Mapping[str, Promise]:
        """What the source said in the last days, by partition."""
        ...

    @property
    def last(self) -> int:
        """The newest batch that raw holds; 0 before the first."""
        ...

    def batches(self, first: int) -> tuple[TakenBatch, ...]:
        """The batches of the last days from number `first` on, in order: the newest ones where they are too many."""
        ...

    def manifest(self, n: int) -> Manifest:
        """What batch `n` is: from where to where, and which objects."""
        ...

    def lines(self, landed: LandedObject) -> Iterator[bytes]:
        """The lines of a landed object."""
        ...

    def distinct(self, columns: tuple[str, ...], *, day: date) -> int | None:
        """Rows in raw of an event date that differ in these columns; all of them where none are named; None where the
        dataset lacks one.
        """
        ...

    def rejected(self, *, since: datetime, until: datetime) -> int:
        """Records that were rejected of batches received in that time: nobody knows of which day they are."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a connector works: the folder its paths are relative to, and a folder for what only saves work.

    Attributes:
        store_credentials: of the platform's own store; for sources that lie beside it.
    """

    source: Path
    spool: Path
    clock: Clock = field(default_factory=SystemClock)
    store_credentials: StoreCredentials = field(default_factory=StoreCredentials, repr=False)


@runtime_checkable
class Promising(Protocol):
    """A connector whose source says how many records there are, apart from the records themselves.

    Attributes:
        count_every: how often it is asked; zero: whenever a run has found nothing new.
    """

    count_every: timedelta

    def promises(self, taken: Taken) -> Iterable[Promise]:
        """What it says now; the same again is no harm. Of a stream it is called beside `poll`, from another thread.

        What was not taken yet because it came after the position is not promised: it is waited for, and not missing.

        Raises:
            SourceUnavailable: the source did not answer.
        """
        ...


@runtime_checkable
class Losing(Protocol):
    """A connector that can say how much is lost where it raised `SourceGap`."""

    def lost(self, position: Mapping[str, Json]) -> int | None:
        """How many records after a position are gone at the source, at most; None where nobody can tell."""
        ...


class Connector(Protocol):
    """One instance of a source kind. Its constructor connects to nothing.

    Attributes:
        version: kind and generation, e.g. `kafka/1`; named in every manifest.
        identity: what makes two of its deliveries the same.
        credential: read anew at every connection; the loop renews it and polls once more when the source refuses it.
    """

    version: str
    identity: Identity
    credential: Credential | None

    def poll(self, position: Mapping[str, Json], is_known: IsKnown) -> Poll | None:
        """What came after `position`, up to a bounded size; None when there is nothing new.

        The position is always that of the last manifest: what a consumer read ahead of it is read again.

        Raises:
            SourceUnavailable: the source did not answer; poll again later from the same position.
            SourceRefused: the source did not take the credential.
            SourceGap: what came next after `position` is gone at the source.
        """
        ...

    def peek(self, position: Mapping[str, Json], is_known: IsKnown) -> tuple[str, ...]:
        """A mark of each delivery that looks new, at little cost: the same deliveries have the same marks.

        Raises:
            SourceUnavailable: the source did not answer.
        """
        ...

    def acknowledge(self, position: Mapping[str, Json]) -> None:
        """Everything up to `position` is durable."""
        ...

    def position_at(self, where: str) -> Mapping[str, Json]:
        """The position that a person means, to read from there once more.

        Raises:
            ConfigurationError: this kind cannot go back, or `where` is not a place in it.
        """
        ...

    def close(self) -> None:
        """Lets go of every connection."""
        ...
