"""The columns of tables: text, numbers, times, JSON and identities. Which tables there are is in `*tables` beside."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from data_platform.metastore.column_types import Json, PlainText, UtcDateTime


def text(name: str, *, key: bool = False, null: bool = False) -> sa.Column[str]:
    """Text; empty rather than NULL unless `null`."""
    return sa.Column(name, PlainText, primary_key=key, nullable=null)


def count(name: str, *, key: bool = False, null: bool = False) -> sa.Column[int]:
    """A whole number of 64 bits."""
    return sa.Column(name, sa.BigInteger, primary_key=key, nullable=null, autoincrement=False)


def number(name: str, *, null: bool = False) -> sa.Column[Any]:
    """A number with a fraction."""
    return sa.Column(name, sa.Double, nullable=null)


def time(name: str, *, key: bool = False, null: bool = False) -> sa.Column[Any]:
    """A moment in UTC."""
    return sa.Column(name, UtcDateTime, primary_key=key, nullable=null)


def json(name: str) -> sa.Column[Any]:
    """A JSON object."""
    return sa.Column(name, Json, nullable=False)


def identity() -> sa.Column[int]:
    """The primary key `id`, numbered by the database."""
    # SQLite numbers rows only for a column that is exactly INTEGER
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column("id", number, primary_key=True, autoincrement=True)
