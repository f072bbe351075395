"""Where the limits of an archive's expansion lie."""

from __future__ import annotations

import gzip
import io

import pytest

from data_platform.contracts.model import FileFormat, FileKind
from data_platform.formats.compression import read_blocks
from data_platform.formats.rejected import FileRejected, Reason

SMALL_BYTES = 16 << 20


def expanded(size_bytes: int, **limits: int) -> int:
    """The size of what is read of an archive of so many zeros."""
    file_format = FileFormat(kind=FileKind.CSV, compression="gzip", **limits)  # type: ignore[arg-type]
    archive = io.BytesIO(gzip.compress(bytes(size_bytes), mtime=0))
    return sum(len(block) for block in read_blocks(archive, file_format))


def test_a_small_file_may_expand_by_any_ratio() -> None:
    assert expanded(SMALL_BYTES, max_expansion_ratio=2) == SMALL_BYTES


def test_a_larger_file_that_expands_beyond_the_ratio_is_an_archive_bomb() -> None:
    with pytest.raises(FileRejected, match="more than 2 times") as refused:
        expanded(SMALL_BYTES + 1, max_expansion_ratio=2)
    assert refused.value.reason is Reason.ARCHIVE_BOMB


def test_a_larger_file_may_expand_up_to_the_ratio() -> None:
    assert expanded(SMALL_BYTES + 1, max_expansion_ratio=2_000) == SMALL_BYTES + 1


def test_the_expanded_size_is_admitted_up_to_its_limit() -> None:
    assert expanded(1_000, max_expanded_bytes=1_000) == 1_000
    with pytest.raises(FileRejected, match="more than 999 bytes"):
        expanded(1_000, max_expanded_bytes=999)
