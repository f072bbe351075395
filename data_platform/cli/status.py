"""The work of `status` and `warehouse`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from data_platform.cli.environment import platform_here
from data_platform.cli.output import plain, print_json, print_table, say, working
from data_platform.cli.standing import COLUMNS, Standings, row_of
from data_platform.contracts.model import Layer


def status(*, as_json: bool) -> int:
    """Shows every dataset; 1 if one is missing, pending or unbalanced."""
    with platform_here() as platform, working("looking at every dataset"):
        standings = Standings(platform).all()
        stale = {
            str(name) for name in platform.graph.order if name.layer is not Layer.RAW and platform.staleness.of(name)
        }
        rejected = platform.metastore.batches.rejections()
    if as_json:
        by_dataset = {each.dataset: _by_reason(rejected, each.dataset) for each in standings}
        print_json(
            [
                {**plain(each), "is_stale": each.dataset in stale, "rejected": by_dataset[each.dataset]}
                for each in standings
            ]
        )
    else:
        rows = [(*row_of(each), "stale" if each.dataset in stale else "") for each in standings]
        print_table("", [*COLUMNS, "state"], rows)
        _say_rejected(rejected)
    return 0 if all(each.is_sound for each in standings) else 1


def _by_reason(rejected: Mapping[tuple[str, str, str], int], dataset: str) -> dict[str, int]:
    """Items of a dataset rejected so far; a file that was rejected whole counts as one."""
    found: Counter[str] = Counter()
    for (of, _, reason), items in rejected.items():
        if of == dataset:
            found[reason] += items
    return dict(sorted(found.items()))


def _say_rejected(rejected: Mapping[tuple[str, str, str], int]) -> None:
    for dataset in sorted({of for of, _, _ in rejected}):
        reasons = _by_reason(rejected, dataset)
        told = ", ".join(f"{items:,} {reason}" for reason, items in reasons.items())
        say(f"rejected so far from {dataset}: {sum(reasons.values()):,} ({told})")
    if rejected:
        say("`data-platform rejected list DATASET` shows where in the source")


def build_warehouse(*, as_json: bool) -> int:
    """Builds the served layer's file where it is not current."""
    with platform_here() as platform, working("building the warehouse file"), platform.meter.work("warehouse"):
        served = [set_.contract for name, set_ in platform.project.datasets.items() if name.layer is Layer.SERVED]
        build = platform.warehouse.build(served)
    if as_json:
        print_json(build)
        return 0
    print_table("", ["dataset", "version", "rows"], [(n, v, build.rows[n]) for n, v in build.versions.items()])
    say(f"{build.file} {'was built' if build.rebuilt else 'says this already'}; open it with any DuckDB client")
    return 0
