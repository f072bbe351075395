from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_platform.publication.decisions import Decision
from data_platform_tests.kit import EXAMPLES, Kit, at, csv_text, ndjson_text

RAW = ("id string required", "seq int", "op string", "name string")
FIELDS = ("id", "seq", "op", "name")


def merged(kit: Kit, **custom: object) -> Kit:
    kit.raw("people", RAW)
    kit.curated(
        "people",
        ("id string key", "seq int", "name string"),
        "SELECT id, seq, name FROM raw.shop.people",
        materialization="merge",
        sequence=["seq"],
        deletes={"column": "op", "values": ["D"]},
        **custom,
    )
    return kit


def drop(kit: Kit, name: str, *rows: tuple[object, ...]) -> None:
    kit.drop(f"people/{name}", csv_text(FIELDS, rows))
    kit.ingest("people")


def names(kit: Kit) -> dict[str, str]:
    return {row["id"]: row["name"] for row in kit.rows("curated.people")}


def totals(kit: Kit) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for line in kit.ledger("curated.people").values():
        for fate, rows in line.items():
            found[fate] += rows
    return dict(found)


def test_the_newest_row_of_each_key_is_applied_and_a_delete_removes_it(kit: Kit) -> None:
    merged(kit)
    drop(kit, "2.csv", ("a", 2, "U", "new"), ("b", 2, "D", ""), ("c", 1, "D", ""))
    drop(kit, "1.csv", ("a", 1, "I", "old"), ("b", 1, "I", "b"), ("a", 2, "U", "new"))
    kit.materialize("curated.people")
    assert names(kit) == {"a": "new"}
    assert totals(kit) == {"raw": 6, "applied": 3, "superseded": 2, "unchanged": 1}


def test_a_row_that_cannot_be_placed_in_the_order_of_its_key_is_quarantined(kit: Kit) -> None:
    merged(kit)
    drop(kit, "1.csv", ("a", None, "U", "when?"), ("a", 1, "U", "known"), (None, 1, "U", "who?"))
    kit.materialize("curated.people")
    assert names(kit) == {"a": "known"}
    assert totals(kit) == {"raw": 3, "applied": 1, "quarantined": 2}


def test_two_contents_of_one_sequence_conflict_until_one_is_released(kit: Kit) -> None:
    merged(kit)
    drop(kit, "1.csv", ("a", 1, "I", "first"), ("a", 2, "U", "x"), ("a", 2, "U", "y"))
    kit.materialize("curated.people")
    assert names(kit) == {"a": "first"}
    assert totals(kit) == {"raw": 3, "applied": 1, "quarantined": 2}
    kit.decide("curated.people", Decision.RELEASE, [r for r in kit.held("curated.people") if r["record_no"] == 3])
    kit.materialize("curated.people")
    assert names(kit) == {"a": "y"}
    assert totals(kit) == {"raw": 3, "applied": 1, "superseded": 2}


def test_two_spellings_of_a_key_are_one_key_of_a_merge(kit: Kit) -> None:
    merged(kit)
    drop(kit, "1.csv", ("e\u0301", 1, "I", "old"), ("\u00e9", 2, "U", "new"))
    kit.materialize("curated.people")
    assert names(kit) == {"\u00e9": "new"}


@dataclass
class Happening:
    key: str
    seq: int
    op: str
    name: str


happenings = st.lists(
    st.builds(
        Happening,
        st.sampled_from("ab"),
        st.integers(1, 4),
        st.sampled_from("UUD"),
        st.sampled_from(["x", "y", "bad name!!"]),
    ),
    max_size=12,
)


