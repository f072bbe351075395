"""`http_push`: events that are sent to us. The collector endpoint (`serving.collector`) writes them into a write-ahead
spool before it answers; this connector takes them from there.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from pydantic import Field, field_validator, model_validator

from data_platform.connectors.http_push.declared_counts import DeclaredCounts, promises
from data_platform.connectors.http_push.senders import take_senders
from data_platform.connectors.http_push.spool_reader import SpoolPlace, SpoolReader
from data_platform.connectors.http_push.write_ahead import WriteAhead
from data_platform.connectors.options import Options, read_options
from data_platform.connectors.protocol import IsKnown, Place, Poll, Promise, Taken
from data_platform.connectors.spool_file import SpoolFile
from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.credentials import Credential, CredentialRef
from data_platform.errors import ConfigurationError, SourceUnavailable
from data_platform.lakehouse.landing import Identity, Json

_SEGMENT_BYTES = 64 << 20
_SEGMENTS_IN_QUOTA = 4  # the segment being read cannot be released, so it may only be a part of the quota
_WAIT_SECONDS = 1.0
_LOOK_SECONDS = 0.02
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_OWN_PATHS = ("/health", "/openapi.json")


class Accepted(StrEnum):
    """What senders may send."""

    CLOUDEVENTS = "cloudevents"
    NDJSON = "ndjson"


class HttpPushOptions(Options):
    """Options of an `http_push` entry.

    Attributes:
        token: where the bearer token is read that senders must show.
        path: where senders post to; `/ingest/<entry>` where it is not said.
        quota_bytes: how much may wait on disk before senders are told to wait.
        max_request_bytes: how large a request may be, as sent and unpacked.
        segment_bytes: of the spool's files, which are deleted whole; at most a quarter of the quota.
        count_every: how often what senders stated is held against what came.
    """

    token: CredentialRef
    path: str | None = None
    accepts: tuple[Accepted, ...] = Field(default=(Accepted.CLOUDEVENTS,), min_length=1)
    quota_bytes: int = Field(default=1 << 30, ge=1 << 16)
    max_request_bytes: int = Field(default=4 << 20, ge=1024)
    segment_bytes: int | None = Field(default=None, gt=0)
    count_every: timedelta = Field(default=timedelta(minutes=15), ge=timedelta(0))

    @field_validator("path")
    @classmethod
    def _is_plain(cls, path: str | None) -> str | None:
        if path is not None and (_PATH.fullmatch(path) is None or path in _OWN_PATHS):
            raise ValueError("write a path such as /ingest/orders, of letters, digits and -._~")
        return path

    @model_validator(mode="after")
    def _fits_the_quota(self) -> HttpPushOptions:
        part = self.quota_bytes // _SEGMENTS_IN_QUOTA
        if max(self.max_request_bytes, self.segment_bytes or 0) > part:
            raise ValueError("max_request_bytes and segment_bytes may be a quarter of quota_bytes at most")
        return self


class HttpPush:
    """The reading end of a spool. The writing end may be another process."""

    version = "http_push/1"
    identity = Identity.POSITION
    credential: Credential | None = None  # senders show the token to the endpoint; nothing is shown here

    def __init__(self, entry: ConnectorEntry, place: Place) -> None:
        self._name = entry.name
        self._options = read_options(HttpPushOptions, entry)
        self._folder = folder = _spool_folder(entry, place)
        self._reader = SpoolReader(folder)
        self._taken = folder / "taken"
        self._clock = place.clock
        self.count_every = self._options.count_every

    def poll(self, position: Mapping[str, Json], is_known: IsKnown) -> Poll | None:
        """The events that came after `position`, as one file; waits up to a second for the first of them."""
        try:
            start = self._awaited(position)
            return None if start is None else self._polled(start)
        except OSError as error:
            raise SourceUnavailable(f"connector {self._name}: the spool cannot be read: {error.strerror}") from error

    def peek(self, position: Mapping[str, Json], is_known: IsKnown) -> tuple[str, ...]:
        """Where the unread events begin, if there are any."""
        place = self._reader.place_of(position)
        return (_delivery_name(place),) if place is not None and self._reader.has_more(place) else ()

    def acknowledge(self, position: Mapping[str, Json]) -> None:
        """Gives the disk space of what is durable in raw back to the quota."""
        place = self._reader.place_of(position)
        if place is not None:
            self._reader.release(place)

    def position_at(self, where: str) -> Mapping[str, Json]:
        """`earliest`, the first event that the spool still holds, or the number of a segment.

        Raises:
            ConfigurationError: for every other place; events that raw holds are no longer here.
        """
        if where == "earliest":
            place = self._reader.oldest()
        else:
            place = self._reader.place_at(int(where)) if where.isascii() and where.isdigit() else None
        if place is None:
            raise ConfigurationError(
                f"connector {self._name}: pushed events cannot be fetched again, and need not be: what was taken lies "
                "in landing, from which raw is derived. After a gap, `--from earliest` reads what the spool still "
                "holds, and `--from N` from its segment N on; raw may hold some of it already"
            )
        return place.to_position()

    def promises(self, taken: Taken) -> Iterable[Promise]:
        """What the senders stated; without a statement nothing is known of what they sent."""
        return promises(self._folder, taken, self._clock.now())

    def close(self) -> None:
        """Nothing: no file stays open between polls."""

    def _polled(self, start: SpoolPlace) -> Poll | None:
        # Left by a killed process, or by a turn that failed: only one at a time reads, and it reads again from `start`.
        for left in self._taken.glob("*.part"):
            left.unlink(missing_ok=True)
        with SpoolFile(self._taken, _delivery_name(start)) as file:
            end = start
            for chunk in self._reader.chunks_after(start):
                if file.rows and file.size_bytes + len(chunk.lines) > self._options.max_batch_bytes:
                    break
                file.write_block(chunk.lines, rows=chunk.rows)
                end = chunk.end
            if end == start:  # an append is under way
                return None
            backlog = self._reader.rows_behind(end)
            return Poll(
                deliveries=(file.finish(),),
                position_to=end.to_position(),
                backlog=backlog,
                traceparents=take_senders(self._folder),
            )

    def _awaited(self, position: Mapping[str, Json]) -> SpoolPlace | None:
        until = time.monotonic() + _WAIT_SECONDS
        while True:
            place = self._reader.place_of(position)
            if place is not None and self._reader.has_more(place):
                return place
            if time.monotonic() >= until:
                return None
            time.sleep(_LOOK_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class PushSource:
    """The writing end: what the collector endpoint needs to know about one entry.

    Attributes:
        path: of the URL.
        keep_seconds: how long a token is believed before it is read again, though it fits.
    """

    name: str
    path: str
    accepts: frozenset[Accepted]
    max_request_bytes: int
    token: Credential
    keep_seconds: float
    spool: WriteAhead
    counts: DeclaredCounts


def open_push_source(entry: ConnectorEntry, place: Place) -> PushSource:
    """Opens an entry's spool for writing; close `spool` in the end.

    Raises:
        ConfigurationError: an option is wrong.
        SpoolTaken: another process collects for this entry.
        FatalError: the spool is damaged.
    """
    options = read_options(HttpPushOptions, entry)
    largest = options.quota_bytes // _SEGMENTS_IN_QUOTA
    spool = WriteAhead(
        _spool_folder(entry, place),
        quota_bytes=options.quota_bytes,
        segment_bytes=options.segment_bytes or min(_SEGMENT_BYTES, largest),
    )
    return PushSource(
        name=entry.name,
        path=options.path or f"/ingest/{entry.name}",
        accepts=frozenset(options.accepts),
        max_request_bytes=options.max_request_bytes,
        token=Credential(options.token, place.clock),
        keep_seconds=1.0 if options.token.command is None else 30.0,  # a command costs a process each time
        spool=spool,
        counts=DeclaredCounts(spool, place.clock),
    )


def _spool_folder(entry: ConnectorEntry, place: Place) -> Path:
    return place.spool / "http_push" / f"{entry.dataset.domain}.{entry.name}"


def _delivery_name(place: SpoolPlace) -> str:
    return f"{place.segment:012d}-{place.offset:012d}.ndjson"
