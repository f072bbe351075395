"""How the bytes of a file seem to be written: kind, compression, encoding, delimiter, header. A guess for a person to
confirm: what is drafted here is never sniffed again when data is read.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from itertools import islice
from pathlib import Path

from data_platform.contracts.model import FileFormat, FileKind
from data_platform.errors import ConfigurationError
from data_platform.formats.compression import read_blocks
from data_platform.formats.rejected import FileRejected

_MAGIC = ((b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"PK\x03\x04", "zip"))
_DELIMITERS = (",", ";", "\t", "|")
_HEAD_BYTES = 1 << 20
_LINES = 200
_VALUE = re.compile(r"-?[0-9][0-9.,:/TZ +-]*|true|false", re.IGNORECASE)
_ARRAY = re.compile(r"\s*\[\s*(?:[{\[\"]|\]\s*\Z|-?[0-9][0-9.eE+-]*\s*,)")  # and no header such as [id],[name]


def format_of(path: Path) -> FileFormat:
    """The format of a file.

    Raises:
        ConfigurationError: the file cannot be read, holds nothing or one JSON array, or its header does not tell its
            columns apart.
    """
    try:
        with path.open("rb") as stream:
            magic = stream.read(4)
        if magic == b"PAR1":
            return FileFormat(kind=FileKind.PARQUET)
        compression = next((name for sign, name in _MAGIC if magic.startswith(sign)), None)
        raw = FileFormat(kind=FileKind.CSV, compression=compression)
        encoding = "utf-16" if magic[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else _encoding(path, raw)
        head = _head(path, FileFormat(kind=FileKind.CSV, compression=compression, encoding=encoding))
    except (OSError, FileRejected) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error
    if not head.strip():
        raise ConfigurationError(f"{path} is empty: name a file with data")
    if head.lstrip()[:1] == "{":
        return FileFormat(kind=FileKind.NDJSON, compression=compression, encoding=encoding)
    if _ARRAY.match(head):
        raise ConfigurationError(
            f"{path} is a JSON array, and what is read is one JSON object a line. Rewrite it, as by "
            f"jq -c '.[]' {path.name} > {path.name.split('.')[0]}.ndjson, and name the new file"
        )
    delimiter, rows = _delimiter(head)
    return FileFormat(
        kind=FileKind.CSV,
        compression=compression,
        encoding=encoding,
        delimiter=delimiter,
        header=_has_header(path, rows),
    )


def header_of(path: Path, file_format: FileFormat) -> tuple[str, ...]:
    """The names in the first line, or made-up ones where there is no header.

    Raises:
        ConfigurationError: the line cannot be read.
    """
    rows = csv.reader(io.StringIO(_head(path, file_format)), delimiter=file_format.delimiter)
    try:
        first = next((row for row in rows if row), [])
    except csv.Error as error:
        raise ConfigurationError(f"{path}: its first line cannot be read as CSV: {error}; mend it") from error
    return tuple(first) if file_format.header else tuple(f"column_{number}" for number in range(1, len(first) + 1))


def _head(path: Path, file_format: FileFormat) -> str:
    found = b""
    for block in read_blocks(path, file_format):
        found += block
        if len(found) >= _HEAD_BYTES:
            break
    text = found[:_HEAD_BYTES].decode("utf-8", errors="replace").removeprefix("\ufeff")
    # A line that was cut in two says nothing of the file.
    return text if len(found) < _HEAD_BYTES or "\n" not in text else text[: text.rindex("\n") + 1]


def _encoding(path: Path, raw: FileFormat) -> str:
    """UTF-8 if the whole file is; Latin-1 otherwise, in which every byte is some character."""
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    try:
        for block in read_blocks(path, raw):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"


def _delimiter(head: str) -> tuple[str, list[list[str]]]:
    """The delimiter under which most lines have one number of fields, the greatest of several."""
    best: tuple[tuple[float, int], str, list[list[str]]] = ((-1.0, 0), ",", [])
    for delimiter in _DELIMITERS:
        try:
            rows = [row for row in islice(csv.reader(io.StringIO(head), delimiter=delimiter), _LINES) if row]
        except csv.Error:
            continue
        widths = [len(row) for row in rows]
        common = max(set(widths), key=widths.count) if widths else 0
        share = widths.count(common) / len(widths) if common > 1 else 0.0
        if ((share, common)) > best[0]:
            best = ((share, common), delimiter, rows)
    return best[1], best[2]


def _has_header(path: Path, rows: list[list[str]]) -> bool:
    """Whether the first line holds names: none written like a value, all there and different.

    Raises:
        ConfigurationError: it is a header, but names are doubled or missing.
    """
    if not rows:
        return True
    first, *others = [[field.strip() for field in row] for row in rows]
    words = [name for name in first if name]
    if not words or any(_VALUE.fullmatch(name) for name in words):
        return False
    faults = _header_faults(first)
    if faults and (not others or _has_values_below(first, others)):
        raise ConfigurationError(
            f"{path}: the header does not tell the columns apart: {'; '.join(faults)}. Have the source give every "
            "column its own name (if the line is a record, put a header above it), then run again"
        )
    return not faults


def _header_faults(names: list[str]) -> list[str]:
    """The names that are doubled, in any case, and the fields without one."""
    places: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        places.setdefault(name.lower(), []).append(place)
    faults = []
    for folded, found in places.items():
        numbers = ", ".join(str(place + 1) for place in found)
        if not folded:
            faults.append(f"no name in field {numbers}")
        elif len(found) > 1:
            spellings = " and ".join(repr(name) for name in dict.fromkeys(names[place] for place in found))
            faults.append(f"{spellings} for the fields {numbers}")
    return faults


def _has_values_below(names: list[str], others: list[list[str]]) -> bool:
    """Whether a word stands over a column that is mostly values: then the word is a name."""
    for place in (place for place, name in enumerate(names) if name):
        below = [row[place] for row in others if len(row) > place and row[place]]
        if sum(bool(_VALUE.fullmatch(field)) for field in below) > len(below) / 2:
            return True
    return False
