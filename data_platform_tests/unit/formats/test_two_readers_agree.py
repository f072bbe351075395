"""Two readers, one result: whatever damage a file has, the columnar path and the exact path say the same of it.

The exact path is driven here record by record, without the columnar code, and its values come from the scalar parser.
"""

from __future__ import annotations

import io
import json
import random
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_platform.contracts.model import Contract, FileKind, SchemaChange
from data_platform.contracts.types import ColumnType, StructField, TypeKind
from data_platform.formats.csv_dialect import dialect_of
from data_platform.formats.csv_header import match_header
from data_platform.formats.csv_records import Field, RecordParser
from data_platform.formats.json_records import JsonFault, JsonParser
from data_platform.formats.lexical import Fault, parse_text
from data_platform.formats.rejected import FileRejected
from data_platform_tests.unit.formats.makers import ORDERS, STRING, Outcome, column, contract, read
from data_platform_tests.unit.formats.mutations import mutate

MARK = b"\xef\xbb\xbf"
CSV = contract(*ORDERS)
NESTED = ColumnType(
    kind=TypeKind.OBJECT,
    fields=(StructField("a", STRING), StructField("b", ColumnType(kind=TypeKind.ARRAY, item=STRING))),
)
NDJSON = contract(*ORDERS, column("to", NESTED), kind=FileKind.NDJSON)
IGNORING = contract(*ORDERS, kind=FileKind.NDJSON, schema_change=SchemaChange.IGNORE)


def order(number: int, source: random.Random) -> dict[str, Any]:
    """One valid order, as JSON values; decimals as text that needs no quoting."""
    names = ["plain", "é, ß", 'say "hi"', "two\nlines", "", "  x ", "a,b", "😀"]
    days = f"20{source.randrange(10, 40)}-{source.randrange(1, 13):02}-{source.randrange(1, 29):02}"
    return {
        "id": source.choice([number, -number, 9223372036854775807]),
        "small": source.choice([None, 0, -5, 2147483647]),
        "name": source.choice([*names, None]),
        "amount": Decimal(source.randrange(-(10**6), 10**6)) / 100 or Decimal(0),
        "day": days,
        "at": f"{days}{source.choice('T ')}0{source.randrange(10)}:00:00{source.choice(['', '.5', '.123456'])}{source.choice(['Z', '+02:00', '-11:30'])}",
        "local": f"{days}T{source.randrange(24):02}:30:00{source.choice(['', '', 'Z'])}",
        "paid": source.choice([True, False, None]),
        "ratio": source.choice([None, 0.5, -1e-7, 12.0]),
    }


def csv_file(source: random.Random, *, rows: int, quoting: float) -> bytes:
    lines = [",".join(item.name for item in ORDERS)]
    for number in range(1, rows + 1):
        texts = []
        for value in order(number, source).values():
            text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
            is_quoted = any(mark in text for mark in ',"\n') or (text and source.random() < quoting)
            texts.append('"' + text.replace('"', '""') + '"' if is_quoted else text)
        lines.append(",".join(texts))
    end = source.choice(["\n", "\r\n"])
    return (end.join(lines) + end).encode()


def json_file(source: random.Random, *, rows: int, nested: bool) -> bytes:
    lines = []
    spaced = source.random() < 0.5
    for number in range(1, rows + 1):
        values = order(number, source)
        amount = values.pop("amount")
        if nested:
            values["to"] = source.choice([None, {"a": "x", "b": ["y", None]}, {}])
        text = json.dumps(values, ensure_ascii=source.random() < 0.3, separators=(", ", ": ") if spaced else (",", ":"))
        lines.append(f'{{"amount":{" " if spaced else ""}{amount},{text[1:]}')
    return ("\n".join(lines) + "\n").encode()


def exact_csv(made: Contract, data: bytes) -> Outcome:
    """The exact path alone, on a file in memory."""
    assert made.format is not None
    dialect = dialect_of(made, made.format)
    data = data.removeprefix(MARK)
    header = RecordParser(dialect, width=None).parse(data, 0, is_last=True) if data else None
    if header is None or isinstance(header.fields, Fault):
        return Outcome(file_reason="some")
    try:
        layout = match_header(tuple(item.text for item in header.fields), made, made.format)
    except FileRejected:
        return Outcome(file_reason="some")
    outcome, parser, position = Outcome(), RecordParser(dialect, width=layout.width), header.end
    while position < len(data):
        record = parser.parse(data, position, is_last=True)
        assert record is not None
        position = record.end
        outcome.source_rows += 1
        if isinstance(record.fields, Fault):
            outcome.rejected.append({"record_no": outcome.source_rows, "reason": record.fields.reason, "column": None})
            continue
        _settle(made, [record.fields[place] for place in layout.places], outcome)
    return outcome


