"""The bytes are what PostgreSQL 15.18 sent for the statement that stands beside them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from data_platform.connectors.postgres_cdc.pgoutput import (
    UNCHANGED,
    Begin,
    Column,
    Commit,
    Delete,
    Insert,
    LogicalMessage,
    Message,
    Origin,
    Relation,
    Truncate,
    Type,
    Update,
    decode,
)
from data_platform.errors import FatalError

COMMITTED_AT = datetime(2026, 11, 22, 16, 7, 15, 708830, tzinfo=UTC)
COLUMNS = (Column("id", 23, True), Column("v", 25, False), Column("m", 16386, False))

REAL = {
    "begin": ("420000000000a2a420000303de7087e39e000002dc", Begin(0xA2A420, COMMITTED_AT, 732)),
    "commit": (
        "43000000000000a2a4200000000000a2a450000303de7087e39e",
        Commit(0xA2A420, 0xA2A450, COMMITTED_AT),
    ),
    "CREATE TYPE mood": ("59000040027075626c6963006d6f6f6400", Type(16386, "public", "mood")),
    "CREATE TABLE t (id int PRIMARY KEY, v text, m mood)": (
        "52000040077075626c69630074006400030169640000000017ffffffff00760000000019ffffffff006d0000004002ffffffff",
        Relation(16391, "public", "t", "d", COLUMNS),
    ),
    "CREATE TABLE f (id int, big text), REPLICA IDENTITY FULL": (
        "520000400e7075626c69630066006600020169640000000017ffffffff016269670000000019ffffffff",
        Relation(16398, "public", "f", "f", (Column("id", 23, True), Column("big", 25, True))),
    ),
    "INSERT INTO t VALUES (7, 'née', NULL)": (
        "49000040074e000374000000013774000000046ec3a9656e",
        Insert(16391, (b"7", "née".encode(), None)),
    ),
    "UPDATE t SET v = NULL, m = 'ok'": (
        "55000040074e00037400000001376e74000000026f6b",
        Update(16391, None, False, (b"7", None, b"ok")),
    ),
    "UPDATE t SET id = 8": (
        "55000040074b00037400000001376e6e4e00037400000001386e74000000026f6b",
        Update(16391, (b"7", None, None), False, (b"8", None, b"ok")),
    ),
    "DELETE FROM t": ("44000040074b00037400000001386e6e", Delete(16391, (b"8", None, None), False)),
    "UPDATE f SET id = 2, where big is stored apart": (
        "550000400e4f00027400000001317400000bb8" + "78" * 3000 + "4e000274000000013275",
        Update(16398, (b"1", b"x" * 3000), True, (b"2", UNCHANGED)),
    ),
    "DELETE FROM f": (
        "440000400e4f00027400000001327400000bb8" + "78" * 3000,
        Delete(16398, (b"2", b"x" * 3000), True),
    ),
    "TRUNCATE t, f": ("540000000200000040070000400e", Truncate((16391, 16398))),
    "pg_logical_emit_message(false, 'app', '\\x00ff')": (
        "4d000000000000a2e328617070000000000200ff",
        LogicalMessage(False, 0xA2E328, "app", b"\x00\xff"),
    ),
    "pg_logical_emit_message(true, 'app', 'hi')": (
        "4d010000000000a2e36061707000000000026869",
        LogicalMessage(True, 0xA2E360, "app", b"hi"),
    ),
    "pg_replication_origin_xact_setup('0/AABBCC', …)": (
        "4f0000000000aabbcc656c7365776865726500",
        Origin(0xAABBCC, "elsewhere"),
    ),
}


@pytest.mark.parametrize(("sent", "means"), REAL.values(), ids=REAL)
def test_a_message_means_what_the_statement_did(sent: str, means: Message) -> None:
    assert decode(bytes.fromhex(sent)) == means


def test_the_schema_of_the_catalog_is_sent_empty() -> None:
    assert decode(bytes.fromhex("5900000017" + "00" + "696e743400")) == Type(23, "pg_catalog", "int4")


@pytest.mark.parametrize("sent", [sent for sent, _ in REAL.values()], ids=REAL)
def test_a_torn_message_is_refused(sent: str) -> None:
    whole = bytes.fromhex(sent)
    for size in {0, 1, 2, 5, len(whole) // 2, len(whole) - 1}:
        with pytest.raises(FatalError):
            decode(whole[:size])


@pytest.mark.parametrize("kind", [b"S", b"E", b"c", b"A", b"b", b"P", b"K", b"r", b"\x00"])
def test_messages_of_later_protocols_are_refused_by_their_kind(kind: bytes) -> None:
    with pytest.raises(FatalError, match="protocol 1"):
        decode(kind + bytes(30))


def test_a_value_in_binary_is_refused() -> None:
    with pytest.raises(FatalError, match="value of kind 'b'"):
        decode(bytes.fromhex("49000040074e0001" + "62" + "0000000100"))
