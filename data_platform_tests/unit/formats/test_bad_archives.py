"""Every kind of sound and malformed archive, with its outcome. Identifiers are those of the acceptance table."""

from __future__ import annotations

import gzip
import io
import random
import stat
import struct
import warnings
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from data_platform.contracts.model import FileKind, SchemaChange
from data_platform.errors import SourceUnavailable
from data_platform.formats.reading import open_reader
from data_platform.formats.rejected import FileRejected
from data_platform_tests.unit.formats.makers import INTEGER, STRING, Outcome, column, contract, read

COLUMNS = (column("id", INTEGER), column("name", STRING))
FIRST, SECOND = b"id,name\n1,a\n", b"2,b\n"
ONE, BOTH = [(1, "a")], [(1, "a"), (2, "b")]


def zstd(data: bytes) -> bytes:
    packed: bytes = pa.Codec("zstd").compress(data, asbytes=True)
    return packed


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", method) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name that stands twice
        for name, data in members:
            member = name if isinstance(name, zipfile.ZipInfo) else zipfile.ZipInfo(name)
            archive.writestr(member, data, method)
    return sink.getvalue()


def special(name: str, mode: int) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name)
    member.create_system = 3
    member.external_attr = mode << 16
    return member


def flipped(data: bytes, place: int, bits: int) -> bytes:
    return data[:place] + bytes([data[place] ^ bits]) + data[place + 1 :]


def marked(data: bytes, *, flag: int) -> bytes:
    """An archive of one member with a flag in both of its headers."""
    directory = data.index(b"PK\x01\x02")
    for place in (6, directory + 8):
        flags = struct.unpack_from("<H", data, place)[0] | flag
        data = data[:place] + struct.pack("<H", flags) + data[place + 2 :]
    return data


REPETITIVE = b"id,name\n" + b"1,a\n" * (10 << 20)
ZIP = zipped(("a.csv", FIRST))
CRC_PLACE = ZIP.index(b"PK\x01\x02") + 16
SIZE_PLACE = ZIP.index(b"PK\x01\x02") + 24


@dataclass(frozen=True)
class Case:
    """An archive and what must come of it."""

    id: str
    compression: str
    data: bytes
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    file: str | None = None
    limits: dict[str, Any] = field(default_factory=dict)


