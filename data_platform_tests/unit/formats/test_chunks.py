"""A file is given on in chunks of bounded size, in which no record is lost, doubled or out of its place."""

from __future__ import annotations

import io
from itertools import pairwise

import pytest

from data_platform.contracts.model import FileKind
from data_platform.formats import typed
from data_platform.formats.reading import open_reader
from data_platform_tests.unit.formats.makers import INTEGER, column, contract

RECORDS = 23
FAULTY = {1, 7, 8, 9, 10, 11, 12, 22}


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 22, 23, 24])
@pytest.mark.parametrize("kind", [FileKind.CSV, FileKind.NDJSON])
def test_chunks_hold_neighbouring_records_up_to_the_limit(
    kind: FileKind, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typed, "CHUNK_RECORDS", limit)
    values = {number: "x" if number in FAULTY else f"{number * 10}" for number in range(1, RECORDS + 1)}
    if kind is FileKind.CSV:
        text = "".join(["id\n", *(f"{value}\n" for value in values.values())])
    else:
        text = "".join(f'{{"id":{value}}}\n' for value in values.values())
    reading = open_reader(contract(column("id", INTEGER), kind=kind)).read(io.BytesIO(text.encode()), name="orders")
    read: list[tuple[int, int]] = []
    rejected: list[int] = []
    spans: list[list[int]] = []
    for chunk in reading:
        rows = [(row["_record_no"], row["id"]) for row in chunk.records.to_pylist()]
        faults = [item["record_no"] for item in chunk.rejected.to_pylist()]
        spans.append(sorted([number for number, _ in rows] + faults))
        read += rows
        rejected += faults
    assert read == [(number, number * 10) for number in values if number not in FAULTY]
    assert rejected == sorted(FAULTY)
    assert all(span[-1] - span[0] < limit for span in spans if span)
    assert all(before[-1] < behind[0] for before, behind in pairwise(span for span in spans if span))
    assert reading.source_rows == RECORDS
