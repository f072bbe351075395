"""Every kind of malformed Parquet, with its outcome. Identifiers are those of the acceptance table."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_platform.contracts.model import Contract, FileKind, SchemaChange
from data_platform.contracts.types import ColumnType, StructField, TypeKind
from data_platform.formats.reading import open_reader
from data_platform.formats.rejected import FileRejected
from data_platform_tests.unit.formats.makers import (
    BERLIN,
    DATE,
    DOUBLE,
    INT32,
    INTEGER,
    MOMENT,
    MONEY,
    STRING,
    column,
    contract,
    read,
)


def parquet_contract(*columns: Any, **more: Any) -> Contract:
    return contract(*(columns or (column("id", INTEGER),)), kind=FileKind.PARQUET, **more)


def parquet(**columns: pa.Array) -> bytes:
    return written(pa.table(columns))


def written(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


WHOLE = parquet(id=pa.array([1, 2, 3], pa.int64()))
FOOTER_BYTES = int.from_bytes(WHOLE[-8:-4], "little")


@pytest.mark.parametrize(
    ("id", "data"),
    [
        ("pq-01 nothing", b""),
        ("pq-01 three", b"PAR"),
        ("pq-01 magic", b"PAR1"),
        ("pq-01 two magics", b"PAR1PAR1"),
        ("pq-02 cut", WHOLE[:-20]),
        ("pq-02 large", WHOLE[:-8] + (1 << 30).to_bytes(4, "little") + b"PAR1"),
        ("pq-02 negative", WHOLE[:-8] + b"\xff\xff\xff\xff" + b"PAR1"),
        ("pq-02 garbage", WHOLE[: -8 - FOOTER_BYTES] + b"\x00" * FOOTER_BYTES + WHOLE[-8:]),
        ("text", b"id\n1\n"),
    ],
)
def test_a_damaged_file_is_rejected_whole(id: str, data: bytes) -> None:
    assert read(parquet_contract(), data).file_reason == "CORRUPT_FILE"


@pytest.mark.parametrize("data", [b"PAR1", b"PAR1PAR1", WHOLE[:-1], WHOLE[1:]])
def test_a_file_without_both_magic_numbers_around_something_is_not_handed_to_the_decoder(data: bytes) -> None:
    with pytest.raises(FileRejected, match="not a whole Parquet file"):
        list(open_reader(parquet_contract()).read(io.BytesIO(data), name="orders"))


def test_encrypted_files_are_unsupported() -> None:
    assert read(parquet_contract(), WHOLE[:-4] + b"PARE").file_reason == "UNSUPPORTED"


@pytest.mark.parametrize("codec", [3, 99])
def test_codecs_that_cannot_be_read_are_unsupported(codec: int) -> None:
    """The footer names a column's codec behind its path, as a zigzag number: 1 is Snappy, 3 LZO, 99 nothing."""
    snappy, other = b"\x18\x02id\x15\x02", b"\x18\x02id\x15" + (bytes([codec * 2]) if codec < 64 else b"\xc6\x01")
    assert snappy in WHOLE
    footer = WHOLE[:-8].replace(snappy, other)
    size = FOOTER_BYTES + len(footer) - len(WHOLE) + 8
    assert read(parquet_contract(), footer + size.to_bytes(4, "little") + b"PAR1").file_reason == "UNSUPPORTED"


@pytest.mark.parametrize(
    ("id", "made", "table", "reason"),
    [
        (
            "pq-07 int",
            parquet_contract(column("id", INT32)),
            pa.table({"id": pa.array([1], pa.int64())}),
            "SCHEMA_TYPE",
        ),
        ("pq-07 unsigned", parquet_contract(), pa.table({"id": pa.array([1], pa.uint64())}), "SCHEMA_TYPE"),
        ("pq-07 double", parquet_contract(column("id", MONEY)), pa.table({"id": pa.array([1.0])}), "SCHEMA_TYPE"),
        ("pq-07 text", parquet_contract(), pa.table({"id": pa.array(["1"])}), "SCHEMA_TYPE"),
        (
            "pq-07 date",
            parquet_contract(column("id", MOMENT)),
            pa.table({"id": pa.array([1], pa.date32())}),
            "SCHEMA_TYPE",
        ),
        ("pq-11 case", parquet_contract(), pa.table({"id": [1], "ID": [1]}), "DUPLICATE_COLUMN"),
        (
            "pq-11 same",
            parquet_contract(),
            pa.Table.from_arrays([pa.array([1])] * 2, names=["id", "id"]),
            "DUPLICATE_COLUMN",
        ),
        ("pq-14", parquet_contract(), pa.table({"key": [1]}), "SCHEMA_REMOVED"),
        ("added", parquet_contract(), pa.table({"id": [1], "more": [1]}), "SCHEMA_ADDED"),
    ],
)
def test_a_schema_that_does_not_fit_rejects_the_file(id: str, made: Contract, table: pa.Table, reason: str) -> None:
    assert read(made, written(table)).file_reason == reason


