"""Deletions, truncations and rows without meaning in a change feed: what becomes of keys, of the rows, of the ledger."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_platform.publication.decisions import Decision
from data_platform_tests.kit import EXAMPLES, Kit, ndjson_text

START = datetime(2026, 1, 1, tzinfo=UTC)
RAW = (
    "id string required",
    "name string required",
    "op string required",
    "seq string required",
    "ts timestamp required",
)
MERGED = ("id string key", "name string required pattern=^[a-z]*$", "ts timestamp required")
HISTORY = (*MERGED[:2], "valid_from timestamp required", "valid_to timestamp", "is_current boolean required")
FEED = {"column": "op", "values": ["d"], "truncates": ["t"], "ignores": ["m"]}


@dataclass(frozen=True)
class Change:
    """One operation of the source: `seq` None for control rows, `key` None for truncations and control rows."""

    op: str
    seq: int | None = None
    key: str | None = None
    name: str | None = None
    day: int = 0  # since START

    @property
    def moment(self) -> datetime:
        return START + timedelta(days=self.day)

    def row(self) -> dict[str, Any]:
        seq = None if self.seq is None else f"{self.seq:08}"
        return {"id": self.key, "name": self.name, "op": self.op, "seq": seq, "ts": f"{self.moment:%Y-%m-%dT%H:%M:%SZ}"}


def feed(kit: Kit, materialization: str, **custom: Any) -> Kit:
    is_merge = materialization == "merge"
    kit.raw("people", RAW, format={"kind": "ndjson"}, watermark="ts", allowed_lateness="P999D")
    kit.curated(
        "people",
        MERGED if is_merge else HISTORY,
        f"SELECT id, name{', ts' if is_merge else ''} FROM raw.shop.people",
        **{"materialization": materialization, "sequence": ["seq"], "deletes": FEED} | custom,
    )
    return kit


def deliver(kit: Kit, number: int, changes: Iterable[Change]) -> None:
    text = ndjson_text([change.row() for change in changes])
    is_own = " " * number  # a file with the bytes of another would be the same delivery
    kit.drop(f"people/{number}.ndjson", text.removesuffix("\n") + is_own + "\n")
    kit.ingest("people")


def publish(kit: Kit, *changes: Change, number: int = 0) -> None:
    deliver(kit, number, changes)
    kit.materialize("curated.people")
    assert set(kit.residuals("curated.people")) <= {0}


def names(kit: Kit) -> dict[str, str]:
    return {row["id"]: row["name"] for row in kit.rows("curated.people")}


def totals(kit: Kit) -> dict[str, int]:
    found: Counter[str] = Counter()
    for line in kit.ledger("curated.people").values():
        found.update(line)
    return dict(found)


def intervals(kit: Kit) -> dict[str, list[tuple[str, datetime, datetime | None]]]:
    found: dict[str, list[tuple[str, datetime, datetime | None]]] = defaultdict(list)
    for row in sorted(kit.rows("curated.people"), key=lambda row: row["valid_from"]):
        assert row["is_current"] is (row["valid_to"] is None)
        found[row["id"]].append((row["name"], row["valid_from"], row["valid_to"]))
    return dict(found)


# ---- what one row does


def test_a_deletion_that_carries_only_its_key_deletes_it(kit: Kit) -> None:
    feed(kit, "merge")
    publish(kit, Change("c", 1, "a", "x"), Change("d", 2, "a"), Change("c", 1, "b", "y"))
    assert names(kit) == {"b": "y"}
    assert totals(kit) == {"raw": 3, "applied": 2, "superseded": 1}


def test_a_deletion_without_its_key_or_its_place_in_the_order_is_quarantined(kit: Kit) -> None:
    feed(kit, "merge")
    publish(kit, Change("c", 1, "a", "x"), Change("d", 2), Change("d", None, "a"))
    assert names(kit) == {"a": "x"}
    assert totals(kit) == {"raw": 3, "applied": 1, "quarantined": 2}
    # a name is required too, in raw and in curated, but of a deletion nobody asks it
    assert sorted(row["rules"] for row in kit.held("curated.people")) == [
        "raw_id_not_null,id_not_null",
        "raw_seq_not_null",
    ]


def test_equal_deletions_of_one_place_are_one_deletion_whatever_else_they_carry(kit: Kit) -> None:
    feed(kit, "merge")
    publish(kit, Change("c", 1, "a", "x"), Change("d", 2, "a"), Change("d", 2, "a", "x"))
    assert names(kit) == {}
    assert totals(kit) == {"raw": 3, "applied": 1, "superseded": 1, "unchanged": 1}


def test_a_truncation_ends_the_keys_before_it_and_spares_those_after_it(kit: Kit) -> None:
    feed(kit, "merge")
    after = [Change("c", 4, "a", "back"), Change("c", 5, "c", "new")]
    before = [Change("c", 1, "a", "x"), Change("c", 2, "b", "y")]
    publish(kit, *after, Change("t", 3), *before)
    assert names(kit) == {"a": "back", "c": "new"}
    assert totals(kit) == {"raw": 5, "applied": 3, "superseded": 2}


def test_a_truncation_closes_the_intervals_of_a_history_at_its_moment(kit: Kit) -> None:
    feed(kit, "scd2")
    publish(
        kit,
        Change("c", 1, "a", "x", day=1),
        Change("t", 3, day=5),
        Change("c", 2, "b", "y", day=2),
        Change("d", 2, "c", day=3),
        Change("c", 4, "a", "x", day=7),
    )
    day = [START + timedelta(days=number) for number in range(10)]
    assert intervals(kit) == {"a": [("x", day[1], day[5]), ("x", day[7], None)], "b": [("y", day[2], day[5])]}
    assert totals(kit) == {"raw": 5, "applied": 5}


def test_a_repeated_truncation_is_unchanged_and_one_without_its_place_is_quarantined(kit: Kit) -> None:
    feed(kit, "merge")
    publish(kit, Change("c", 1, "a", "x"), Change("t", 3), Change("t", 3), Change("t"))
    assert names(kit) == {}
    assert totals(kit) == {"raw": 4, "applied": 1, "superseded": 1, "unchanged": 1, "quarantined": 1}
    assert [row["rules"] for row in kit.held("curated.people")] == ["raw_seq_not_null"]


@pytest.mark.parametrize("how", ["merge", "scd2"])
def test_rows_that_say_nothing_change_nothing_and_break_no_rule(kit: Kit, how: str) -> None:
    feed(kit, how)
    publish(kit, Change("m"), Change("c", 1, "a", "x"), Change("m", 9, "a", "BAD"), Change("m"))
    assert names(kit) == {"a": "x"}
    assert totals(kit) == {"raw": 4, "applied": 1, "unchanged": 3}
    assert kit.held("curated.people") == []


def test_a_state_keeps_every_rule_and_is_released_by_a_person_only(kit: Kit) -> None:
    feed(kit, "merge")
    publish(kit, Change("c", 1, "a", "x"), Change("u", 2, "a", "BAD"), Change("t", 3), Change("c", 4, "b", "ALSO"))
    assert names(kit) == {}
    assert totals(kit) == {"raw": 4, "applied": 1, "superseded": 1, "quarantined": 2}
    kit.decide("curated.people", Decision.RELEASE, kit.held("curated.people"))
    kit.materialize("curated.people")
    assert names(kit) == {"b": "ALSO"}
    assert totals(kit) == {"raw": 4, "applied": 2, "superseded": 2}


def test_a_sequence_of_several_columns_is_compared_one_after_the_other(kit: Kit) -> None:
    kit.raw("people", ("id string", "op string", "tx int required", "no int required"), format={"kind": "ndjson"})
    kit.curated(
        "people",
        ("id string key",),
        "SELECT id FROM raw.shop.people",
        materialization="merge",
        sequence=["tx", "no"],
        deletes=FEED,
    )
    rows = [("a", "c", 1, 9), ("b", "c", 2, 1), (None, "t", 2, 2), ("c", "c", 2, 3), ("d", "c", 3, 0)]
    keyed = [dict(zip(("id", "op", "tx", "no"), row, strict=True)) for row in rows]
    kit.drop("people/1.ndjson", ndjson_text(keyed))
    kit.ingest("people")
    kit.materialize("curated.people")
    assert [row["id"] for row in kit.rows("curated.people")] == ["c", "d"]


# ---- many operations in any order of arrival equal the source


Operation = tuple[str, str, str]
operations = st.lists(
    st.tuples(st.sampled_from("uuuuuddttm"), st.sampled_from("abc"), st.sampled_from("xyz")), min_size=1, max_size=14
)


def happened(chosen: Sequence[Operation]) -> list[Change]:
    """The operations as a source would log them, in its order; days pass, but not at each operation."""
    changes = []
    for number, (op, key, name) in enumerate(chosen):
        day = (number * 2) // 3
        match op:
            case "m":
                changes.append(Change("m", day=day))
            case "t":
                changes.append(Change("t", number, day=day))
            case "d":
                changes.append(Change("d", number, key, day=day))
            case _:
                changes.append(Change("u", number, key, name, day=day))
    return changes


def shuffled(changes: Sequence[Change], seed: int) -> list[list[Change]]:
    """The changes, some of them twice, out of order and in batches."""
    rng = random.Random(seed)
    delivered = [*changes, *(change for change in changes if rng.random() < 0.3)]
    rng.shuffle(delivered)
    cuts = sorted(rng.choices(range(len(delivered) + 1), k=rng.randint(0, 3)))
    batches = [delivered[a:b] for a, b in zip([0, *cuts], [*cuts, len(delivered)], strict=True)]
    return [batch for batch in batches if batch]


def source_now(changes: Iterable[Change]) -> dict[str, str]:
    """The source table after its operations, in its order."""
    table: dict[str, str] = {}
    for change in changes:
        match change.op:
            case "t":
                table.clear()
            case "d":
                table.pop(str(change.key), None)
            case "u":
                table[str(change.key)] = str(change.name)
    return table


def source_history(changes: Sequence[Change]) -> dict[str, list[tuple[str, datetime, datetime | None]]]:
    """What each key was from when to when, by looking at the source at the end of each day."""
    seen: dict[str, list[tuple[str, datetime, datetime | None]]] = defaultdict(list)
    for day in sorted({change.day for change in changes}):
        moment = START + timedelta(days=day)
        table = source_now(change for change in changes if change.day <= day)
        for key in "abc":
            last = seen[key][-1] if seen[key] else None
            is_open = last is not None and last[2] is None
            if last is not None and is_open and last[0] != table.get(key):
                seen[key][-1] = (last[0], last[1], moment)
                is_open = False
            if key in table and not is_open:
                seen[key].append((table[key], moment, None))
    return {key: kept for key, kept in seen.items() if kept}


def merge_fates(changes: Sequence[Change], delivered: int) -> dict[str, int]:
    """Fates of one copy of each change; every further copy is unchanged."""
    fates: Counter[str] = Counter(raw=delivered, unchanged=delivered - len(changes))
    last_cut = max((change.seq for change in changes if change.op == "t" and change.seq is not None), default=-1)
    newest = {change.key: change.seq for change in changes if change.op in "ud"}
    for change in changes:
        if change.op == "m":
            fates["unchanged"] += 1
        elif change.op == "t" or (change.seq == newest[change.key] and change.seq > last_cut):
            fates["applied"] += 1
        else:
            fates["superseded"] += 1
    return {fate: rows for fate, rows in fates.items() if rows}


@EXAMPLES
@given(chosen=operations, seed=st.integers(0, 999))
def test_a_merge_of_any_delivery_equals_the_source_table(
    tmp_path_factory: pytest.TempPathFactory, chosen: list[Operation], seed: int
) -> None:
    kit = feed(Kit(tmp_path_factory.mktemp("merge")), "merge")
    changes = happened(chosen)
    batches = shuffled(changes, seed)
    for number, batch in enumerate(batches):
        deliver(kit, number, batch)
    kit.materialize("curated.people")
    assert names(kit) == source_now(changes)
    assert totals(kit) == merge_fates(changes, sum(map(len, batches)))
    assert set(kit.residuals("curated.people")) <= {0}
    kit.close()


@EXAMPLES
@given(chosen=operations, seed=st.integers(0, 999))
def test_a_history_of_any_delivery_equals_what_the_source_was_day_by_day(
    tmp_path_factory: pytest.TempPathFactory, chosen: list[Operation], seed: int
) -> None:
    kit = feed(Kit(tmp_path_factory.mktemp("scd2")), "scd2")
    changes = happened(chosen)
    for number, batch in enumerate(shuffled(changes, seed)):
        deliver(kit, number, batch)
    kit.materialize("curated.people")
    assert intervals(kit) == source_history(changes)
    assert set(kit.residuals("curated.people")) <= {0}
    kit.close()


# ---- Debezium's envelopes


def envelope(op: str, lsn: int, *, before: dict[str, Any] | None = None, after: dict[str, Any] | None = None) -> Any:
    at_ms = int((START + timedelta(days=lsn)).timestamp() * 1000)
    source = {"connector": "postgresql", "db": "shop", "schema": "public", "table": "people", "lsn": lsn}
    source |= {"ts_ms": at_ms, "txId": lsn, "sequence": f'["{lsn}","{lsn}"]', "snapshot": "false"}
    return {"before": before, "after": after, "op": op, "ts_ms": at_ms, "source": source}


def test_debezium_envelopes_are_merged_without_a_word_about_deletions(kit: Kit) -> None:
    kit.raw(
        "people",
        (
            "id int required",
            "name string required",
            "cdc_op string required",
            "cdc_ts timestamp required",
            "cdc_sequence string required",
        ),
        format={"kind": "ndjson", "envelope": "debezium"},
        watermark="cdc_ts",
        allowed_lateness="P999D",
    )
    kit.curated(
        "people",
        ("id int key", "name string required"),
        "SELECT id, name FROM raw.shop.people",
        materialization="merge",
        sequence=["cdc_sequence"],
    )
    events = [
        envelope("c", 9, after={"id": 3, "name": "new"}),
        envelope("r", 1, after={"id": 1, "name": "old"}),
        envelope("d", 3, before={"id": 2}),
        None,  # the tombstone behind a deletion
        envelope("u", 2, before={"id": 2}, after={"id": 2, "name": "x"}),
        envelope("t", 5),
        envelope("c", 10, after={"id": 4, "name": "gone"}),
        envelope("d", 11, before={"id": 4, "name": None}),
    ]
    kit.drop("people/1.ndjson", "".join(json.dumps(event) + "\n" for event in events))
    kit.ingest("people")
    kit.materialize("curated.people")
    assert [(row["id"], row["name"]) for row in kit.rows("curated.people")] == [(3, "new")]
    assert totals(kit) == {"raw": 8, "applied": 3, "superseded": 4, "unchanged": 1}
    assert kit.held("curated.people") == []
