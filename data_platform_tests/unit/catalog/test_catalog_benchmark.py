from __future__ import annotations

from pathlib import Path

from data_platform.benchmarks.catalog import measure_catalog
from data_platform.benchmarks.catalog_estate import EstateSize, generate


def test_the_benchmark_loads_an_estate_of_the_size_asked_for_and_asks_it(tmp_path: Path) -> None:
    size = EstateSize(datasets=60, columns=300, edges=90, events=10)
    estate = generate(size)
    assert (len(estate), sum(len(one.columns) for one in estate)) == (60, 300)
    found = measure_catalog(tmp_path, size=size, questions=3, report=lambda _: None)
    assert found.events == 60 * 3 + 10
    assert [timing.name for timing in found.timings] == [
        "search", "lineage, depth 5", "column lineage, depth 5", "impact of a dataset", "impact of a column", "entry page",
    ]  # fmt: skip
