"""Reads structures of Thrift's compact protocol as dicts by field number. What the fields mean is not known here.

Source: Apache Thrift, "Thrift compact protocol encoding".
"""

from __future__ import annotations

import struct
from typing import Any, TypeAlias

Fields: TypeAlias = dict[int, Any]

_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12
_INTEGERS = (4, 5, 6)
_DEPTH_LIMIT = 32
_VARINT_BYTES = 10


class ThriftReader:
    """Reads from bytes, whose end is an error.

    Every method raises ValueError where the bytes are no such value, or end in it.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.place = 0

    def struct(self, depth: int = 0) -> Fields:
        """The structure that begins here."""
        if depth > _DEPTH_LIMIT:
            raise ValueError("structures nest too deep")
        fields: Fields = {}
        number = 0
        while (head := self._byte()) != 0:
            number = number + (head >> 4) if head >> 4 else self._zigzag()
            kind = head & 0x0F
            fields[number] = kind == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if kind in _INTEGERS:
            return self._zigzag()
        match kind:
            case 1 | 2 | 3:
                return self._byte()
            case 7:
                return struct.unpack("<d", self._take(8))[0]
            case 8:
                return self._take(self._varint())
            case 9 | 10:
                return self._list(depth)
            case 11:
                return self._map(depth)
            case 12:
                return self.struct(depth + 1)
            case _:
                raise ValueError("a type that Thrift does not have")

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        count = self._varint() if head >> 4 == 0x0F else head >> 4
        return [self._value(head & 0x0F, depth + 1) for _ in range(self._plausible(count))]

    def _map(self, depth: int) -> list[tuple[Any, Any]]:
        count = self._plausible(self._varint())
        if not count:
            return []
        kinds = self._byte()
        return [(self._value(kinds >> 4, depth + 1), self._value(kinds & 0x0F, depth + 1)) for _ in range(count)]

    def _plausible(self, count: int) -> int:
        """An element takes a byte at least."""
        if count > len(self._data) - self.place:
            raise ValueError("more elements than bytes")
        return count

    def _byte(self) -> int:
        return self._take(1)[0]

    def _take(self, size: int) -> bytes:
        if size > len(self._data) - self.place:
            raise ValueError("the bytes end in a value")
        self.place += size
        return self._data[self.place - size : self.place]

    def _varint(self) -> int:
        value = 0
        for position in range(_VARINT_BYTES):
            byte = self._byte()
            value |= (byte & 0x7F) << (7 * position)
            if byte < 0x80:
                return value
        raise ValueError("a number without end")

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
