"""Reads NDJSON files: lines, typed chunks, and the count that the chunks are held against."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import chain

from data_platform.contracts.model import Contract, FileFormat
from data_platform.errors import ConfigurationError
from data_platform.formats.compression import is_utf8, read_blocks
from data_platform.formats.counting import NdjsonCounter
from data_platform.formats.encodings import check_not_utf16, strip_mark
from data_platform.formats.json_columns import JsonStretchReader
from data_platform.formats.json_lines import split_lines
from data_platform.formats.reading import Chunk, Drift, FileReading, Source, Tally
from data_platform.formats.rejected import FileRejected, Reason
from data_platform.formats.typed import number_chunks, read_in_order

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
        unmarked = strip_mark(read_blocks(source, self._format))
        head = next(unmarked.blocks, b"")
        if not head:
            raise FileRejected(Reason.EMPTY_FILE, "the file holds nothing")
        check_not_utf16(head)
        blocks = chain([head], unmarked.blocks)
        if _is_array(head):
            raise _array_fault(blocks)
        counter = NdjsonCounter()
        added: set[str] = set()

        def note(names: tuple[str, ...]) -> None:
            if len(added) < _DRIFT_LIMIT:
                added.update(names)

        reader = JsonStretchReader(self._contract, self._format, note)
        stretches = split_lines(_counted(blocks, counter), self._format, offset=unmarked.mark_bytes)
        read = partial(reader.read, has_offsets=is_utf8(self._format))
        yield from number_chunks(read_in_order(stretches, read))
        tally.source_rows = counter.total()
        tally.drift = Drift(added=tuple(sorted(added)))


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
