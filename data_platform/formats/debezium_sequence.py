"""Where a change stands in its source, as text that sorts in source order.

Only changes of one source compare. Source: the `source` blocks of Debezium's PostgreSQL, MySQL, MariaDB and SQL Server
connectors.
"""

from __future__ import annotations

import re
from typing import Any

_NUMBER_DIGITS = 20
_ROW_DIGITS = 10
_PAIR = re.compile(r'\[\s*(?:"([0-9]+)"|null)\s*,\s*(?:"([0-9]+)"|null)\s*\]')
_FILE = re.compile(r"(.*?)([0-9]*)", re.DOTALL)


def sequence_of(source: dict[str, Any], fields: dict[str, Any]) -> str | None:
    """The place of the change; None where the envelope says nothing of it."""
    match source.get("connector"):
        case "postgresql":
            place = _of_postgresql(source)
        case "mysql" | "mariadb":
            place = _of_binlog(source)
        case "sqlserver":
            place = _of_sqlserver(source)
        case _:
            place = None
    if place is None and source:
        place = _padded(source.get("ts_ms", fields.get("ts_ms")))
    return place


def _of_postgresql(source: dict[str, Any]) -> str | None:
    """LSN of the last commit before, and of the change."""
    written = source.get("sequence")
    found = _PAIR.fullmatch(written) if isinstance(written, str) else None
    if found is None:
        return _padded(source.get("lsn"))
    commit, change = found.groups("0")
    return f"{commit.rjust(_NUMBER_DIGITS, '0')}-{change.rjust(_NUMBER_DIGITS, '0')}"


def _of_binlog(source: dict[str, Any]) -> str | None:
    """File, whose number may gain digits, position in it, and row in the event."""
    file, place, row = source.get("file"), _padded(source.get("pos")), source.get("row") or 0
    if not isinstance(file, str) or place is None or type(row) is not int or row < 0:
        return None
    name = _FILE.fullmatch(file)
    stem, number = name.groups() if name else (file, "")
    return f"{stem}{number.rjust(_ROW_DIGITS, '0')}-{place}-{row:0{_ROW_DIGITS}}"


def _of_sqlserver(source: dict[str, Any]) -> str | None:
    """LSN of the commit, of the change in it, and the number of the event in that; a snapshot has the first alone."""
    commit, change, event = source.get("commit_lsn"), source.get("change_lsn"), source.get("event_serial_no")
    if not isinstance(commit, str):
        return None
    number = event if type(event) is int else 0
    return f"{commit}-{change if isinstance(change, str) else ''}-{number:0{_ROW_DIGITS}}"


def _padded(number: Any) -> str | None:
    """A whole number that is not negative, or text of one, at full width."""
    if type(number) is int and number >= 0:
        number = str(number)
    is_whole = isinstance(number, str) and number.isascii() and number.isdigit()
    return number.rjust(_NUMBER_DIGITS, "0") if is_whole else None
