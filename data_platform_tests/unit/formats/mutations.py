"""Seeded damage to a valid file: what disks, networks and people do to bytes."""

from __future__ import annotations

import random

_SPICES = [
    b'"',
    b'""',
    b",",
    b"\n",
    b"\r",
    b"\r\n",
    b"\0",
    b"\xff",
    b"\xc3",
    b"\xef\xbb\xbf",
    b"-",
    b"0",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"null",
    b"NaN",
    b" ",
    b"1e9",
    b"9" * 39,
    b".",
    b"T",
]


def mutate(data: bytes, random_source: random.Random) -> bytes:
    """One to four pieces of damage."""
    for _ in range(random_source.randint(1, 4)):
        data = random_source.choice(_KINDS)(data, random_source)
    return data


def _flip(data: bytes, source: random.Random) -> bytes:
    if not data:
        return data
    place = source.randrange(len(data))
    return data[:place] + bytes([data[place] ^ (1 << source.randrange(8))]) + data[place + 1 :]


def _delete(data: bytes, source: random.Random) -> bytes:
    place = source.randrange(len(data) + 1)
    return data[:place] + data[place + source.choice([1, 1, 1, 5]) :]


def _insert(data: bytes, source: random.Random) -> bytes:
    place = source.randrange(len(data) + 1)
    return data[:place] + source.choice(_SPICES) + data[place:]


def _swap_lines(data: bytes, source: random.Random) -> bytes:
    lines = data.split(b"\n")
    first, second = source.randrange(len(lines)), source.randrange(len(lines))
    lines[first], lines[second] = lines[second], lines[first]
    return b"\n".join(lines)


def _cut(data: bytes, source: random.Random) -> bytes:
    return data[: source.randrange(len(data) + 1)] if source.random() < 0.3 else data


def _double_field(data: bytes, source: random.Random) -> bytes:
    fields = data.split(b",")
    place = source.randrange(len(fields))
    return b",".join([*fields[:place], fields[place], *fields[place:]])


_KINDS = [_flip, _delete, _insert, _insert, _insert, _swap_lines, _cut, _double_field]