def oracle_of_merge(rows: list[Happening]) -> tuple[dict[str, str], dict[str, int]]:
    fates: dict[str, int] = defaultdict(int)
    fates["raw"] = len(rows)
    by_key: dict[str, dict[int, list[tuple[str, str]]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if " " in row.name and row.op != "D":  # of a deletion only the key and its place in the order matter
            fates["quarantined"] += 1
        else:
            by_key[row.key][row.seq].append((row.op, "" if row.op == "D" else row.name))
    current = {}
    for key, versions in by_key.items():
        sound = []
        for seq in sorted(versions):
            same = versions[seq]
            if len({(op == "D", name) for op, name in same}) > 1:
                fates["quarantined"] += len(same)
            else:
                fates["unchanged"] += len(same) - 1
                sound.append(same[0])
        if sound:
            fates["applied"] += 1
            fates["superseded"] += len(sound) - 1
            if sound[-1][0] != "D":
                current[key] = sound[-1][1]
    return current, {fate: count for fate, count in fates.items() if count}


@EXAMPLES
@given(rows=happenings, cut=st.integers(0, 12), seed=st.integers(0, 99))
def test_merge_equals_brute_force_in_any_order_of_arrival(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Happening], cut: int, seed: int
) -> None:
    kit = Kit(tmp_path_factory.mktemp("merge"))
    kit.raw("people", RAW)
    kit.curated(
        "people",
        ("id string key", "seq int", "name string pattern=^[a-z]*$"),
        "SELECT id, seq, name FROM raw.shop.people",
        materialization="merge",
        sequence=["seq"],
        deletes={"column": "op", "values": ["D"]},
    )
    shuffled = random.Random(seed).sample(rows, len(rows))
    for number, part in enumerate((shuffled[:cut], shuffled[cut:])):
        drop(kit, f"{number}.csv", *[(r.key, r.seq, r.op, r.name) for r in part], ("z", number + 100, "D", ""))
    kit.materialize("curated.people")
    current, fates = oracle_of_merge([*rows, Happening("z", 100, "D", ""), Happening("z", 101, "D", "")])
    assert names(kit) == current
    assert totals(kit) == fates
    assert set(kit.residuals("curated.people")) <= {0}
    kit.close()


# ---- scd2 over daily snapshots

SNAPSHOT_COLUMNS = (
    "id string key",
    "name string",
    "updated_at timestamp required",
    "valid_from timestamp required",
    "valid_to timestamp",
    "is_current boolean required",
)
FIRST = date(2026, 1, 1)


def history(kit: Kit) -> Kit:
    kit.raw(
        "people",
        ("id string required", "name string", "updated_at timestamp"),
        delivery="snapshot",
        delivery_date_pattern=r"p_(?P<date>\d{8})",
    )
    kit.curated(
        "people",
        SNAPSHOT_COLUMNS,
        "SELECT id, name, updated_at FROM raw.shop.people",
        materialization="scd2",
        sequence=["updated_at"],
    )
    return kit


def snapshot(kit: Kit, day: int, rows: dict[str, tuple[str, str]], *, broken: bool = False, suffix: str = "") -> None:
    text = csv_text(("id", "name", "updated_at"), [(key, *rest) for key, rest in rows.items()])
    kit.drop(
        f"people/p_{FIRST + timedelta(days=day):%Y%m%d}{suffix}.csv", text + ("one,field,too,many\n" if broken else "")
    )


def intervals(kit: Kit, key: str = "a") -> list[tuple[str, str, str | None]]:
    def text(moment: datetime | None) -> str | None:
        return None if moment is None else f"{moment:%m-%d %H}"

    rows = sorted((r for r in kit.rows("curated.people") if r["id"] == key), key=lambda r: r["valid_from"])
    assert all(row["is_current"] is (row["valid_to"] is None) for row in rows)
    return [(row["name"], str(text(row["valid_from"])), text(row["valid_to"])) for row in rows]


def publish(kit: Kit) -> None:
    kit.ingest("people")
    kit.materialize("curated.people")
    assert set(kit.residuals("curated.people")) <= {0}


def test_a_change_ends_the_state_before_it_and_absence_ends_a_state_at_the_delivery_that_lacks_it(kit: Kit) -> None:
    history(kit)
    snapshot(kit, 0, {"a": ("x", at("2025-12-31")), "b": ("b", at("2025-12-31"))})
    snapshot(kit, 1, {"a": ("y", at("2026-01-01")), "b": ("b", at("2025-12-31"))})
    snapshot(kit, 2, {"b": ("b", at("2025-12-31"))})
    publish(kit)
    assert intervals(kit) == [("x", "12-31 10", "01-01 10"), ("y", "01-01 10", "01-03 00")]
    assert intervals(kit, "b") == [("b", "12-31 10", None)]
    assert totals(kit) == {"raw": 5, "applied": 3, "unchanged": 2}


def test_an_incomplete_snapshot_ends_nothing(kit: Kit) -> None:
    history(kit)
    snapshot(kit, 0, {"a": ("x", at("2025-12-31")), "b": ("b", at("2025-12-31"))})
    snapshot(kit, 1, {"b": ("b", at("2025-12-31"))}, broken=True)
    publish(kit)
    assert intervals(kit) == [("x", "12-31 10", None)]
    kit.drop("people/p_20260103.csv", "no,such,header\n")
    publish(kit)
    assert intervals(kit) == [("x", "12-31 10", None)]
    snapshot(kit, 3, {"b": ("b", at("2025-12-31"))})
    publish(kit)
    assert intervals(kit) == [("x", "12-31 10", "01-04 00")]


def test_a_faulty_snapshot_spoils_no_other_snapshot_of_its_batch(kit: Kit) -> None:
    history(kit)
    snapshot(kit, 0, {"a": ("x", at("2025-12-31")), "b": ("b", at("2025-12-31"))}, broken=True)
    snapshot(kit, 1, {"b": ("b", at("2025-12-31"))})
    publish(kit)
    assert intervals(kit) == [("x", "12-31 10", "01-02 00")]


def test_an_empty_snapshot_says_that_there_is_nothing_left(kit: Kit) -> None:
    history(kit)
    snapshot(kit, 0, {"a": ("x", at("2025-12-31"))})
    publish(kit)
    snapshot(kit, 1, {})
    publish(kit)
    assert intervals(kit) == [("x", "12-31 10", "01-02 00")]


def test_a_key_that_comes_back_unchanged_begins_anew_at_the_delivery_that_has_it_again(kit: Kit) -> None:
    history(kit)
    snapshot(kit, 0, {"a": ("x", at("2025-12-31")), "b": ("b", at("2025-12-31"))})
    snapshot(kit, 1, {"b": ("b", at("2025-12-31"))})
    snapshot(kit, 3, {"a": ("x", at("2025-12-31")), "b": ("b", at("2025-12-31"))})
    publish(kit)
    assert intervals(kit) == [("x", "12-31 10", "01-02 00"), ("x", "01-04 00", None)]


def test_an_identical_snapshot_changes_nothing_and_arrival_order_does_not_matter(kit: Kit, tmp_path: Path) -> None:
    history(kit)
    states = [{"a": ("x", at("2025-12-31"))}, {"a": ("x", at("2025-12-31"))}, {"a": ("y", at("2026-01-02"))}, {}]
    for day, state in enumerate(states):
        snapshot(kit, day, state)
    publish(kit)
    before = kit.hash("curated.people")
    snapshot(kit, 1, states[1], suffix="_again")
    publish(kit)
    assert kit.hash("curated.people") == before
    other = history(Kit(tmp_path / "other"))
    for day in (2, 0, 3, 1):
        snapshot(other, day, states[day])
        other.ingest("people")
    other.materialize("curated.people")
    assert other.hash("curated.people") == before
    other.close()


def test_without_snapshots_only_a_delete_closes_and_same_moment_changes_do_not_overlap(kit: Kit) -> None:
    kit.raw(
        "people",
        ("id string required", "seq int", "op string", "name string", "happened timestamp"),
        format={"kind": "ndjson"},
        watermark="happened",
    )
    kit.curated(
        "people",
        ("id string key", "seq int", "name string", *SNAPSHOT_COLUMNS[3:]),
        "SELECT id, seq, name FROM raw.shop.people",
        materialization="scd2",
        sequence=["seq"],
        deletes={"column": "op", "values": ["D"]},
    )
    rows = [
        ("a", 1, "I", "x", "01"),
        ("a", 2, "U", "y", "02"),
        ("a", 3, "U", "z", "02"),
        ("a", 4, "D", "z", "05"),
        ("a", 5, "U", "back", "04"),
        ("b", 1, "D", "never", "01"),
    ]
    for number, row in enumerate(reversed(rows)):
        keyed = dict(zip(("id", "seq", "op", "name"), row, strict=False)) | {"happened": at(f"2026-01-{row[4]}")}
        kit.drop(f"people/{number}.ndjson", ndjson_text([keyed]))
        kit.ingest("people")
    kit.materialize("curated.people")
    # The 5th is told to have happened before the delete it follows: time does not run back, so it begins there.
    assert intervals(kit) == [("x", "01-01 10", "01-02 10"), ("z", "01-02 10", "01-05 10"), ("back", "01-05 10", None)]
    assert intervals(kit, "b") == []
    assert totals(kit) == {"raw": 6, "applied": 4, "superseded": 2}


states = st.dictionaries(st.sampled_from("ab"), st.tuples(st.sampled_from("xy"), st.integers(0, 6)), max_size=2)


def oracle_of_snapshots(days: list[dict[str, tuple[str, int]] | None]) -> dict[str, list[tuple[str, int, int | None]]]:
    """Walks the days one after the other as a person would, hours since FIRST; None: that day's file is broken."""
    result = {}
    for key in "ab":
        seen = {(state[key], day) for day, state in enumerate(days) if state and key in state}
        contents: dict[tuple[int, int], set[str]] = defaultdict(set)
        steps: list[tuple[int, str, int]] = []  # (day, name, updated) by day
        epoch, was_here, absent_since, ended = 0, False, None, []
        for day, state in enumerate(days):
            if state is not None and key in state:
                name, updated = state[key]
                contents[epoch, updated].add(name)
                steps.append((day, name, updated, epoch, absent_since))
                was_here = True
            elif state is not None and was_here:
                ended.append((epoch, day))
                epoch, was_here, absent_since = epoch + 1, False, day
        events: list[tuple[int, int, int, str | None]] = []
        spoken: set[tuple[int, int]] = set()
        for day, name, updated, of, since in steps:
            if len(contents[of, updated]) > 1 or (of, updated) in spoken:
                continue
            spoken.add((of, updated))
            moment = updated * 24 + 1
            events.append((of, updated, day * 24 if since is not None and moment <= since * 24 else moment, name))
        events += [(of, 10**6, day * 24, None) for of, day in ended]
        events.sort(key=lambda e: (e[0], e[1]))
        timeline: list[tuple[int, str | None]] = []
        now = -(10**9)
        for *_, moment, name in events:
            now = max(now, moment)
            if timeline and timeline[-1][0] == now:
                timeline.pop()
            timeline.append((now, name))
        changes: list[tuple[int, str | None]] = []
        for moment, name in timeline:
            if not changes or changes[-1][1] != name:
                changes.append((moment, name))
        ends = [moment for moment, _ in changes[1:]] + [None][: len(changes)]
        result[key] = [(name, start, end) for (start, name), end in zip(changes, ends, strict=True) if name]
        assert seen or not result[key]
    return result


@EXAMPLES
@given(days=st.lists(st.one_of(states, states, states, st.none()), min_size=1, max_size=5), seed=st.integers(0, 99))
def test_scd2_equals_a_walk_through_the_days_and_intervals_never_overlap(
    tmp_path_factory: pytest.TempPathFactory, days: list[dict[str, tuple[str, int]] | None], seed: int
) -> None:
    kit = history(Kit(tmp_path_factory.mktemp("scd2")))
    order = random.Random(seed).sample(range(len(days)), len(days))
    for day in order:
        state = days[day]
        moments = {
            k: (name, f"{datetime(2026, 1, 1, 1, tzinfo=UTC) + timedelta(days=u):%Y-%m-%dT%H:%M:%SZ}")
            for k, (name, u) in (state or {}).items()
        }
        snapshot(kit, day, moments, broken=state is None)
        if seed % 2:
            kit.ingest("people")
    publish(kit)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    expected = oracle_of_snapshots(days)
    for key in "ab":
        rows = sorted((r for r in kit.rows("curated.people") if r["id"] == key), key=lambda r: r["valid_from"])
        found = [
            (
                r["name"],
                (r["valid_from"] - start) // timedelta(hours=1),
                None if r["valid_to"] is None else (r["valid_to"] - start) // timedelta(hours=1),
            )
            for r in rows
        ]
        assert found == expected[key]
        assert all(one[2] is not None and one[2] <= two[1] for one, two in pairwise(found))
    kit.close()


def test_the_moment_a_state_begins_may_be_part_of_the_primary_key(kit: Kit) -> None:
    history(kit)
    columns = [line.replace("valid_from timestamp required", "valid_from timestamp key") for line in SNAPSHOT_COLUMNS]
    kit.curated(
        "people",
        columns,
        "SELECT id, name, updated_at FROM raw.shop.people",
        materialization="scd2",
        sequence=["updated_at"],
    )
    snapshot(kit, 0, {"a": ("x", at("2025-12-31"))})
    snapshot(kit, 1, {"a": ("y", at("2026-01-01"))})
    publish(kit)
    assert intervals(kit) == [("x", "12-31 10", "01-01 10"), ("y", "01-01 10", None)]
