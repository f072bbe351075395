"""A change of unit is told by the size of a column's numbers, and healthy batches raise nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from data_platform.contracts.model import Contract
from data_platform.contracts.odcs import read_contract_text
from data_platform.publication.scale_watch import Memory, Watched, watch_scales, watched_columns
from data_platform.quality.scales import ENOUGH, LEARNED, MEMORY, Scale, judge_scale
from data_platform_tests.kit import contract

COLUMNS = ("number int", "price decimal(18,2)", "weight double", "celsius double", "pieces int", "at int", "rare int")
SEED = 20260301
Change = Callable[[dict[str, np.ndarray]], None]


@pytest.fixture(scope="module")
def measures() -> Contract:
    return parsed(COLUMNS)


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as found:
        yield found


def parsed(columns: tuple[str, ...], **custom: object) -> Contract:
    text = contract("raw.measures", columns, **{"format": {"kind": "ndjson"}, **custom})
    found = read_contract_text(text.encode(), Path("domains/shop/raw/measures.odcs.yaml"))
    assert found.contract is not None, found.faults
    return found.contract


def batch(draw: np.random.Generator, day: int) -> dict[str, np.ndarray]:
    """A healthy day of a shop: sizes, weekends, growth, running numbers and Unix times all move as they do."""
    rows = int(draw.integers(5, 3000))
    weekend = 1.4 if day % 7 >= 5 else 1.0
    growth = 1.003**day
    return {
        "number": np.arange(rows) + day * 1500 + 1,
        "price": np.round(draw.lognormal(3.2, 0.9, rows) * weekend * growth, 2),
        "weight": draw.lognormal(-1.0, 0.3, rows) * draw.normal(1.0, 0.02),
        "celsius": draw.normal(12 + 10 * np.sin(day / 58), 5.0, rows),
        "pieces": draw.poisson(2.0 * weekend, rows),
        "at": 1_767_225_600 + day * 86_400 + draw.integers(0, 86_400, rows),
        "rare": np.where(draw.random(rows) < 0.02, draw.integers(1, 9000, rows), 0),
    }


def watched(
    con: duckdb.DuckDBPyConnection, measures: Contract, columns: dict[str, np.ndarray], memory: Memory
) -> Watched:
    rows = len(next(iter(columns.values())))
    table = pa.table({**columns, "_record_no": np.arange(1, rows + 1)})
    con.register("staged", table)
    return watch_scales(con, measures, "shop", staged="SELECT * FROM staged").against(memory)


def walked(con: duckdb.DuckDBPyConnection, measures: Contract, *, days: int, seed: int) -> list[Watched]:
    draw = np.random.default_rng(seed)
    found: list[Watched] = []
    for day in range(days):
        found.append(watched(con, measures, batch(draw, day), found[-1].memory if found else {}))
    return found


def test_two_hundred_healthy_batches_raise_nothing(con: duckdb.DuckDBPyConnection, measures: Contract) -> None:
    found = walked(con, measures, days=200, seed=SEED)
    assert [w.check.detail for w in found if w.check.verdict == "failed"] == []
    assert sum(w.check.verdict == "passed" for w in found) > 180
    assert max(len(medians) for medians in found[-1].memory.values()) == MEMORY


@pytest.mark.parametrize("factor", [1000, 100, 60, 3600, 1 / 1000, 1 / 100])
@pytest.mark.parametrize("column", ["price", "weight", "at"])
def test_a_planted_change_of_unit_is_found_in_its_column_alone(
    con: duckdb.DuckDBPyConnection, measures: Contract, column: str, factor: float
) -> None:
    memory = walked(con, measures, days=20, seed=SEED)[-1].memory
    columns = batch(np.random.default_rng(SEED + 9), 20)
    columns[column] = columns[column] * factor
    found = watched(con, measures, columns, memory)
    assert found.check.verdict == "failed"
    assert found.check.severity == "warn"
    assert found.check.detail.startswith(f"{column}: ")
    assert ";" not in found.check.detail
    assert "which may be another unit (ratio " in found.check.detail
    if column != "price":  # which moves too much from day to day to tell 60 from 100
        assert f"(ratio {factor if factor > 1 else round(1 / factor)})" in found.check.detail


def test_a_mile_for_a_kilometre_is_found_where_the_column_stands_still(con: duckdb.DuckDBPyConnection) -> None:
    roads = parsed(("length double",))
    draw = np.random.default_rng(SEED)
    memory: Memory = {}
    for _ in range(LEARNED + 2):
        memory = watched(con, roads, {"length": draw.normal(100.0, 5.0, 2000)}, memory).memory
    found = watched(con, roads, {"length": draw.normal(100.0, 5.0, 2000) / 1.609344}, memory)
    assert "1.61 times as small" in found.check.detail
    assert "(ratio 1.60934)" in found.check.detail


def test_a_jump_goes_on_failing_until_the_numbers_come_back(con: duckdb.DuckDBPyConnection, measures: Contract) -> None:
    memory = walked(con, measures, days=20, seed=SEED)[-1].memory
    draw = np.random.default_rng(SEED)
    for day in range(20, 20 + 2 * MEMORY):
        columns = batch(draw, day)
        columns["price"] = columns["price"] * 100
        found = watched(con, measures, columns, memory)
        assert found.check.verdict == ("failed" if len(columns["price"]) >= ENOUGH else "not_applicable")
        assert found.memory["price"] == memory["price"]
        memory = found.memory
    healed = [watched(con, measures, batch(draw, day), memory).check.verdict for day in (60, 61, 62)]
    assert set(healed) <= {"passed", "not_applicable"}
    assert "passed" in healed


def test_until_enough_is_learned_nothing_is_judged(con: duckdb.DuckDBPyConnection, measures: Contract) -> None:
    draw = np.random.default_rng(SEED)
    memory: Memory = {}
    for day in range(LEARNED):
        columns = {name: values[:40] for name, values in batch(draw, 14 + day).items()}
        columns["price"] = columns["price"] * 1000**day
        found = watched(con, measures, columns, memory)
        assert found.check.verdict == "not_applicable"
        memory = found.memory
    few = {name: values[:29] for name, values in batch(draw, 30).items()}
    few["weight"] = few["weight"] * 1000
    assert watched(con, measures, few, memory).check.verdict == "not_applicable"
    assert watched(con, measures, few, memory).memory == memory


def test_the_same_rows_give_the_same_scales_however_they_are_ordered(
    con: duckdb.DuckDBPyConnection, measures: Contract
) -> None:
    columns = {**batch(np.random.default_rng(SEED), 3)}
    columns = {name: np.tile(values, 40) for name, values in columns.items()}  # more than are looked at
    columns["_record_no"] = np.arange(1, len(columns["at"]) + 1)
    con.register("staged", pa.table(columns))
    forth, back = (
        watch_scales(con, measures, "shop", staged=f"SELECT * FROM staged ORDER BY _record_no {way}")
        for way in ("ASC", "DESC")
    )
    assert forth == back
    assert 19_000 < forth.of["at"].values < 21_000


def test_names_and_places_are_no_measures() -> None:
    found = parsed(
        ("amount decimal(9,2)", "serial int", "cdc_lsn int", "cdc_op string required", "label string"),
        format={"kind": "ndjson", "envelope": "debezium"},
    )
    assert [column.name for column in watched_columns(found)] == ["amount", "serial"]
    text = contract("raw.measures", ("amount decimal(9,2)", "serial int"), format={"kind": "ndjson"})
    text = text.replace(
        "name: serial\n", "name: serial\n    customProperties: [{property: platform.scale_check, value: false}]\n"
    )
    excused = read_contract_text(text.encode(), Path("domains/shop/raw/measures.odcs.yaml")).contract
    assert excused is not None
    assert [column.name for column in watched_columns(excused)] == ["amount"]


def test_what_no_unit_explains_is_told_from_five_times_on() -> None:
    before = [2.0] * LEARNED
    far = Scale(100_000, 5.0, 7.0, 9.0)
    jump = judge_scale("c", before, far)
    assert jump is not None
    assert (jump.unit, round(jump.factor, 3)) == (None, 148.413)
    assert judge_scale("c", before, Scale(1000, 1.5, 3.5, 5.5)) is None
    assert judge_scale("c", [*before, 7.0], far) is None  # it has been there before
