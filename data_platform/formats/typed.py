"""Typed records of one stretch of a file, numbered from 0, and their way into chunks numbered through the file."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from data_platform.formats.reading import RECORD_NO, Chunk
from data_platform.formats.rejected import RejectedRecord, rejected_batch
from data_platform.formats.scalars import int64_scalar

CHUNK_RECORDS = 128 << 10
_WORKERS_LIMIT = 4
_AHEAD = 6  # stretches that are read while the caller is busy with what was read before

Stretch = TypeVar("Stretch")


@dataclass(frozen=True, slots=True)
class TypedRecords:
    """What one stretch holds: `count` records, those read (RECORD_NO counts from 0) and those rejected (likewise)."""

    count: int
    records: pa.RecordBatch
    rejected: list[RejectedRecord]


def read_in_order(stretches: Iterable[Stretch], read: Callable[[Stretch], TypedRecords]) -> Iterator[TypedRecords]:
    """Reads stretches on a few threads (the kernels release the interpreter), in order, few of them at a time."""
    workers = min(_WORKERS_LIMIT, os.cpu_count() or 1)
    pending: deque[Future[TypedRecords]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="format-reader") as pool:
        for stretch in stretches:
            pending.append(pool.submit(read, stretch))
            if len(pending) > workers + _AHEAD:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def number_chunks(parts: Iterable[TypedRecords]) -> Iterator[Chunk]:
    """Chunks of at most CHUNK_RECORDS source records each, numbered from 1 through the file."""
    before = 0
    for part in parts:
        numbers = part.records.schema.get_field_index(RECORD_NO)
        shifted = pc.add(part.records.column(numbers), int64_scalar(before + 1, pa.int64()))
        records = part.records.set_column(numbers, RECORD_NO, shifted)
        rejected = [replace(item, record_no=item.record_no + before + 1) for item in part.rejected]
        yield from _sliced(records, shifted, sorted(rejected, key=lambda item: item.record_no), before, part.count)
        before += part.count


def _sliced(
    records: pa.RecordBatch, numbers: pa.Array, rejected: list[RejectedRecord], before: int, count: int
) -> Iterator[Chunk]:
    if count <= CHUNK_RECORDS:
        yield Chunk(records, rejected_batch(rejected))
        return
    ordered = numbers.to_numpy()
    first = row = 0
    for limit in range(before + CHUNK_RECORDS, before + count + CHUNK_RECORDS, CHUNK_RECORDS):
        stop = int(ordered.searchsorted(limit, side="right"))
        behind = next((i for i in range(first, len(rejected)) if rejected[i].record_no > limit), len(rejected))
        yield Chunk(records.slice(row, stop - row), rejected_batch(rejected[first:behind]))
        row, first = stop, behind