def _settle(made: Contract, fields: list[Field], outcome: Outcome) -> None:
    row: dict[str, Any] = {}
    for item, content in zip(made.columns, fields, strict=True):
        is_null = content.text == "" and (not content.is_quoted or item.type.kind is not TypeKind.STRING)
        value = None if is_null else parse_text(content.text, item.type)
        if isinstance(value, Fault):
            place = {"record_no": outcome.source_rows, "reason": value.reason, "column": item.name}
            outcome.rejected.append(place)
            return
        row[item.name] = value
    outcome.rows.append({**row, "_record_no": outcome.source_rows})


def exact_json(made: Contract, data: bytes) -> Outcome:
    assert made.format is not None
    outcome, parser = Outcome(), JsonParser(made, made.format)
    lines = data.removeprefix(MARK).split(b"\n")
    for number, line in enumerate(lines, start=1):
        text = line.removesuffix(b"\r") if number < len(lines) else line
        if not line.strip(b" \t\r"):
            continue
        outcome.source_rows += 1
        record = parser.parse(text, is_torn=number == len(lines))
        if isinstance(record, JsonFault):
            place = {"record_no": outcome.source_rows, "reason": record.fault.reason, "column": record.column}
            outcome.rejected.append(place)
        else:
            names = [item.name for item in made.columns]
            outcome.rows.append({**dict(zip(names, record.values, strict=True)), "_record_no": outcome.source_rows})
    return outcome


def assert_agreement(made: Contract, data: bytes, exact: Outcome, *, step: int | None) -> None:
    fast = read(made, data, step=step)
    if exact.file_reason or fast.file_reason:
        assert fast.file_reason
        assert exact.file_reason or fast.file_reason in ("ENCODING", "EMPTY_FILE", "TRUNCATED", "UNSUPPORTED")
        return
    places = [{key: item[key] for key in ("record_no", "reason", "column")} for item in fast.rejected]
    assert places == exact.rejected
    assert fast.rows == exact.rows
    assert fast.source_rows == exact.source_rows == len(fast.rows) + len(fast.rejected)
    json.dumps([item["raw_text"] for item in fast.rejected])


def check_csv(seed: int) -> None:
    source = random.Random(seed)
    data = mutate(csv_file(source, rows=source.randint(1, 40), quoting=source.choice([0, 0, 0.1, 1])), source)
    assert_agreement(CSV, data, exact_csv(CSV, data), step=source.choice([None, None, 64, 1000]))


def check_json(seed: int) -> None:
    source = random.Random(seed)
    made = source.choice([NDJSON, IGNORING])
    data = mutate(json_file(source, rows=source.randint(1, 40), nested=made is NDJSON), source)
    assert_agreement(made, data, exact_json(made, data), step=source.choice([None, None, 64, 1000]))


PARQUET = contract(*ORDERS[:4], kind=FileKind.PARQUET)


def check_parquet(seed: int) -> None:
    """Parquet has one path: whatever the damage, the rows close or the file is rejected."""
    source = random.Random(seed)
    rows = source.randint(1, 200)
    schema = pa.schema([(item.name, item.type.arrow()) for item in ORDERS[:4]])
    records = [{name: order(number, source)[name] for name in schema.names} for number in range(rows)]
    sink = io.BytesIO()
    checked, version = source.random() < 0.5, source.choice(["1.0", "2.0"])
    pq.write_table(pa.Table.from_pylist(records, schema), sink, write_page_checksum=checked, data_page_version=version)
    outcome = read(PARQUET, mutate(sink.getvalue(), source))
    assert outcome.file_reason or outcome.source_rows == len(outcome.rows) + len(outcome.rejected)


CHECKS = [check_csv, check_json, check_parquet]


@pytest.mark.parametrize("check", CHECKS)
def test_damaged_files_have_one_result(check: Any) -> None:
    for seed in range(500 if check is not check_parquet else 150):
        try:
            check(seed)
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error


@pytest.mark.campaign
@pytest.mark.parametrize("check", CHECKS)
def test_a_campaign_of_damaged_files_has_one_result(check: Any) -> None:
    for seed in range(10_000, 15_000):
        try:
            check(seed)
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error


def test_undamaged_files_are_read_whole() -> None:
    source = random.Random(7)
    for quoting in (0, 0.2, 1):
        data = csv_file(source, rows=3_000, quoting=quoting)
        assert_agreement(CSV, data, exact_csv(CSV, data), step=None)
    data = json_file(source, rows=3_000, nested=True)
    assert_agreement(NDJSON, data, exact_json(NDJSON, data), step=None)
