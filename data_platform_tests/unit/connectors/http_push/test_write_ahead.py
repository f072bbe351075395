from __future__ import annotations

import asyncio
import os
import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from data_platform.connectors.http_push import write_ahead
from data_platform.connectors.http_push.group_commit import GroupCommit
from data_platform.connectors.http_push.spool_frames import segment_numbers, segment_path
from data_platform.connectors.http_push.spool_reader import SpoolPlace, SpoolReader
from data_platform.connectors.http_push.write_ahead import QuotaReached, SpoolTaken, WriteAhead
from data_platform.errors import FatalError, SourceGap

Open = Callable[..., WriteAhead]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    writers: list[WriteAhead] = []

    def open_spool(**options: int) -> WriteAhead:
        while writers:
            writers.pop().close()
        writers.append(WriteAhead(tmp_path / "spool", **{"quota_bytes": 1 << 20, "segment_bytes": 1 << 16} | options))
        return writers[-1]

    yield open_spool
    while writers:
        writers.pop().close()


def line(number: int) -> bytes:
    return b'{"n":%d}\n' % number


def fill(spool: WriteAhead, first: int, last: int) -> None:
    for number in range(first, last + 1):
        spool.append([line(number)], rows=1)


def read(folder: Path, position: dict[str, object] | None = None) -> tuple[list[int], SpoolPlace]:
    reader = SpoolReader(folder / "spool")
    place = reader.place_of(position or {})  # type: ignore[arg-type]
    assert place is not None
    numbers: list[int] = []
    for chunk in reader.chunks_after(place):
        lines = chunk.lines.splitlines()
        assert len(lines) == chunk.rows
        numbers += [int(text[5:-1]) for text in lines]
        place = chunk.end
    return numbers, place


def last_segment(folder: Path) -> Path:
    return segment_path(folder / "spool", segment_numbers(folder / "spool")[-1])


def test_what_was_appended_is_read_in_order_over_segments_and_openings(tmp_path: Path, opened: Open) -> None:
    fill(opened(segment_bytes=200), 1, 20)
    fill(opened(segment_bytes=200), 21, 30)
    assert len(segment_numbers(tmp_path / "spool")) > 3
    numbers, end = read(tmp_path)
    assert (numbers, end.row) == (list(range(1, 31)), 30)
    assert read(tmp_path, end.to_position())[0] == []


def test_reading_goes_on_from_any_place(tmp_path: Path, opened: Open) -> None:
    fill(opened(segment_bytes=200), 1, 20)
    reader = SpoolReader(tmp_path / "spool")
    start = reader.oldest()
    assert start is not None
    for count, chunk in enumerate(reader.chunks_after(start), 1):
        position = chunk.end.to_position()
        assert read(tmp_path, position)[0] == list(range(count + 1, 21))
        assert reader.rows_behind(reader.place_of(position) or start) == 20 - count


def test_the_count_of_waiting_rows_grows_while_the_spool_is_written(tmp_path: Path, opened: Open) -> None:
    spool = opened(segment_bytes=150)
    spool.append([line(1) + line(2), line(3)], rows=3)
    reader = SpoolReader(tmp_path / "spool")
    start = reader.oldest()
    assert start is not None
    assert reader.rows_behind(start) == 3
    for number in range(4, 12):
        spool.append([line(number)], rows=1)
        assert reader.rows_behind(start) == number


@pytest.mark.parametrize("seed", range(5))
def test_a_torn_tail_is_cut_off_wherever_it_breaks(tmp_path: Path, opened: Open, seed: int) -> None:
    spool = opened()
    fill(spool, 1, 5)
    whole = last_segment(tmp_path).stat().st_size
    spool.append([line(6) * 40], rows=40)
    spool.close()
    size = last_segment(tmp_path).stat().st_size
    os.truncate(last_segment(tmp_path), random.Random(seed).randint(whole + 1, size - 1))
    assert read(tmp_path)[0] == [1, 2, 3, 4, 5]  # a reader takes no half frame either
    fill(opened(), 7, 8)
    assert read(tmp_path)[0] == [1, 2, 3, 4, 5, 7, 8]


