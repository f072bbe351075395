"""How a contract says its CSV files are written, in the bytes that scanning needs."""

from __future__ import annotations

from dataclasses import dataclass

from data_platform.contracts.model import Contract, FileFormat
from data_platform.errors import ConfigurationError

LF, CR, TAB = 0x0A, 0x0D, 0x09
CONTROLS = bytes(code for code in range(32) if code not in (TAB, LF, CR))


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """A CSV dialect after RFC 4180: doubled quotes, records end in LF or CRLF.

    Attributes:
        delimiter, quote, comment: one ASCII byte each; quote and comment may be off.
        max_field_bytes, max_record_bytes: larger ones are rejected and never held.
    """

    delimiter: bytes
    quote: bytes | None
    comment: bytes | None
    skips_blank_lines: bool
    null_marker: str | None
    max_field_bytes: int
    max_record_bytes: int

    @property
    def skips_lines(self) -> bool:
        """Whether some lines are no records at all."""
        return self.skips_blank_lines or self.comment is not None

    def is_skipped(self, line: bytes) -> bool:
        """Whether `line`, at the start of a record and with or without its line end, is no record."""
        if self.skips_blank_lines and not line.rstrip(b"\r\n"):
            return True
        return self.comment is not None and line.startswith(self.comment)


def dialect_of(contract: Contract, file_format: FileFormat) -> Dialect:
    """The dialect of `platform.format`.

    Raises:
        ConfigurationError: a delimiter, quote or comment that is not one plain ASCII character.
    """
    return Dialect(
        delimiter=_one_byte(contract, "delimiter", file_format.delimiter),
        quote=None if file_format.quote is None else _one_byte(contract, "quote", file_format.quote),
        comment=None if file_format.comment is None else _one_byte(contract, "comment", file_format.comment),
        skips_blank_lines=file_format.skip_blank_lines,
        null_marker=file_format.null_marker,
        max_field_bytes=file_format.max_field_bytes,
        max_record_bytes=file_format.max_record_bytes,
    )


def _one_byte(contract: Contract, name: str, text: str) -> bytes:
    if len(text) != 1 or not text.isascii() or text in "\r\n" or (text != "\t" and not text.isprintable()):
        raise ConfigurationError(f"{contract.name}: platform.format {name} must be one ASCII character or a tab")
    return text.encode()
