from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_platform.clock import ManualClock
from data_platform.connectors.protocol import Place
from data_platform.connectors.pull import window as pull_window
from data_platform.connectors.pull.connector import Pull
from data_platform.connectors.pull.cursors import Cursor, CursorKind, CursorRule
from data_platform.connectors.pull.seen_records import SeenRecords, digest_of, name_of
from data_platform.connectors.pull.window import Record, Window
from data_platform.contracts.model import DatasetName

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
RULE = CursorRule(kind=CursorKind.NUMBER, overlap=3)


class Source:
    """Numbers, each with a record number; it answers as it was asked."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, int]] = []
        self.is_ordered = True

    def read(self, start: Cursor | None) -> Generator[Record, None, None]:
        rows = sorted(self.rows) if self.is_ordered else self.rows
        for at, number in rows:
            cursor = RULE.read(at)
            if start is None or (cursor is not None and not cursor < start):
                yield Record(json.dumps([at, number]).encode(), cursor)


def pull(folder: Path, limit_bytes: int = 1 << 20) -> Pull:
    place = Place(source=folder, spool=folder / "spool", clock=ManualClock(NOW))
    dataset = DatasetName.parse("raw.shop.numbers")
    return Pull(source="numbers", dataset=dataset, place=place, limit_bytes=limit_bytes, rule=RULE)


def drain(one: Pull, source: Source, position: Mapping[str, Any]) -> tuple[list[str], Mapping[str, Any]]:
    found: list[str] = []
    for _ in range(200):
        poll = one.after(position, source.read, now=NOW, is_ordered=source.is_ordered)
        if poll is None:
            return found, position
        for delivery in poll.deliveries:
            found += delivery.path.read_text().splitlines()
            delivery.path.unlink()
        position = poll.position_to
        one.acknowledge(position)
    raise AssertionError("the pull does not end")


@settings(deadline=None, max_examples=60)  # each example writes files
@given(
    arrivals=st.lists(st.lists(st.integers(0, 12), max_size=8), max_size=6),
    limit_bytes=st.sampled_from([1, 20, 1000]),
    is_ordered=st.booleans(),
)
def test_whatever_arrives_within_the_overlap_is_taken_once(
    tmp_path_factory: pytest.TempPathFactory, arrivals: list[list[int]], limit_bytes: int, is_ordered: bool
) -> None:
    source, folder = Source(), tmp_path_factory.mktemp("pull")
    source.is_ordered = is_ordered
    position: Mapping[str, Any] = {}
    found: list[str] = []
    for arrived in arrivals:
        top = max((at for at, _ in source.rows), default=0)
        source.rows += [(max(at, top - 3), len(source.rows) + n) for n, at in enumerate(arrived)]
        more, position = drain(pull(folder, limit_bytes), source, position)
        found += more
    assert sorted(found) == sorted(json.dumps(list(row)) for row in source.rows)


def test_a_position_does_not_go_back_when_the_newest_record_is_gone(tmp_path: Path) -> None:
    source = Source()
    source.rows = [(at, at) for at in range(9)]
    _, position = drain(pull(tmp_path), source, {})
    source.rows = [(at, at) for at in range(7)] + [(5, 50)]
    found, moved = drain(pull(tmp_path), source, position)
    assert found == ["[5, 50]"]
    assert moved["cursor"] == position["cursor"] == "8"


def test_what_an_early_end_did_not_reach_stays_remembered() -> None:
    known = {digest_of(b"far"): RULE.read(50)}
    window = Window(RULE, RULE.read(5), known=known, now=NOW)
    assert all(window.admits(Record(str(at).encode(), RULE.read(at))) for at in (6, 7, 8))
    assert set(window.seen(window.reached(is_complete=False), is_complete=False)) > set(known)
    assert not set(window.seen(window.reached(is_complete=True), is_complete=True)) & set(known)


def test_a_long_pull_remembers_the_overlap_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pull_window, "_TRIM_RECORDS", 10)
    source = Source()
    source.rows = [(at, at) for at in range(500)]
    found, position = drain(pull(tmp_path), source, {})
    assert len(found) == 500
    kept = SeenRecords(folder=tmp_path / "spool/pull/raw.shop.numbers/numbers/seen", rule=RULE).of(position["seen"])
    assert set(kept) == {digest_of(json.dumps([at, at]).encode()) for at in range(496, 500)}


def test_the_equal_of_a_record_that_was_seen_is_new_however_long_the_pull(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pull_window, "_TRIM_RECORDS", 10)
    twin = Record(b"a", RULE.read(3))
    window = Window(RULE, RULE.read(5), known={digest_of(b"a"): RULE.read(3)}, now=NOW)
    others = [Record(str(at).encode(), RULE.read(at)) for at in range(6, 60)]
    assert [window.admits(record) for record in (twin, *others, twin)] == [False, *[True] * len(others), True]


@pytest.mark.parametrize("damage", ["", "{", "[1, 2]\n", '["00", "1"]\n', '["zz", null]\n', "\x00"])
def test_a_damaged_set_is_no_set(tmp_path: Path, damage: str) -> None:
    seen = SeenRecords(folder=tmp_path, rule=RULE)
    name = seen.keep({digest_of(b"a"): RULE.read(1), digest_of(b"b"): None})
    assert len(seen.of(name)) == 2
    (tmp_path / f"{name}.ndjson").write_text(damage)
    assert seen.of(name) == {}
    assert seen.of(None) == {}
    assert seen.of("../../etc/passwd") == {}


def test_only_the_last_set_stays(tmp_path: Path) -> None:
    seen = SeenRecords(folder=tmp_path, rule=RULE)
    names = [seen.keep({digest_of(bytes([n])): None}) for n in range(3)]
    seen.drop_others(names[1])
    assert [path.stem for path in tmp_path.iterdir()] == [names[1]]
    assert name_of({}) not in names


def test_what_a_killed_process_left_goes_with_the_next_pull(tmp_path: Path) -> None:
    source = Source()
    source.rows = [(1, 1)]
    left = tmp_path / "spool/pull/raw.shop.numbers/numbers/0-1.part"
    left.parent.mkdir(parents=True)
    left.write_text("half")
    drain(pull(tmp_path), source, {})
    assert not left.exists()
