"""Reads NDJSON files: lines, typed chunks, and the count that the chunks are held against."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import chain

from data_platform.contracts.model import Contract, FileFormat
from data_platform.errors import ConfigurationError
from data_platform.formats.compression import is_utf8, read_members
from data_platform.formats.counting import NdjsonCounter
from data_platform.formats.encodings import SizedBlocks, check_not_utf16, strip_mark
from data_platform.formats.envelopes import EnvelopeStretchReader
from data_platform.formats.json_columns import JsonStretchReader
from data_platform.formats.json_lines import LineStretch, split_lines
from data_platform.formats.reading import Chunk, Drift, FileReading, Source, Tally
from data_platform.formats.rejected import FileRejected, Reason
from data_platform.formats.typed import TypedRecords, number_chunks, read_in_order

_DRIFT_LIMIT = 1_000  # names kept of unknown fields; more is no schema


class NdjsonReader:
    """Reads the NDJSON files of one contract."""

    def __init__(self, contract: Contract) -> None:
        if contract.format is None:
            raise ConfigurationError(f"{contract.name}: platform.format is missing in {contract.path}; add it")
        self._contract = contract
        self._format: FileFormat = contract.format

    def read(self, source: Source, *, name: str) -> FileReading:
        """Starts reading one file."""
        return FileReading(partial(self._chunks, source), name=name)

    def _chunks(self, source: Source, tally: Tally) -> Iterator[Chunk]:
        yield from number_chunks(self._typed(source, tally))

    def _typed(self, source: Source, tally: Tally) -> Iterator[TypedRecords]:
        """The records of all members."""
        added: set[str] = set()

        def note(names: tuple[str, ...]) -> None:
            if len(added) < _DRIFT_LIMIT:
                added.update(names)

        kind = JsonStretchReader if self._format.envelope is None else EnvelopeStretchReader
        reader = kind(self._contract, self._format, note)
        read = partial(reader.read, has_offsets=is_utf8(self._format))
        before = 0
        for member in read_members(source, self._format):
            sized, counter = SizedBlocks(member), NdjsonCounter()
            yield from read_in_order(self._stretches(sized, before, counter), read)
            before += sized.size_bytes
            tally.logical_bytes = before
            tally.source_rows += counter.total()
        tally.drift = Drift(added=tuple(sorted(added)))

    def _stretches(self, member: Iterator[bytes], before: int, counter: NdjsonCounter) -> Iterator[LineStretch]:
        """The lines of a member, whose first byte stands `before` bytes behind that of the file."""
        unmarked = strip_mark(member)
        head = next(unmarked.blocks, b"")
        if not head:
            raise FileRejected(Reason.EMPTY_FILE, "the file holds nothing")
        check_not_utf16(head)
        blocks = chain([head], unmarked.blocks)
        if _is_array(head):
            raise _array_fault(blocks)
        return split_lines(_counted(blocks, counter), self._format, offset=before + unmarked.mark_bytes)


def _is_array(head: bytes) -> bool:
    """Whether the file is one JSON array and not lines: it opens one that its first line does not close."""
    text = head.lstrip()
    first_line, _, rest = text.partition(b"\n")
    is_alone = not rest.strip()
    return text.startswith(b"[") and (is_alone or first_line.rstrip().endswith((b"[", b",", b"{")))


def _array_fault(blocks: Iterator[bytes]) -> FileRejected:
    last = b""
    for block in blocks:
        last = block.rstrip()[-1:] or last
    if last != b"]":
        return FileRejected(Reason.TRUNCATED, "a JSON array that is never closed")
    return FileRejected(Reason.UNSUPPORTED, "one JSON array; the contract says one object a line")


def _counted(blocks: Iterator[bytes], counter: NdjsonCounter) -> Iterator[bytes]:
    for block in blocks:
        counter.feed(block)
        yield block
