"""The narrowest column type that reads every text of a column exactly, found while the texts stream by."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from data_platform.contracts.types import ColumnType, StructField, TypeKind
from data_platform.formats.text_casts import cast_text

STRING = ColumnType(kind=TypeKind.STRING)
_WORDS = (
    ColumnType(kind=TypeKind.BOOLEAN),
    ColumnType(kind=TypeKind.INTEGER),
    ColumnType(kind=TypeKind.DECIMAL),
    ColumnType(kind=TypeKind.DOUBLE),
)
_TIMES = (
    ColumnType(kind=TypeKind.DATE),
    ColumnType(kind=TypeKind.TIMESTAMP),
    ColumnType(kind=TypeKind.TIMESTAMP, timezone="UTC"),
)
TEXT_TYPES = (*_WORDS, *_TIMES)  # for CSV, where everything is text
QUOTED_TYPES = _TIMES  # for JSON strings, which are no numbers
_PLAIN_NUMBER = r"\A-?(0|[1-9][0-9]*)(\.[0-9]+)?\z"
_MONEY_DIGITS = 18  # room for growth: precision of a drafted decimal is at least this
_MOST_DIGITS = 38


@dataclass(slots=True)
class TextTypes:
    """Which types still read every text seen. Empty columns stay text."""

    candidates: tuple[ColumnType, ...] = TEXT_TYPES
    seen: int = 0
    nulls: int = 0
    _whole: int = field(default=1)
    _fraction: int = field(default=0)

    def take(self, texts: pa.StringArray) -> None:
        """Drops the candidates that some text is no value of."""
        self.nulls += texts.null_count
        self.seen += len(texts) - texts.null_count
        if len(texts) == texts.null_count:
            return
        self.candidates = tuple(candidate for candidate in self.candidates if self._holds(texts, candidate))

    @property
    def type(self) -> ColumnType:
        """The narrowest type left; text where nothing was seen."""
        if not self.seen or not self.candidates:
            return STRING
        first = self.candidates[0]
        if first.kind is not TypeKind.DECIMAL:
            return first
        digits = max(self._whole + self._fraction, min(_MONEY_DIGITS, _MOST_DIGITS))
        return ColumnType(kind=TypeKind.DECIMAL, precision=digits, scale=self._fraction)

    def _holds(self, texts: pa.StringArray, candidate: ColumnType) -> bool:
        if candidate.kind is not TypeKind.DECIMAL:
            return not cast_text(texts, candidate).faults
        present = texts.drop_null()
        if not pc.all(pc.match_substring_regex(present, _PLAIN_NUMBER)).as_py():
            return False
        whole = pc.replace_substring_regex(present, r"\A-?([0-9]+).*", r"\1")
        fraction = pc.replace_substring_regex(present, r"\A-?[0-9]+\.?", "")
        self._whole = max(self._whole, pc.max(pc.utf8_length(whole)).as_py())
        self._fraction = max(self._fraction, pc.max(pc.utf8_length(fraction)).as_py())
        return self._whole + self._fraction <= _MOST_DIGITS


def type_of_arrow(of: pa.DataType) -> ColumnType | None:
    """The column type that reads a Parquet column of an Arrow type exactly; None where none does."""
    if pa.types.is_boolean(of):
        return ColumnType(kind=TypeKind.BOOLEAN)
    if pa.types.is_uint64(of):
        return ColumnType(kind=TypeKind.DECIMAL, precision=20, scale=0)
    if pa.types.is_integer(of):
        is_small = of.bit_width <= 16 or (of.bit_width == 32 and pa.types.is_signed_integer(of))
        return ColumnType(kind=TypeKind.INTEGER, bits=32 if is_small else 64)
    if pa.types.is_floating(of):
        return ColumnType(kind=TypeKind.DOUBLE)
    if pa.types.is_decimal(of):
        fits = of.precision <= _MOST_DIGITS and 0 <= of.scale <= of.precision
        return ColumnType(kind=TypeKind.DECIMAL, precision=of.precision, scale=of.scale) if fits else None
    if pa.types.is_date(of):
        return ColumnType(kind=TypeKind.DATE)
    if pa.types.is_timestamp(of):
        return ColumnType(kind=TypeKind.TIMESTAMP, timezone=None if of.tz else "UTC")
    if pa.types.is_string(of) or pa.types.is_large_string(of):
        return STRING
    return _nested(of)


def _nested(of: pa.DataType) -> ColumnType | None:
    if pa.types.is_list(of) or pa.types.is_large_list(of):
        item = type_of_arrow(of.value_type)
        return None if item is None else ColumnType(kind=TypeKind.ARRAY, item=item)
    if pa.types.is_struct(of) and of.num_fields:
        found = [(of.field(i).name, type_of_arrow(of.field(i).type)) for i in range(of.num_fields)]
        fields = tuple(StructField(name, inner) for name, inner in found if inner is not None)
        is_named = all(name for name, _ in found) and len({name.lower() for name, _ in found}) == len(found)
        return ColumnType(kind=TypeKind.OBJECT, fields=fields) if is_named and len(fields) == len(found) else None
    return None
