from __future__ import annotations

import json

import orjson
import pytest

from data_platform.connectors.postgres_cdc.lsn import lsn_number, lsn_text
from data_platform.connectors.postgres_cdc.values import copied_rows, reading_of
from data_platform.errors import FatalError


@pytest.mark.parametrize(
    ("type_oid", "text", "expected"),
    [
        (16, "t", True),
        (16, "f", False),
        (20, "-9223372036854775808", -(2**63)),
        (21, "7", 7),
        (23, "-7", -7),
        (700, "0.1", 0.1),
        (701, "1e+20", 1e20),
        (701, "NaN", "NaN"),
        (701, "-Infinity", "-Infinity"),
        (1700, "12345678901234567890.10", "12345678901234567890.10"),
        (790, "$1,234.50", "$1,234.50"),
        (17, "\\x00ff10", "AP8Q"),
        (17, "\\x", ""),
        (1184, "2026-03-01 04:30:00.123456+00", "2026-03-01T04:30:00.123456Z"),
        (1184, "infinity", "infinity"),
        (1184, "0044-03-15 00:00:00+00 BC", "0044-03-15 00:00:00+00 BC"),
        (1114, "2026-03-01 04:30:00", "2026-03-01T04:30:00"),
        (1114, "0044-03-15 00:00:00 BC", "0044-03-15 00:00:00 BC"),
        (1082, "2026-03-01", "2026-03-01"),
        (1186, "P1DT2H", "P1DT2H"),
        (1009, '{a,"b c",NULL}', '{a,"b c",NULL}'),
        (3802, '{"x": 1}', '{"x": 1}'),
        (2950, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        (99999, "anything", "anything"),
    ],
)
def test_a_value_becomes_json_that_says_the_same(type_oid: int, text: str, expected: object) -> None:
    found = reading_of(type_oid)(text.encode())
    assert found == expected
    assert type(found) is type(expected)
    assert json.loads(orjson.dumps(found)) == expected


def test_bytes_that_are_no_text_can_still_be_written_down() -> None:
    assert reading_of(25)(b"caf\xe9") == "caf\\xe9"


def test_a_copied_row_is_taken_apart_as_postgresql_put_it_together() -> None:
    block = b"1\ta\\tb\\nc\\\\d\\\\N\t\\N\t\n2\t\\b\\f\\r\\v\t\\\\N\tx\n"
    assert list(copied_rows(block)) == [[b"1", b"a\tb\nc\\d\\N", None, b""], [b"2", b"\b\f\r\v", b"\\N", b"x"]]


@pytest.mark.parametrize(("number", "text"), [(0, "0/0"), (0xA2A420, "0/A2A420"), (0x16_B374D848, "16/B374D848")])
def test_a_place_in_the_log_is_written_as_postgresql_writes_it(number: int, text: str) -> None:
    assert lsn_text(number) == text
    assert lsn_number(text) == number


@pytest.mark.parametrize("text", ["", "12", "x/y", None, 5, "1/"])
def test_what_is_no_place_in_the_log_is_refused(text: object) -> None:
    with pytest.raises(FatalError, match="no place"):
        lsn_number(text)  # type: ignore[arg-type]
