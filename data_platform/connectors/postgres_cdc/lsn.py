"""Places in PostgreSQL's log (LSN): a number of bytes, written by people as two hexadecimal halves."""

from __future__ import annotations

from pydantic import JsonValue

from data_platform.errors import FatalError


def lsn_text(lsn: int) -> str:
    """As PostgreSQL writes it: `16/B374D848`."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


def lsn_number(text: JsonValue) -> int:
    """The number of a written LSN.

    Raises:
        FatalError: it is none.
    """
    high, _, low = text.partition("/") if isinstance(text, str) else ("", "", "")
    try:
        return (int(high, 16) << 32) + int(low, 16)
    except ValueError as error:
        raise FatalError(f"{text!r} is no place in PostgreSQL's log; restore the manifest it stands in") from error
