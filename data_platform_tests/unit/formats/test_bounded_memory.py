"""Huge fields, lines and files are read in bounded memory. Each reading runs in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

SCRIPT = """
    import io, itertools, resource
    from data_platform.contracts.model import FileKind
    from data_platform.formats.reading import open_reader
    from data_platform_tests.unit.formats.makers import INTEGER, STRING, column, contract

    class Pieces(io.RawIOBase):
        def __init__(self, pieces):
            self.pieces = pieces
        def read(self, size=-1):
            return next(self.pieces, b"")

    def usage():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

    def run(kind, pieces):
        made = contract(column("id", INTEGER), column("name", STRING), kind=kind)
        reading = open_reader(made).read(Pieces(iter(pieces)), name="big")
        before = usage()
        rows = rejected = 0
        reasons = set()
        for chunk in reading:
            rows += chunk.records.num_rows
            rejected += chunk.rejected.num_rows
            reasons.update(chunk.rejected.column("reason").to_pylist())
        assert reading.source_rows == rows + rejected
        print(rows, rejected, *sorted(reasons), usage() - before)

    MIB = 1 << 20
"""

BIG = {
    "field of 64 MiB": ("CSV", '[b"id,name\\n1,a\\n2,", *[b"x" * MIB] * 64, b"\\n3,c\\n"]', "2 1 FIELD_TOO_LARGE"),
    "open quote": ("CSV", '[b\'id,name\\n1,a\\n2,"\', *[b"x,y\\n" * (MIB // 4)] * 64]', "1 1 UNTERMINATED_QUOTE"),
    "line of 100 MiB": (
        "NDJSON",
        '[b\'{"id":1}\\n{"id":\', *[b"7" * MIB] * 100, b\'}\\n{"id":3}\\n\']',
        "2 1 ROW_TOO_LARGE",
    ),
    "file of 300 MiB": (
        "CSV",
        'itertools.chain([b"id,name\\n"], [b"1,abcdefghijk\\n" * (MIB // 14)] * 300)',
        f"{300 * ((1 << 20) // 14)} 0",
    ),
}


@pytest.mark.parametrize("name", BIG)
def test_memory_is_bounded(name: str) -> None:
    kind, pieces, expected = BIG[name]
    script = textwrap.dedent(SCRIPT) + f"\nrun(FileKind.{kind}, {pieces})\n"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    told, _, megabytes = result.stdout.strip().rpartition(" ")
    assert told == expected
    assert int(megabytes) < 500
