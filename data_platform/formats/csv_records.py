"""One CSV record at a time, exactly: the state machine that decides what the columnar path cannot prove.

A field is quoted only if its first byte is the quote. A quote elsewhere, or anything but a delimiter or line end after
a closing quote, makes the record faulty (BAD_QUOTE) and ends it at the next line end, so that a stray quote costs one
line and not the rest of the file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from data_platform.formats.csv_dialect import CONTROLS, LF, Dialect
from data_platform.formats.lexical import Fault
from data_platform.formats.rejected import Reason

_CONTROL = re.compile(b"[" + re.escape(CONTROLS) + b"]")


@dataclass(frozen=True, slots=True)
class Field:
    """The content of one field, and whether it was quoted (a quoted null marker is no NULL)."""

    text: str
    is_quoted: bool


@dataclass(frozen=True, slots=True)
class Record:
    """One record: `end` is the offset behind its line end, `fields` the content or the fault why there is none."""

    end: int
    fields: tuple[Field, ...] | Fault

    @property
    def contents(self) -> tuple[Field, ...]:
        """The fields; none of a faulty record."""
        return () if isinstance(self.fields, Fault) else self.fields


@dataclass(slots=True)
class _Scan:
    """Raw field contents of a record up to `end`, its first structural fault, and where its present line ends."""

    end: int
    line_end: int = -1
    fields: list[tuple[bytes, bool]] = field(default_factory=list)
    fault: Fault | None = None


class RecordParser:
    """Parses records of one dialect with `width` fields; width None admits any number."""

    def __init__(self, dialect: Dialect, *, width: int | None) -> None:
        self._dialect = dialect
        self._width = width
        self._delimiter = dialect.delimiter
        self._quote = dialect.quote or b"\n"  # a line end is never inside an unquoted field

    def parse(self, data: bytes, start: int, *, is_last: bool) -> Record | None:
        """The record at `start`; None if it does not end within `data` and more may follow (`is_last` false)."""
        scan = self._scan(data, start, is_last=is_last)
        if scan is None:
            return None
        is_torn = is_last and scan.end == len(data) and data[-1] != LF
        return Record(scan.end, self._judge(scan, data[start : scan.end], is_torn=is_torn))

    def oversize_fault(self, prefix: bytes) -> Fault:
        """Why a record that begins with `prefix` and is larger than any admitted one is rejected."""
        scan = self._scan(prefix, 0, is_last=True)
        limit = self._dialect.max_field_bytes
        if scan is not None and any(len(content) > limit for content, _ in scan.fields):
            return Fault(Reason.FIELD_TOO_LARGE, f"a field of more than {limit} bytes")
        return Fault(Reason.ROW_TOO_LARGE, f"more than {self._dialect.max_record_bytes} bytes")

    def _scan(self, data: bytes, start: int, *, is_last: bool) -> _Scan | None:
        scan = _Scan(start)
        while True:
            if data.startswith(self._quote, scan.end) and self._dialect.quote is not None:
                self._scan_quoted(data, scan)
            else:
                self._scan_plain(data, scan)
            if scan.fault is not None and scan.fault.reason is not Reason.LINE_ENDING:
                return self._give_up(data, scan, is_last=is_last)
            if data.startswith(self._delimiter, scan.end):
                scan.end += 1
            else:
                return self._close(data, scan, is_last=is_last)

    def _close(self, data: bytes, scan: _Scan, *, is_last: bool) -> _Scan | None:
        """Behind the last field stands a line end, or the end of the data."""
        if data.startswith(b"\n", scan.end):
            scan.end += 1
        elif data.startswith(b"\r\n", scan.end):
            scan.end += 2
        elif not is_last:
            return None
        elif scan.end < len(data):
            scan.fault = Fault(Reason.LINE_ENDING, "the file ends with a carriage return")
            scan.end = len(data)
        return scan

    def _scan_plain(self, data: bytes, scan: _Scan) -> None:
        """An unquoted field: up to a delimiter or line end."""
        if scan.line_end < scan.end:
            found = data.find(b"\n", scan.end)
            scan.line_end = len(data) if found < 0 else found
        end = data.find(self._delimiter, scan.end, scan.line_end)
        if end < 0:
            end = scan.line_end
            if end < len(data) and data.endswith(b"\r", scan.end, end):
                end -= 1
        content = data[scan.end : end]
        number = len(scan.fields) + 1
        if self._quote in content:
            scan.fault = Fault(Reason.BAD_QUOTE, f"quote inside the unquoted field {number}")
        elif b"\r" in content and scan.fault is None:
            scan.fault = Fault(Reason.LINE_ENDING, f"carriage return without line feed in field {number}")
        scan.fields.append((content, False))
        scan.end = end

    def _scan_quoted(self, data: bytes, scan: _Scan) -> None:
        """A quoted field; UNTERMINATED_QUOTE if its closing quote is not in `data`."""
        quote, start = self._quote, scan.end + 1
        position, number = start, len(scan.fields) + 1
        while True:
            position = data.find(quote, position)
            if position < 0 or not data.startswith(quote, position + 1):
                break
            position += 2
        end = len(data) if position < 0 else position
        scan.fields.append((data[start:end].replace(quote * 2, quote), True))
        scan.end = min(end + 1, len(data))
        if position < 0:
            scan.fault = Fault(Reason.UNTERMINATED_QUOTE, f"the quote that opens field {number} is never closed")
        elif not data.startswith((b"\n", b"\r\n", self._delimiter), scan.end) and data[scan.end :] not in (b"", b"\r"):
            scan.fault = Fault(Reason.BAD_QUOTE, f"text behind the closing quote of field {number}")

    def _give_up(self, data: bytes, scan: _Scan, *, is_last: bool) -> _Scan | None:
        """Ends a faulty record: at the next line end, or with the data if a quote is open."""
        is_open = scan.fault is not None and scan.fault.reason is Reason.UNTERMINATED_QUOTE
        line_end = -1 if is_open else data.find(b"\n", scan.end)
        if line_end < 0 and not is_last:
            return None
        scan.end = len(data) if line_end < 0 else line_end + 1
        return scan

    def _judge(self, scan: _Scan, raw: bytes, *, is_torn: bool) -> tuple[Field, ...] | Fault:
        """The fields as text, or the first fault in a fixed order."""
        limit = self._dialect.max_field_bytes
        if scan.fault is not None and scan.fault.reason is Reason.UNTERMINATED_QUOTE:
            return scan.fault
        if any(len(content) > limit for content, _ in scan.fields):
            return Fault(Reason.FIELD_TOO_LARGE, f"a field of more than {limit} bytes")
        if len(raw) > self._dialect.max_record_bytes:
            return Fault(Reason.ROW_TOO_LARGE, f"more than {self._dialect.max_record_bytes} bytes")
        return scan.fault or self._judge_bytes(raw, is_torn=is_torn) or self._judge_width(scan, is_torn=is_torn)

    def _judge_bytes(self, raw: bytes, *, is_torn: bool) -> Fault | None:
        try:
            raw.decode()
        except UnicodeDecodeError as error:
            if is_torn and error.reason == "unexpected end of data":
                return Fault(Reason.TRUNCATED, "the file ends inside a character")
            return Fault(Reason.ENCODING, f"not UTF-8 at byte {error.start} of the record")
        if found := _CONTROL.search(raw):
            return Fault(Reason.CONTROL_CHAR, f"control character at byte {found.start()} of the record")
        return None

    def _judge_width(self, scan: _Scan, *, is_torn: bool) -> tuple[Field, ...] | Fault:
        count = len(scan.fields)
        if self._width is None or count == self._width:
            return tuple(Field(content.decode(), is_quoted) for content, is_quoted in scan.fields)
        if is_torn and count < self._width:
            return Fault(Reason.TRUNCATED, f"the file ends in field {count} of {self._width}")
        return Fault(Reason.FIELD_COUNT, f"{count} fields, not {self._width}")
