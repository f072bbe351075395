"""Parquet files that lie: flipped bytes, wrong counts, false statistics, pages that expand without end.

Identifiers are those of the acceptance table. What no CRC covers is covered by the sha256 of the landed object, which
publication compares before it reads a file.
"""

from __future__ import annotations

import io
import itertools
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_platform.contracts.model import Contract, FileKind
from data_platform_tests.unit.formats.makers import INTEGER, STRING, column, contract, read

ROWS = 100
COUNT = b"\xc8\x01"  # 100 as Thrift writes it: a zigzag number


def made(*columns: Any, **more: Any) -> Contract:
    return contract(*(columns or (column("id", INTEGER),)), kind=FileKind.PARQUET, **more)


def written(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def numbers(**options: Any) -> bytes:
    return written(pa.table({"id": pa.array(range(1, ROWS + 1), pa.int64())}), use_dictionary=False, **options)


def pages_end(data: bytes) -> int:
    metadata = pq.ParquetFile(io.BytesIO(data)).metadata
    chunk = metadata.row_group(metadata.num_row_groups - 1).column(0)
    return int(chunk.data_page_offset + chunk.total_compressed_size)


@pytest.mark.parametrize(
    "options", [{}, {"data_page_version": "2.0"}, {"compression": "none"}, {"compression": "zstd"}]
)
def test_pq_03_a_flipped_byte_in_a_page_with_a_checksum_rejects_the_file(options: dict[str, Any]) -> None:
    data = numbers(write_page_checksum=True, **options)
    assert len(read(made(), data).rows) == ROWS
    end = pages_end(data)
    for place in range(end - 60, end):
        damaged = data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :]
        assert read(made(), damaged).file_reason == "CHECKSUM", place


def test_pq_03_a_flipped_byte_in_a_page_without_a_checksum_is_read_as_it_stands_or_rejected() -> None:
    """The reader alone cannot know better."""
    data = numbers(compression="none")
    for place in range(4, pages_end(data)):
        outcome = read(made(), data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :])
        assert outcome.file_reason or len(outcome.rows) == ROWS, place


def places(data: bytes) -> list[int]:
    """Where the footer names the number of rows: for the file, for the column, for the row group."""
    end, found = pages_end(data), []
    while (place := data.find(b"\x16" + COUNT, end)) >= 0:
        found.append(place + 1)
        end = place + 1
    return found


@pytest.mark.parametrize("said", [90, 110])
@pytest.mark.parametrize("which", [which for size in (1, 2, 3) for which in itertools.combinations(range(3), size)])
def test_pq_04_a_footer_that_names_another_number_of_rows_rejects_the_file(which: tuple[int, ...], said: int) -> None:
    data = bytearray(numbers())
    found = places(bytes(data))
    assert len(found) == 3
    for place in which:
        data[found[place] : found[place] + 2] = bytes([(said * 2) & 0x7F | 0x80, (said * 2) >> 7])
    columns_count_is_wrong = which == (1,)  # it has no part in reading a flat column: the pages and both rows agree
    outcome = read(made(), bytes(data))
    if columns_count_is_wrong:
        assert outcome.file_reason in ("CORRUPT_FILE", None)
        assert outcome.file_reason or len(outcome.rows) == ROWS
    else:
        assert outcome.file_reason == "CORRUPT_FILE"


@pytest.mark.parametrize("options", [{}, {"write_page_index": True}, {"row_group_size": 30}])
def test_pq_05_rows_outside_the_statistics_are_read(options: dict[str, Any]) -> None:
    data = numbers(**options)
    end = pages_end(data)
    lie, hits = data[:end], 0
    rest = data[end:]
    for least in (1, 31, 61, 91, 30, 60, 90, 100):
        hits += rest.count(least.to_bytes(8, "little"))
        rest = rest.replace(least.to_bytes(8, "little"), (5_000 + least).to_bytes(8, "little"))
    assert hits >= 2
    if "row_group_size" not in options:
        statistics = pq.ParquetFile(io.BytesIO(lie + rest)).metadata.row_group(0).column(0).statistics
        assert (statistics.min, statistics.max) == (5_001, 5_100)
    outcome = read(made(), lie + rest)
    assert [row["id"] for row in outcome.rows] == list(range(1, ROWS + 1))
    assert outcome.source_rows == ROWS


def test_columns_of_few_values_and_empty_files_are_no_bombs() -> None:
    table = pa.table({"id": pa.array([7] * 300_000, pa.int64()), "name": ["constant"] * 300_000})
    outcome = read(made(column("id", INTEGER), column("name", STRING)), written(table, compression="zstd"))
    assert (outcome.file_reason, outcome.source_rows) == (None, 300_000)
    empty = read(made(), written(table.slice(0, 0).select(["id"])))
    assert (empty.file_reason, empty.source_rows) == (None, 0)


def test_long_values_that_repeat_are_read_in_small_batches() -> None:
    values = ["x" * (1 << 20), "y", None]
    names = pa.DictionaryArray.from_arrays(pa.array([0, 1, None] * 100, pa.int32()), values[:2])
    nested = pa.StructArray.from_arrays([names.dictionary_decode()], names=["name"])
    kinds = (column("name", STRING),)
    for table in (pa.table({"name": names}), pa.table({"name": names, "more": nested}).select(["name"])):
        outcome = read(made(*kinds), written(table, compression="zstd"))
        assert [row["name"] for row in outcome.rows] == values * 100
        assert [row["_record_no"] for row in outcome.rows] == list(range(1, 301))


SCRIPT = """
    import resource, sys
    from pathlib import Path
    from data_platform.contracts.model import FileKind
    from data_platform.formats.reading import open_reader
    from data_platform.formats.rejected import FileRejected
    from data_platform_tests.unit.formats.makers import STRING, column, contract

    resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
    reading = open_reader(contract(column("name", STRING), kind=FileKind.PARQUET)).read(Path(sys.argv[1]), name="bomb")
    reason = None
    try:
        for _ in reading:
            pass
    except FileRejected as refused:
        reason = refused.reason.value
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(reason, int(peak.split()[1]) // 1024)  # the usage of the parent counts in what getrusage says
"""


def bomb(name: str) -> bytes:
    """A dictionary whose one value stands in 4,096 rows, 4 GiB; a page of 300 MiB; three pages of 100 MiB."""
    if name == "dictionary":
        values: Any = pa.DictionaryArray.from_arrays(pa.array([0] * 4_096, pa.int32()), ["x" * (1 << 20)])
    else:
        values = ["x" * (300 << 20)] if name == "page" else ["x" * (100 << 20)] * 3
    return written(pa.table({"name": values}), compression="zstd", use_dictionary=name == "dictionary")


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory as Linux has them")
@pytest.mark.parametrize("name", ["dictionary", "page", "pages"])
def test_pq_13_a_bomb_is_rejected_in_bounded_memory(name: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb.parquet"
    path.write_bytes(bomb(name))
    assert path.stat().st_size < 100_000
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), str(path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert result.returncode == 0, result.stderr
    reason, peak_mib = result.stdout.split()
    assert reason == "ARCHIVE_BOMB"
    assert int(peak_mib) < 1_024