@pytest.mark.parametrize("step", [100, 1 << 20])
def test_a_stream_that_cannot_seek_is_read_whole(step: int) -> None:
    assert [row["id"] for row in read(parquet_contract(), WHOLE, step=step).rows] == [1, 2, 3]


def test_widening_is_exact() -> None:
    made = parquet_contract(column("id", INTEGER), column("amount", MONEY), column("r", DOUBLE))
    data = parquet(
        id=pa.array([-(2**31), None], pa.int32()),
        amount=pa.array([7, 2**40], pa.int64()),
        r=pa.array([0.1, None], pa.float32()),
    )
    rows = read(made, data).rows
    assert [row["id"] for row in rows] == [-(2**31), None]
    assert [row["amount"] for row in rows] == [Decimal("7.00"), Decimal(2**40)]
    assert rows[0]["r"] == 0.10000000149011612


@pytest.mark.parametrize("kind", [pa.int8(), pa.uint8(), pa.int32(), pa.uint32(), pa.int64()])
def test_an_integer_of_up_to_64_bits_is_a_decimal(kind: pa.DataType) -> None:
    bits = kind.bit_width if str(kind).startswith("u") else kind.bit_width - 1
    made = parquet_contract(column("amount", ColumnType(kind=TypeKind.DECIMAL, precision=22, scale=2)))
    outcome = read(made, parquet(amount=pa.array([2**bits - 1, 0, None], kind)))
    assert outcome.reasons == []
    assert [row["amount"] for row in outcome.rows] == [Decimal(2**bits - 1), Decimal(0), None]


def test_decimals_that_lose_digits_are_rejected_row_by_row() -> None:
    values = [Decimal("1.5"), Decimal("1.005"), None, Decimal(10) ** 17, Decimal("-0.01")]
    outcome = read(parquet_contract(column("amount", MONEY)), parquet(amount=pa.array(values, pa.decimal128(38, 10))))
    assert outcome.reasons == [(2, "OUT_OF_RANGE"), (4, "OUT_OF_RANGE")]
    assert [row["amount"] for row in outcome.rows] == [Decimal("1.50"), None, Decimal("-0.01")]


def test_nanoseconds_that_microseconds_cannot_hold_are_rejected() -> None:
    data = parquet(at=pa.array([1_000, 1_001, None], pa.timestamp("ns", "UTC")))
    outcome = read(parquet_contract(column("at", MOMENT)), data)
    assert outcome.reasons == [(2, "TYPE_TIMESTAMP")]
    assert [row["_record_no"] for row in outcome.rows] == [1, 3]


def test_milliseconds_and_other_zones_are_the_same_moment() -> None:
    data = parquet(at=pa.array([1_700_000_000_123], pa.timestamp("ms", "Asia/Tokyo")))
    assert (
        read(parquet_contract(column("at", MOMENT)), data).rows[0]["at"].isoformat()
        == "2023-11-14T22:13:20.123000+00:00"
    )


def test_naive_timestamps_need_the_zone_of_the_contract() -> None:
    hour = 3_600_000_000
    gap = 1_774_749_600_000_000 + hour // 2  # 2026-03-29 02:30 as read from the clock in Berlin
    data = parquet(at=pa.array([0, gap, None, 4_000_000_000 * 1_000_000], pa.timestamp("us")))
    assert read(parquet_contract(column("at", MOMENT)), data).reasons == [(n, "TYPE_TIMESTAMP") for n in (1, 2, 4)]
    outcome = read(parquet_contract(column("at", BERLIN)), data)
    assert outcome.reasons == [(2, "TYPE_TIMESTAMP")]
    assert [row["at"] and row["at"].isoformat() for row in outcome.rows] == [
        "1969-12-31T23:00:00+00:00",
        None,
        "2096-10-02T05:06:40+00:00",
    ]