def test_a_tail_of_zeros_is_torn(tmp_path: Path, opened: Open) -> None:
    fill(opened(), 1, 2)
    with last_segment(tmp_path).open("ab") as file:
        file.write(bytes(5000))
    assert read(tmp_path)[0] == [1, 2]
    fill(opened(), 3, 3)
    assert read(tmp_path)[0] == [1, 2, 3]


def test_a_reader_that_is_ahead_of_a_cut_loses_nothing_that_comes_after(tmp_path: Path, opened: Open) -> None:
    spool = opened()
    fill(spool, 1, 5)
    ahead = read(tmp_path)[1]
    spool.close()
    os.truncate(last_segment(tmp_path), last_segment(tmp_path).stat().st_size - 1)
    fill(opened(), 6, 9)
    assert read(tmp_path, ahead.to_position())[0] == [6, 7, 8, 9]


@pytest.mark.parametrize("at", range(0, 96, 7))
def test_a_damaged_frame_before_another_is_never_skipped(tmp_path: Path, opened: Open, at: int) -> None:
    fill(opened(), 1, 4)
    path = last_segment(tmp_path)
    data = bytearray(path.read_bytes())
    data[at] ^= 0x20
    path.write_bytes(data)
    with pytest.raises(FatalError, match=f"{path.name}: the acknowledged events at byte .* are damaged"):
        read(tmp_path)
    with pytest.raises(FatalError, match="are damaged"):
        opened()


def test_damage_in_an_earlier_segment_is_found_by_the_reader(tmp_path: Path, opened: Open) -> None:
    fill(opened(segment_bytes=100), 1, 10)
    first = segment_path(tmp_path / "spool", segment_numbers(tmp_path / "spool")[0])
    os.truncate(first, first.stat().st_size - 1)
    with pytest.raises(FatalError, match="are damaged"):
        read(tmp_path)


def test_a_damaged_segment_set_aside_keeps_its_number_and_reading_goes_on_behind_it(
    tmp_path: Path, opened: Open
) -> None:
    fill(opened(), 1, 4)
    path = last_segment(tmp_path)
    path.rename(f"{path}.damaged")
    fill(opened(), 5, 6)
    assert int(last_segment(tmp_path).stem) == int(path.stem) + 1
    place = SpoolReader(tmp_path / "spool").place_at(int(path.stem) + 1)
    assert place is not None
    assert read(tmp_path, place.to_position())[0] == [5, 6]


def test_a_missing_segment_is_a_gap(tmp_path: Path, opened: Open) -> None:
    fill(opened(segment_bytes=100), 1, 10)
    position = next(SpoolReader(tmp_path / "spool").chunks_after(SpoolReader(tmp_path / "spool").oldest())).end  # type: ignore[arg-type]
    segment_path(tmp_path / "spool", position.segment + 1).unlink()
    with pytest.raises(SourceGap, match=r"acknowledged events before segment \d+ are missing"):
        read(tmp_path, position.to_position())


def test_a_position_of_another_spool_is_a_gap(tmp_path: Path, opened: Open) -> None:
    fill(opened(), 1, 3)
    position = read(tmp_path)[1].to_position()
    with pytest.raises(SourceGap, match="is not the spool"):
        read(tmp_path, position | {"spool": "another"})
    with pytest.raises(SourceGap, match="is not the spool"):
        SpoolReader(tmp_path / "elsewhere").place_of(position)


def test_releasing_deletes_what_lies_wholly_before_a_place(tmp_path: Path, opened: Open) -> None:
    spool = opened(segment_bytes=100)
    fill(spool, 1, 20)
    end = read(tmp_path)[1]
    SpoolReader(tmp_path / "spool").release(end)
    assert segment_numbers(tmp_path / "spool") == [end.segment]
    fill(opened(segment_bytes=100), 21, 22)
    assert read(tmp_path, end.to_position())[0] == [21, 22]


def test_the_quota_counts_what_is_on_disk_and_opens_again_after_a_release(tmp_path: Path, opened: Open) -> None:
    spool = opened(quota_bytes=2000, segment_bytes=400)
    number = 0
    while True:
        try:
            spool.admit(len(line(number)) + 24)
        except QuotaReached:
            break
        spool.append([line(number)], rows=1)
        number += 1
    held = sum(path.stat().st_size for path in (tmp_path / "spool").glob("*.wal"))
    assert 1900 < held <= 2000
    assert number == len(read(tmp_path)[0])
    SpoolReader(tmp_path / "spool").release(read(tmp_path)[1])
    spool.admit(1000)


