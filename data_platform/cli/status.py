"""The work of `status` and `warehouse`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from data_platform.cli.environment import platform_here, watching_here
from data_platform.cli.output import plain, print_json, print_table, say, working
from data_platform.cli.standing import COLUMNS, Standings, row_of
from data_platform.contracts.model import Layer
from data_platform.transforms.graph import inputs_of
from data_platform.wiring.platform import Platform


def status(*, as_json: bool) -> int:
    """Shows every dataset; 1 if one is missing, pending or unbalanced, or if a file of the project is faulty."""
    with watching_here() as platform, working("looking at every dataset"):
        standings = Standings(platform).all()
        states = _states(platform)
        faults = platform.soundness.faults
        faulty = {part.name: part.faults for part in platform.soundness.parts if part.dataset is not None}
        rejected = platform.metastore.batches.rejections()
    if as_json:
        shown = [
            {
                **plain(each),
                "is_stale": states[each.dataset] == "stale",
                "is_faulty": each.dataset in faulty,
                "rejected": _by_reason(rejected, each.dataset),
            }
            for each in standings
        ]
        hidden = sorted(faulty.keys() - states.keys())
        print_json([*shown, *({"dataset": name, "is_faulty": True, "faults": faulty[name]} for name in hidden)])
    else:
        rows = [(*row_of(each), states[each.dataset]) for each in standings]
        print_table("", [*COLUMNS, "state"], rows)
        _say_rejected(rejected)
    return 0 if all(each.is_sound for each in standings) and not faults else 1


def _states(platform: Platform) -> dict[str, str]:
    """Whether each dataset's files are faulty, or it has to be computed again; empty where all is well."""
    staleness, found = platform.staleness, {}
    faulty = {part.name for part in platform.soundness.parts}
    for name, dataset in platform.project.datasets.items():
        is_whole = platform.project.datasets.keys() >= set(inputs_of(dataset))
        is_stale = name.layer is not Layer.RAW and is_whole and bool(staleness.of(name))
        found[str(name)] = "faulty" if str(name) in faulty else "stale" if is_stale else ""
    return found


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
    with platform_here() as platform, working("building the warehouse file"):
        build = platform.served_file.build(platform.run())
    if as_json:
        print_json(build)
        return 0
    print_table("", ["dataset", "version", "rows"], [(n, v, build.rows[n]) for n, v in build.versions.items()])
    say(f"{build.file} {'was built' if build.rebuilt else 'says this already'}; open it with any DuckDB client")
    return 0
