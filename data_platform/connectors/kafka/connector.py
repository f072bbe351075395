"""`kafka`: records of a topic. Where reading stands is in the landing log; the group only shares out partitions.

Every poll holds the position against what the brokers still have, so that a gap is an error and never a jump.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Any

from confluent_kafka import Message

from data_platform.connectors.kafka import offsets as kafka_offsets
from data_platform.connectors.kafka.client import Topic
from data_platform.connectors.kafka.counts import PositionCounts, lost
from data_platform.connectors.kafka.member import Member
from data_platform.connectors.kafka.offsets import Extent, offsets_of, position_of, require_no_gap
from data_platform.connectors.kafka.options import KafkaOptions, Start
from data_platform.connectors.kafka.records import RecordFiles
from data_platform.connectors.kafka.recount import Recount, Spans
from data_platform.connectors.options import read_options
from data_platform.connectors.protocol import IsKnown, Place, Poll, Promise, Taken
from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.credentials import Credential
from data_platform.errors import ConfigurationError, SourceUnavailable
from data_platform.lakehouse.landing import Identity, Json

_IDLE_SECONDS = 1.0  # how long a poll waits where there is nothing
_JOIN_SECONDS = 20.0  # how long for the group to share out partitions: longer than a dead member keeps its own
_FETCH_SECONDS = 10.0  # how long for records that the brokers say they have
_BLOCK_SECONDS = 0.1
_BLOCK_RECORDS = 10_000


class Kafka:
    """The partitions of one topic that the group gives to this process."""

    version = "kafka/1"
    identity = Identity.POSITION

    def __init__(self, entry: ConnectorEntry, place: Place) -> None:
        self._options = read_options(KafkaOptions, entry)
        self._entry = entry
        self._place = place
        security = self._options.security
        self.credential = Credential(security.password, place.clock) if security and security.password else None
        self.count_every = self._options.count_every
        self._given: str | None = None
        self._topic: Topic | None = None
        self._member: Member | None = None

    def poll(self, position: Mapping[str, Json], is_known: IsKnown) -> Poll | None:
        """The records after `position` of the partitions that are this member's; waits for about a second for some.

        Raises:
            SourceUnavailable, SourceRefused: the brokers do not answer, or do not take the credential.
            SourceGap: offsets of the position are gone, or the topic's went backwards.
        """
        extents = self._extents()
        begin = self._begin(position, extents)
        if not position and self._options.start is Start.LATEST:
            return Poll(deliveries=(), position_to=position_of(begin), backlog=0)
        if self._member is None:
            if position and not any(extent.high > begin.get(p, 0) for p, extent in extents.items()):
                return None  # to join the group takes seconds, and there is nothing to share out
            self._member = Member(self._client_config(), self._options.topic)
        self._member.move_to(begin)
        return self._collect(self._member, extents, position)

    def peek(self, position: Mapping[str, Json], is_known: IsKnown) -> tuple[str, ...]:
        """A mark of each partition in which the position is not at the end. Joins no group."""
        topic = self._options.topic
        if not position and self._options.start is Start.LATEST:
            return (f"{topic}/{Start.LATEST}",)
        extents, offsets = self._extents(), offsets_of(position)
        if not position:
            offsets = {partition: extent.low for partition, extent in extents.items()}
        ends = {partition: extent.high for partition, extent in extents.items()}
        marks = [(p, offsets.get(p, 0)) for p in sorted({*ends, *offsets}) if offsets.get(p, 0) != ends.get(p)]
        return tuple(f"{topic}/{partition}/{offset}" for partition, offset in marks)

    def acknowledge(self, position: Mapping[str, Json]) -> None:
        """Shows the group, and so Kafka's own tools, how far raw is."""
        if self._member is not None:
            self._member.commit(offsets_of(position))

    def position_at(self, where: str) -> Mapping[str, Json]:
        """`earliest`, `latest`, `offset:0=123,1=456` with every partition, or `time:` with a moment.

        Raises:
            ConfigurationError: `where` is none of these, or names what the topic does not hold.
            SourceUnavailable, SourceRefused: the brokers do not answer, or do not take the credential.
        """
        form, colon, rest = where.partition(":")
        if (form, bool(colon)) not in (("earliest", False), ("latest", False), ("offset", True), ("time", True)):
            raise ConfigurationError(f"{where!r} is no place in a topic; write {kafka_offsets.FORMS}")
        moment = kafka_offsets.milliseconds_in(rest) if form == "time" else 0
        extents = self._extents()
        if form == "offset":
            return position_of(kafka_offsets.offsets_in(rest, extents))
        if form == "time":
            return position_of(kafka_offsets.from_answers(self._looked_up().at(moment, extents), extents))
        return position_of({p: e.low if form == Start.EARLIEST else e.high for p, e in extents.items()})

    def promises(self, taken: Taken) -> Iterable[Promise]:
        """What the topic held between the positions of the batches since it was asked last; see `counts`."""
        counts = PositionCounts(
            taken=taken,
            source=self._entry.name,
            now=self._place.clock.now(),
            extents=self._extents_aside,
            recount=self._recount,
            most_records=self._options.count_records,
        )
        return counts.promises()

    def lost(self, position: Mapping[str, Json]) -> int | None:
        """How many offsets after a position are gone."""
        return lost(position, self._extents())

    def close(self) -> None:
        """Leaves the group."""
        parts = (self._member, self._topic)
        self._member = self._topic = None
        for part in parts:
            if part is not None:
                part.close()

    def _begin(self, position: Mapping[str, Json], extents: Mapping[int, Extent]) -> dict[int, int]:
        if not position:
            is_latest = self._options.start is Start.LATEST
            return {partition: extent.high if is_latest else extent.low for partition, extent in extents.items()}
        offsets = dict.fromkeys(extents, 0) | offsets_of(position)
        require_no_gap(offsets, extents, topic=self._options.topic, source=self._entry.name)
        return offsets

    def _collect(self, member: Member, extents: Mapping[int, Extent], position: Mapping[str, Json]) -> Poll | None:
        begin = member.next_offsets
        folder = self._place.spool / "kafka" / self._entry.dataset.domain / self._entry.name
        with RecordFiles(folder, topic=self._options.topic, fields=self._options.fields) as files:
            files.add(self._first(member, extents))
            if files.rows:
                self._fill(member, files)
            end = member.next_offsets
            if end == begin and position:
                return None
            backlog = sum(max(0, extent.high - end.get(partition, 0)) for partition, extent in extents.items())
            return Poll(deliveries=files.finish(), position_to=position_of(end), backlog=backlog)

    def _first(self, member: Member, extents: Mapping[int, Extent]) -> list[Message]:
        """The first message, as soon as there is one.

        Raises:
            SourceUnavailable: the group did not say which partitions are this member's.
        """
        begun = since = time.monotonic()
        while not (messages := member.read(1, seconds=_IDLE_SECONDS)):
            now, offsets = time.monotonic(), member.next_offsets
            if member.assigned is None:
                if now - begun > _JOIN_SECONDS:
                    raise SourceUnavailable(
                        f"topic {self._options.topic}: the group gave out no partitions for {now - begun:.0f} s, as "
                        "while another member is leaving; poll again"
                    )
                since = now
            elif not any(offsets.get(p, 0) < extents[p].high for p in member.assigned if p in extents):
                break
            elif now - since > _FETCH_SECONDS:
                self._extents()  # raises where the brokers are down; else these offsets hold no records any more
                break
        return messages

    def _fill(self, member: Member, files: RecordFiles) -> None:
        """Reads on until the batch is full or has lingered long enough."""
        options, until = self._options, time.monotonic() + self._options.linger_seconds
        while (left := until - time.monotonic()) > 0:
            room = options.max_batch_bytes - files.size_bytes
            mean = files.size_bytes // files.rows
            limit = min(_BLOCK_RECORDS, options.max_batch_records - files.rows, room // mean, 4 * files.rows)
            if limit <= 0:
                return
            files.add(member.read(limit, seconds=min(left, _BLOCK_SECONDS)))

    def _extents(self) -> dict[int, Extent]:
        self._prove()
        return self._looked_up().extents()

    def _extents_aside(self) -> dict[int, Extent]:
        with closing(Topic(self._client_config(), self._options.topic)) as topic:
            return topic.extents()

    def _recount(self, spans: Spans) -> int | None:
        with closing(Recount(self._client_config(), self._options.topic)) as reader:
            return reader.records(spans)

    def _looked_up(self) -> Topic:
        if self._topic is None:
            self._topic = Topic(self._client_config(), self._options.topic)
        return self._topic

    def _prove(self) -> None:
        """Gives the clients the credential of now, where it was renewed since they got theirs."""
        security, credential = self._options.security, self.credential
        if security is None or security.username is None or credential is None:
            return
        if self._given is not None and self._given != credential.value():
            for part in (self._member, self._topic):
                if part is not None:
                    part.use(security.username, credential.value())
        self._given = credential.value()

    def _client_config(self) -> dict[str, Any]:
        return self._options.client_config(
            group=f"data_platform.{self._entry.dataset.domain}.{self._entry.name}",
            folder=self._place.source,
            password=self.credential.value() if self.credential else None,
        )
