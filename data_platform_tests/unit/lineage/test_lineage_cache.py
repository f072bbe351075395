from __future__ import annotations

from pathlib import Path

import data_platform
from data_platform.contracts.domains import discover
from data_platform.contracts.model import DatasetName
from data_platform.lineage.facts import ColumnLineage, Edge, Influence, SourceColumn
from data_platform.lineage.lineage_cache import LineageCache
from data_platform.lineage.project_lineage import ProjectLineage

COMMERCE = discover([Path(data_platform.__file__).parent / "domains"])
ORDERS = DatasetName.parse("curated.commerce.orders")
KEPT = ColumnLineage(
    edges={
        "a": frozenset({Edge(SourceColumn("raw.c.o", "a"), Influence.IDENTITY)}),
        "one": frozenset(),
    },
    rows=frozenset({Edge(SourceColumn("orders", "b", "kafka://broker:9092"), Influence.FILTER)}),
    unresolved=("x",),
    is_rows_known=False,
)


def parts(lineage: ColumnLineage) -> tuple[object, ...]:
    return lineage.edges, lineage.rows, lineage.unresolved, lineage.is_rows_known


def test_what_was_kept_comes_back_whole_and_under_its_own_key_only(tmp_path: Path) -> None:
    cache = LineageCache(tmp_path / "lineage")
    assert cache.get("k", "1") is None
    cache.put(KEPT, "k", "1")
    again = cache.get("k", "1")
    assert again is not None
    assert parts(again) == parts(KEPT)
    assert cache.get("k", "2") is None


def test_a_torn_file_or_a_folder_that_cannot_be_written_only_costs_the_work(tmp_path: Path) -> None:
    cache = LineageCache(tmp_path / "lineage")
    cache.put(KEPT, "k")
    (file,) = (tmp_path / "lineage").iterdir()
    file.write_text(file.read_text()[:20])
    assert cache.get("k") is None
    (tmp_path / "file").write_text("")
    LineageCache(tmp_path / "file" / "below").put(KEPT, "k")


def test_a_projects_lineage_is_the_same_from_the_cache(tmp_path: Path) -> None:
    cache = LineageCache(tmp_path)
    worked_out = ProjectLineage(COMMERCE, cache=cache).of(ORDERS)
    (file,) = tmp_path.iterdir()
    kept = file.read_bytes()
    assert parts(ProjectLineage(COMMERCE, cache=cache).of(ORDERS)) == parts(worked_out)
    assert file.read_bytes() == kept
