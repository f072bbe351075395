"""Reads stretches of enveloped NDJSON: each line unwrapped to a flat record, which is read like any other.

Numbers, places and raw text of rejected records are those of the line that was delivered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from data_platform.contracts.model import Contract, Envelope, FileFormat
from data_platform.formats.cloudevents import CloudEventsEnvelope
from data_platform.formats.debezium import DebeziumEnvelope
from data_platform.formats.json_columns import JsonStretchReader
from data_platform.formats.json_exact import ExactDecoder, Refused
from data_platform.formats.json_lines import LineStretch, line_spans
from data_platform.formats.reading import RECORD_NO
from data_platform.formats.rejected import RAW_TEXT_LIMIT_BYTES, RejectedRecord
from data_platform.formats.scalars import int64_array
from data_platform.formats.typed import TypedRecords

_NO_LIMIT = 1 << 62  # the line was held against the limit; what unwrapping adds is not the source's


class Unwrapper(Protocol):
    """Takes the envelopes of one contract off."""

    def unwrap(self, line: bytes, *, is_torn: bool) -> bytes:
        """The flat record, as a line of JSON.

        Raises:
            Refused: the line is no such envelope.
        """
        ...


_KINDS: dict[Envelope, Callable[[Contract, FileFormat], Unwrapper]] = {
    Envelope.DEBEZIUM: DebeziumEnvelope,
    Envelope.CLOUDEVENTS: CloudEventsEnvelope,
}


class EnvelopeStretchReader:
    """Reads one file's stretches into typed records; `note_added` hears of unknown fields of the records."""

    def __init__(
        self, contract: Contract, file_format: FileFormat, note_added: Callable[[tuple[str, ...]], None]
    ) -> None:
        self._inner = JsonStretchReader(contract, replace(file_format, max_record_bytes=_NO_LIMIT), note_added)
        self._exact = ExactDecoder(file_format)
        self._unwrapper = open_envelope(contract, file_format)

    def read(self, stretch: LineStretch, *, has_offsets: bool) -> TypedRecords:
        """The typed records of `stretch`, numbered from 0."""
        if stretch.is_oversize:
            return self._inner.read(stretch, has_offsets=has_offsets)
        starts, ends = line_spans(stretch.data)
        spans = list(zip(starts.tolist(), ends.tolist(), strict=True))
        flat: list[bytes] = []
        opened: list[int] = []
        rejected: list[RejectedRecord] = []
        for line, (start, end) in enumerate(spans):
            try:
                flat.append(self._unwrapper.unwrap(stretch.data[start:end], is_torn=stretch.is_torn))
                opened.append(line)
            except Refused as refused:
                rejected.append(_rejected(line, refused))
        inner = self._inner.read(LineStretch(b"\n".join([*flat, b""]), 0), has_offsets=False)
        rejected += [replace(item, record_no=opened[item.record_no]) for item in inner.rejected]
        placed = [self._placed(item, stretch, spans[item.record_no], has_offsets=has_offsets) for item in rejected]
        return TypedRecords(len(spans), _renumbered(inner, np.array(opened, np.int64)), placed)

    def _placed(
        self, item: RejectedRecord, stretch: LineStretch, span: tuple[int, int], *, has_offsets: bool
    ) -> RejectedRecord:
        """The rejected record as its line. A line that is no sound JSON is rejected as that, whatever else it is."""
        line = stretch.data[span[0] : span[1]]
        try:
            self._exact.value(line, is_torn=stretch.is_torn)
        except Refused as refused:
            item = _rejected(item.record_no, refused)
        byte_offset = stretch.offset + span[0] if has_offsets else None
        return replace(item, byte_offset=byte_offset, raw=line[:RAW_TEXT_LIMIT_BYTES])


def open_envelope(contract: Contract, file_format: FileFormat) -> Unwrapper:
    """The unwrapper for the format's envelope, which must be given."""
    if file_format.envelope is None:
        raise ValueError(f"{contract.name}: the format names no envelope")
    return _KINDS[file_format.envelope](contract, file_format)


def _rejected(line: int, refused: Refused) -> RejectedRecord:
    fault = refused.fault
    return RejectedRecord(
        record_no=line, byte_offset=None, reason=fault.reason, detail=fault.detail, raw=None, column=refused.column
    )


def _renumbered(inner: TypedRecords, lines: npt.NDArray[np.int64]) -> pa.RecordBatch:
    place = inner.records.schema.get_field_index(RECORD_NO)
    numbers = lines[inner.records.column(place).to_numpy()]
    return inner.records.set_column(place, RECORD_NO, int64_array(numbers))
