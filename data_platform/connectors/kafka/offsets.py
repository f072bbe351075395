"""Offsets of a Kafka topic: as a position, as a place that a person means, and held against what the topic still has.

An offset is always that of the record to read next. A partition that a position does not name begins at offset 0, so
that no partition is ever entered in the middle.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter

from data_platform.errors import ConfigurationError, SourceGap
from data_platform.lakehouse.landing import Json

FORMS = "earliest, latest, offset:0=123,1=456 (every partition) or time:2026-03-01T00:00:00Z"

_BY_PARTITION: TypeAdapter[dict[int, int]] = TypeAdapter(dict[int, int])  # the keys of a JSON object are text
_OFFSETS = re.compile(r"\d+=\d+(,\d+=\d+)*")


@dataclass(frozen=True, slots=True)
class Extent:
    """What a partition holds for a reader of committed records: offsets from `low` to before `high`."""

    low: int
    high: int


def position_of(offsets: Mapping[int, int]) -> Mapping[str, Json]:
    """Offsets as the position that a manifest holds."""
    return {"offsets": {str(partition): offset for partition, offset in sorted(offsets.items())}}


def offsets_of(position: Mapping[str, Json]) -> dict[int, int]:
    """The offsets of a position; none where there is no position yet."""
    return _BY_PARTITION.validate_python(position.get("offsets", {}))


def require_no_gap(offsets: Mapping[int, int], extents: Mapping[int, Extent], *, topic: str, source: str) -> None:
    """Every record that `offsets` name next is still to be had, or has not been written yet.

    Raises:
        SourceGap: saying what is gone, and with which command a person accepts that.
    """
    gaps = [text for partition, offset in sorted(offsets.items()) if (text := _gap(partition, offset, extents))]
    if not gaps:
        return
    accepted = {partition: _nearest(offsets.get(partition, 0), extent) for partition, extent in extents.items()}
    command = f"data-platform ingest replay {source} --from"
    raise SourceGap(
        f"topic {topic}: {'; '.join(gaps)}. Nothing was read. To accept the loss run `{command} {as_text(accepted)}`; "
        f"`{command} earliest` reads all again that is left"
    )


def as_text(offsets: Mapping[int, int]) -> str:
    """Offsets as they are written on the command line."""
    return "offset:" + ",".join(f"{partition}={offset}" for partition, offset in sorted(offsets.items()))


def offsets_in(text: str, extents: Mapping[int, Extent]) -> dict[int, int]:
    """The offsets that `0=123,1=456` names.

    Raises:
        ConfigurationError: a partition is missing, unknown or named twice, or does not hold its offset.
    """
    if not _OFFSETS.fullmatch(text):
        raise ConfigurationError(f"{text!r} names no offsets; write {FORMS}")
    pairs = [
        (int(partition), int(offset)) for partition, _, offset in (pair.partition("=") for pair in text.split(","))
    ]
    offsets = dict(pairs)
    if len(offsets) < len(pairs) or offsets.keys() != extents.keys():
        raise ConfigurationError(f"name each of the partitions {', '.join(map(str, sorted(extents)))} once in {text!r}")
    for partition, offset in pairs:
        extent = extents[partition]
        if not extent.low <= offset <= extent.high:
            raise ConfigurationError(
                f"partition {partition} has no offset {offset}; it holds {extent.low} to {extent.high}"
            )
    return offsets


def milliseconds_in(text: str) -> int:
    """The moment that an ISO 8601 text names, in milliseconds since 1970.

    Raises:
        ConfigurationError: it names none, or does not say its offset from UTC.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError(f"{text!r} is no time; write time:2026-03-01T00:00:00Z") from error
    if moment.tzinfo is None:
        raise ConfigurationError(f"{text!r} does not say its zone; write {text}Z for UTC")
    return int(moment.timestamp() * 1000)


def from_answers(answers: Mapping[int, int], extents: Mapping[int, Extent]) -> dict[int, int]:
    """Offsets from the brokers' answers to a time; a negative one says that nothing is as young as that."""
    return {
        partition: answers[partition] if answers.get(partition, -1) >= 0 else extent.high
        for partition, extent in extents.items()
    }


def _gap(partition: int, offset: int, extents: Mapping[int, Extent]) -> str:
    extent = extents.get(partition)
    if extent is None:
        return f"partition {partition} is gone, and with it what came from offset {offset} on"
    if offset < extent.low:
        lost = f"{extent.low - offset} offsets {offset} to {extent.low - 1}"
        return f"partition {partition} no longer has the {lost}, which were never read"
    if offset > extent.high:
        return (
            f"partition {partition} ends at offset {extent.high}, but was read up to {offset}: its offsets went "
            "backwards, as when a topic is made anew or truncated"
        )
    return ""


def _nearest(offset: int, extent: Extent) -> int:
    return offset if extent.low <= offset <= extent.high else extent.low