def test_one_process_writes(tmp_path: Path, opened: Open) -> None:
    opened()
    with pytest.raises(SpoolTaken, match="another process writes"):
        WriteAhead(tmp_path / "spool", quota_bytes=1, segment_bytes=1)


def test_a_failed_write_leaves_nothing_and_the_next_one_succeeds(
    tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = opened()
    fill(spool, 1, 2)

    def half(descriptor: int, data: bytes) -> None:
        os.write(descriptor, data[:10])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(write_ahead, "_write_all", half)
        with pytest.raises(OSError, match="No space"):
            spool.append([line(3)], rows=1)
    fill(spool, 4, 5)
    assert read(tmp_path)[0] == [1, 2, 4, 5]


def test_after_a_failed_flush_the_file_is_not_trusted_again(
    tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = opened()
    fill(spool, 1, 2)
    before = last_segment(tmp_path)

    def broken(_: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(write_ahead, "_flush", broken)
        with pytest.raises(OSError, match="Input/output"):
            spool.append([line(3)], rows=1)
    fill(spool, 4, 5)
    assert last_segment(tmp_path) != before
    assert read(tmp_path)[0] == [1, 2, 4, 5]


def test_a_disk_that_cannot_undo_stops_the_writer(
    tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = opened()
    fill(spool, 1, 1)

    def broken(*_: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(write_ahead, "_flush", broken)
        patched.setattr(os, "ftruncate", broken)
        with pytest.raises(OSError, match="Input/output"):
            spool.append([line(2)], rows=1)
    with pytest.raises(FatalError, match="mend it and start the collector again"):
        spool.append([line(3)], rows=1)
    assert read(tmp_path)[0][0] == 1


def test_many_appends_share_a_flush_and_each_is_told_when_its_own_bytes_are_on_disk(
    tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = opened()
    flushes: list[int] = []
    flush = write_ahead._flush

    def counted(descriptor: int) -> None:
        flush(descriptor)
        flushes.append(os.fstat(descriptor).st_size)

    monkeypatch.setattr(write_ahead, "_flush", counted)

    async def send() -> None:
        commits = GroupCommit(spool)
        finished: list[tuple[int, int]] = []

        async def one(number: int) -> None:
            await commits.append(line(number), rows=1)
            finished.append((number, flushes[-1]))

        await asyncio.gather(*(one(number) for number in range(500)))
        await commits.drain()
        assert len(finished) == 500

    asyncio.run(send())
    assert sorted(read(tmp_path)[0]) == list(range(500))
    assert len(flushes) < 10


def test_a_group_that_fails_tells_each_of_its_appends_and_the_next_group_goes_on(
    tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = opened()
    calls = iter([False, True, False])
    append = spool.append

    def sometimes(blocks: list[bytes], *, rows: int) -> None:
        if next(calls):
            raise OSError(28, "No space left on device")
        append(blocks, rows=rows)

    monkeypatch.setattr(spool, "append", sometimes)

    async def send() -> list[object]:
        commits = GroupCommit(spool)
        first = asyncio.create_task(commits.append(line(1), rows=1))
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # the first group has left; these two wait for the second
        rest = [asyncio.create_task(commits.append(line(number), rows=1)) for number in (2, 3)]
        results = await asyncio.gather(first, *rest, return_exceptions=True)
        await commits.append(line(4), rows=1)
        return list(results)

    first, second, third = asyncio.run(send())
    assert first is None
    assert isinstance(second, OSError)
    assert isinstance(third, OSError)
    assert read(tmp_path)[0] == [1, 4]


def test_a_reader_beside_a_writer_sees_only_whole_frames_in_order(tmp_path: Path, opened: Open) -> None:
    spool = opened(segment_bytes=3000)
    writing = threading.Thread(target=fill, args=(spool, 1, 400))
    writing.start()
    seen: list[int] = []
    position: dict[str, object] = {}
    while len(seen) < 400:
        if SpoolReader(tmp_path / "spool").place_of(position) is None:  # type: ignore[arg-type]
            continue
        numbers, place = read(tmp_path, position)
        seen += numbers
        position = dict(place.to_position())
    writing.join()
    assert seen == list(range(1, 401))