CASES = [
    Case("csv-41 gzip two members", "gzip", gzip.compress(FIRST) + gzip.compress(SECOND), BOTH),
    Case("csv-41 gzip cut", "gzip", gzip.compress(FIRST)[:-3], file="CORRUPT_ARCHIVE"),
    Case("csv-41 gzip cut in half", "gzip", gzip.compress(FIRST)[:12], file="CORRUPT_ARCHIVE"),
    Case("csv-41 gzip second cut", "gzip", gzip.compress(FIRST) + gzip.compress(SECOND)[:-9], file="CORRUPT_ARCHIVE"),
    Case("csv-41 gzip crc", "gzip", flipped(gzip.compress(FIRST), -8, 1), file="CORRUPT_ARCHIVE"),
    Case("csv-41 gzip none", "gzip", FIRST, file="CORRUPT_ARCHIVE"),
    Case("csv-41 gzip is zstd", "gzip", zstd(FIRST), file="CORRUPT_ARCHIVE"),
    Case("csv-41 gzip is empty", "gzip", gzip.compress(b""), file="EMPTY_FILE"),
    Case("csv-41 zstd", "zstd", zstd(FIRST), ONE),
    Case("csv-41 zstd two frames", "zstd", zstd(FIRST) + zstd(SECOND), BOTH),
    Case("csv-41 zstd skippable", "zstd", b"\x50\x2a\x4d\x18\x04\0\0\0abcd" + zstd(FIRST), ONE),
    Case("csv-41 zstd cut", "zstd", zstd(FIRST)[:-3], file="CORRUPT_ARCHIVE"),
    Case("csv-41 zstd second cut", "zstd", zstd(FIRST) + zstd(SECOND)[:-3], file="CORRUPT_ARCHIVE"),
    Case("csv-41 zstd junk behind", "zstd", zstd(FIRST) + b"junk and more", file="CORRUPT_ARCHIVE"),
    Case("csv-41 zstd none", "zstd", FIRST, file="CORRUPT_ARCHIVE"),
    Case("csv-41 zstd nothing", "zstd", b"", file="EMPTY_FILE"),
    Case("csv-41 zip", "zip", ZIP, ONE),
    Case("csv-41 zip stored", "zip", zipped(("a.csv", FIRST), method=zipfile.ZIP_STORED), ONE),
    Case(
        "csv-41 zip members, each with its header, as the directory has them",
        "zip",
        zipped(("z/", b""), ("z/b.csv", FIRST), ("a.csv", b"name,id\nb,2\n")),
        BOTH,
    ),
    Case(
        "csv-41 zip mark in each",
        "zip",
        zipped(("a", b"\xef\xbb\xbf" + FIRST), ("b", b"\xef\xbb\xbf" + FIRST)),
        ONE * 2,
    ),
    Case("csv-41 zip name twice", "zip", zipped(("a.csv", FIRST), ("a.csv", b"id,name\n2,b\n")), BOTH),
    Case("csv-41 zip empty member", "zip", zipped(("a.csv", FIRST), ("b.csv", b"")), file="EMPTY_FILE"),
    Case("csv-41 zip no member", "zip", zipped(("a/", b"")), file="EMPTY_FILE"),
    Case("csv-41 zip nothing", "zip", b"", file="EMPTY_FILE"),
    Case("csv-41 zip cut", "zip", ZIP[:-10], file="CORRUPT_ARCHIVE"),
    Case("csv-41 zip cut in half", "zip", ZIP[: len(ZIP) // 2], file="CORRUPT_ARCHIVE"),
    Case("csv-41 zip none", "zip", FIRST, file="CORRUPT_ARCHIVE"),
    Case("csv-41 zip crc", "zip", flipped(ZIP, CRC_PLACE, 1), file="CORRUPT_ARCHIVE"),
    Case("csv-41 zip size", "zip", flipped(ZIP, SIZE_PLACE, 64), file="CORRUPT_ARCHIVE"),
    Case("csv-41 zip second member bad", "zip", zipped(("a", FIRST), ("b", b"1,a\n")), file="HEADER_MISMATCH"),
    Case("zip encrypted", "zip", marked(ZIP, flag=0x1), file="UNSUPPORTED"),
    Case("zip encrypted strongly", "zip", marked(ZIP, flag=0x41), file="UNSUPPORTED"),
    Case("zip lzma", "zip", zipped(("a.csv", FIRST), method=zipfile.ZIP_LZMA), file="UNSUPPORTED"),
    *[
        Case(f"csv-42 {kind} ratio", kind, bomb, file="ARCHIVE_BOMB")
        for kind, bomb in (
            ("gzip", gzip.compress(REPETITIVE)),
            ("zstd", zstd(REPETITIVE)),
            ("zip", zipped(("a", REPETITIVE))),
            ("zip", zipped(*[(f"{number}", REPETITIVE[: 4 << 20]) for number in range(8)])),
        )
    ],
    *[
        Case(f"csv-42 {kind} bytes", kind, bomb, file="ARCHIVE_BOMB", limits={"max_expanded_bytes": 11})
        for kind, bomb in (("gzip", gzip.compress(FIRST)), ("zstd", zstd(FIRST)), ("zip", ZIP))
    ],
    *[
        Case(f"csv-43 {name!r}", "zip", zipped(("a.csv", FIRST), (name, FIRST)), file="ARCHIVE_PATH")
        for name in ("../../x", "a/../../x", "..", "/x", "//x/y", "C:\\x", "c:x", "\\x", "a\\..\\..\\x")
    ],
    *[
        Case(f"csv-43 {kind:o}", "zip", zipped((special("x", kind | 0o777), b"/etc/passwd")), file="ARCHIVE_PATH")
        for kind in (stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR)
    ],
    Case("csv-43 names that only look so", "zip", zipped(("..a/b..", FIRST), ("...", b"id,name\n2,b\n")), BOTH),
    Case("http-12 plain", "gzip", FIRST, file="CORRUPT_ARCHIVE"),
    *[
        Case(f"http-12 {inner.__name__} in {kind}", kind, outer(inner(FIRST)), file="CORRUPT_ARCHIVE")
        for kind, outer in (("gzip", gzip.compress), ("zstd", zstd), ("zip", lambda data: zipped(("a", data))))
        for inner in (gzip.compress, zstd, lambda data: zipped(("a", data)))
    ],
]


def outcome_of(case: Case, *, step: int | None = None) -> Outcome:
    return read(contract(*COLUMNS, compression=case.compression, **case.limits), case.data, step=step)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_an_archive_has_its_outcome(case: Case) -> None:
    outcome = outcome_of(case)
    assert outcome.file_reason == case.file
    assert [(row["id"], row["name"]) for row in outcome.rows] == case.rows
    assert [row["_record_no"] for row in outcome.rows] == list(range(1, len(case.rows) + 1))
    assert outcome.source_rows == len(case.rows)
    if len(case.data) < 5_000:
        assert outcome_of(case, step=1) == outcome


@pytest.mark.parametrize("case", [case for case in CASES if case.file == "ARCHIVE_PATH"], ids=lambda case: case.id)
def test_a_member_that_leads_out_of_the_archive_leaves_nothing_on_disk(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    archive = tmp_path / "archive.zip"
    archive.write_bytes(case.data)
    with pytest.raises(FileRejected, match="ARCHIVE_PATH"):
        list(open_reader(contract(*COLUMNS, compression="zip")).read(archive, name="archive"))
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "a", inner, archive]


def test_rejected_records_of_later_members_keep_counting() -> None:
    second = b"id,name,more\nx,b,1\n3,c,2\n"
    made = contract(*COLUMNS, compression="zip", schema_change=SchemaChange.IGNORE)
    outcome = read(made, zipped(("a", FIRST), ("b", second), ("c", b"id,name,other\n4,d,5\n")))
    assert outcome.reasons == [(2, "TYPE_INTEGER")]
    assert outcome.rejected[0]["byte_offset"] == len(FIRST) + second.index(b"x,b")
    assert [(row["_record_no"], row["id"]) for row in outcome.rows] == [(1, 1), (3, 3), (4, 4)]
    assert (outcome.source_rows, outcome.drift.added) == (4, ("more", "other"))


@pytest.mark.parametrize(
    ("kind", "pack"), [("zip", lambda a, b: zipped(("a", a), ("b", b))), ("zstd", lambda a, b: zstd(a + b))]
)
def test_lines_in_archives_are_read(kind: str, pack: Any) -> None:
    made = contract(*COLUMNS, kind=FileKind.NDJSON, compression=kind, schema_change=SchemaChange.IGNORE)
    outcome = read(made, pack(b'{"id":1}\n{"id":"x"}\n', b'{"id":3,"more":1}\n'))
    assert [(row["_record_no"], row["id"]) for row in outcome.rows] == [(1, 1), (3, 3)]
    assert (outcome.reasons, outcome.rejected[0]["byte_offset"]) == ([(2, "TYPE_INTEGER")], 9)
    assert (outcome.source_rows, outcome.drift.added) == (3, ("more",))


def test_a_source_that_fails_while_an_archive_is_read_is_no_verdict_on_the_archive() -> None:
    class Failing(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise ConnectionResetError(104, "connection reset")

    source: Any = Failing()
    for kind in ("gzip", "zstd", "zip"):
        with pytest.raises(SourceUnavailable, match="run the same batch again"):
            list(open_reader(contract(*COLUMNS, compression=kind)).read(source, name="orders"))


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("gzip", gzip.compress(FIRST) + gzip.compress(SECOND)),
        ("zstd", zstd(FIRST) + zstd(SECOND)),
        ("zip", zipped(("a", FIRST), ("b", FIRST))),
    ],
    ids=["gzip", "zstd", "zip"],
)
def test_damaged_archives_have_one_result(kind: str, data: bytes, tmp_path: Path) -> None:
    made = contract(*COLUMNS, compression=kind)
    path = tmp_path / "archive"
    for seed in range(300):
        source = random.Random(seed)
        damaged = bytearray(data)
        for _ in range(source.randint(1, 3)):
            place = source.randrange(len(damaged))
            damaged[place : place + source.choice([0, 1, 1, 4])] = source.randbytes(source.choice([0, 1, 1, 4]))
        outcome = read(made, bytes(damaged))
        assert outcome.file_reason or outcome.source_rows == len(outcome.rows) + len(outcome.rejected), f"seed {seed}"
        path.write_bytes(damaged)
        try:
            for _ in open_reader(made).read(path, name="archive"):
                pass
            reason = None
        except FileRejected as refused:
            reason = refused.reason.value
        assert reason == outcome.file_reason, f"seed {seed}"
