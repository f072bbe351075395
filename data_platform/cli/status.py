"""The work of `status` and `warehouse`."""

from __future__ import annotations

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
    if as_json:
        print_json([{**plain(each), "is_stale": each.dataset in stale} for each in standings])
    else:
        rows = [(*row_of(each), "stale" if each.dataset in stale else "") for each in standings]
        print_table("", [*COLUMNS, "state"], rows)
    return 0 if all(each.is_sound for each in standings) else 1


def build_warehouse(*, as_json: bool) -> int:
    """Builds the served layer's file where it is not current."""
    with platform_here() as platform, working("building the warehouse file"):
        served = [set_.contract for name, set_ in platform.project.datasets.items() if name.layer is Layer.SERVED]
        build = platform.warehouse.build(served)
    if as_json:
        print_json(build)
        return 0
    print_table("", ["dataset", "version", "rows"], [(n, v, build.rows[n]) for n, v in build.versions.items()])
    say(f"{build.file} {'was built' if build.rebuilt else 'says this already'}; open it with any DuckDB client")
    return 0
