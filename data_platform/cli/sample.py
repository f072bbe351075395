"""The work of `sample`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from data_platform.cli.output import print_json, print_table, say, working
from data_platform.errors import ConfigurationError
from data_platform.samples.generator import generate
from data_platform.samples.planted import Planted


def sample(*, out: Path, size: tuple[float, int], seed: int, dirt: float, yes: bool, as_json: bool) -> int:
    """Writes sample files and prints what was planted in them. `size` is scale and days."""
    if out.is_dir() and any(out.iterdir()) and not yes:
        raise ConfigurationError(f"{out} holds files already; files of the same names would be overwritten: say --yes")
    out.mkdir(parents=True, exist_ok=True)
    scale, days = size
    with working(f"writing {days} days at scale {scale:g}"):
        planted = generate(out, scale=scale, seed=seed, dirt=dirt, days=days)
    datasets = sorted({record.dataset for record in planted.files})
    if as_json:
        print_json(
            {
                "out": out,
                "totals": {name: planted.totals(name) for name in datasets},
                "defects": [dict(zip(_COLUMNS, row, strict=True)) for row in _defects(planted)],
            }
        )
        return 0
    rows = [
        (name, sum(f.dataset == name for f in planted.files), planted.totals(name)["source_rows"]) for name in datasets
    ]
    print_table("", ["dataset", "files", "rows"], rows)
    print_table("\nplanted defects", _COLUMNS, _defects(planted))
    say(f"{out / 'planted.json'} says it file by file; ingest with DATA_PLATFORM_SOURCE={out}")
    return 0


_COLUMNS = ("dataset", "defect", "reason", "fate", "rows")


def _defects(planted: Planted) -> list[tuple[str, str, str, str, int]]:
    kinds: Counter[tuple[str, str, str, str]] = Counter()
    for defect in planted.defects:
        kinds[(defect.dataset, defect.kind, defect.reason, str(defect.fate))] += defect.rows
    return [(*kind, rows) for kind, rows in sorted(kinds.items())]