def test_int96_is_a_local_time() -> None:
    data = written(pa.table({"at": pa.array([0], pa.timestamp("ns"))}), use_deprecated_int96_timestamps=True)
    assert read(parquet_contract(column("at", BERLIN)), data).rows[0]["at"].isoformat() == "1969-12-31T23:00:00+00:00"


def test_moments_and_days_outside_the_calendar_are_out_of_range() -> None:
    made = parquet_contract(column("at", MOMENT), column("day", DATE))
    data = parquet(at=pa.array([2**62, 0, 0], pa.timestamp("us", "UTC")), day=pa.array([0, 2**30, 0], pa.date32()))
    assert read(made, data).reasons == [(1, "OUT_OF_RANGE"), (2, "OUT_OF_RANGE")]


def test_nulls_in_required_columns_are_left_to_admission() -> None:
    outcome = read(parquet_contract(column("id", INTEGER, required=True)), parquet(id=pa.array([1, None])))
    assert (len(outcome.rows), outcome.reasons) == (2, [])


def test_text_that_is_not_utf8_or_holds_control_characters_is_rejected_row_by_row() -> None:
    raw = pa.array([b"a", b"\xff", b"b\0", None, b"c"], pa.binary())
    texts = pa.Array.from_buffers(pa.string(), 5, raw.buffers())
    outcome = read(parquet_contract(column("name", STRING)), parquet(name=texts))
    assert outcome.reasons == [(2, "ENCODING"), (3, "CONTROL_CHAR")]
    assert [row["name"] for row in outcome.rows] == ["a", None, "c"]


ADDRESS = ColumnType(kind=TypeKind.OBJECT, fields=(StructField("city", STRING), StructField("price", MONEY)))
NESTED = (column("to", ADDRESS), column("prices", ColumnType(kind=TypeKind.ARRAY, item=MONEY)))


def test_nested_values_are_cast_and_their_faults_reject_the_row() -> None:
    inner = pa.decimal128(20, 4)
    values = [{"price": Decimal("1.5"), "city": "x"}, None, {"price": Decimal("1.001"), "city": "y"}, None]
    to = pa.array(values, pa.struct([("price", inner), ("city", pa.string())]))
    prices = pa.array([[Decimal(1), None], [], None, [Decimal("0.001")]], pa.list_(inner))
    outcome = read(parquet_contract(*NESTED), written(pa.table({"to": to, "prices": prices})))
    assert outcome.reasons == [(3, "OUT_OF_RANGE"), (4, "OUT_OF_RANGE")]
    assert [(row["to"], row["prices"]) for row in outcome.rows] == [
        ({"city": "x", "price": Decimal("1.50")}, [Decimal("1.00"), None]),
        (None, []),
    ]


def test_a_nested_field_that_was_added_follows_the_contract() -> None:
    kind = pa.struct([("city", pa.string()), ("price", pa.decimal128(18, 2)), ("zip", pa.string())])
    data = parquet(to=pa.array([{"city": "x", "zip": "1"}], kind))
    assert read(parquet_contract(NESTED[0]), data).file_reason == "SCHEMA_ADDED"
    outcome = read(parquet_contract(NESTED[0], schema_change=SchemaChange.IGNORE), data)
    assert outcome.rows[0]["to"] == {"city": "x", "price": None}
    assert outcome.drift.added == ("to.zip",)


def test_unknown_columns_are_kept_as_json_text_where_the_contract_evolves() -> None:
    made = parquet_contract(schema_change=SchemaChange.EVOLVE)
    assert read(made, parquet(id=pa.array([1]), more=pa.array(["é"]))).rows[0]["_extra"] == '{"more": "é"}'


def test_dictionaries_columns_of_nulls_and_many_row_groups_are_read() -> None:
    made = parquet_contract(column("id", INTEGER), column("name", STRING), column("gone", MONEY))
    names = pa.array(["a", None, "b"] * 1_000).dictionary_encode()
    table = pa.table({"id": range(3_000), "name": names, "gone": pa.nulls(3_000)})
    outcome = read(made, written(table, row_group_size=700))
    assert [row["id"] for row in outcome.rows] == list(range(3_000))
    assert outcome.rows[2] == {"id": 2, "name": "b", "gone": None, "_record_no": 3}
    assert outcome.source_rows == 3_000
