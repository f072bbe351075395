"""Of 50 mutants of publication, formats and quality drawn at random, at least 45 are caught by the tests.

`MUTANTS_SEED` repeats a draw; `MUTANTS_COUNT` draws fewer. Equivalent mutants are named one by one below.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("publication", "formats", "quality")
TESTS = {
    "formats": ("data_platform_tests/unit/formats",),
    "quality": ("data_platform_tests/unit/quality", "data_platform_tests/integration/core/test_publishing.py"),
    "publication": ("data_platform_tests/unit/publication", "data_platform_tests/integration/core"),
}
# mutant -> why no test could tell it from the original
EQUIVALENT: dict[str, str] = {}


@pytest.mark.campaign
def test_at_least_nine_of_ten_mutants_are_caught(tmp_path: Path) -> None:
    pytest.importorskip("cosmic_ray", reason="install cosmic-ray to run the mutation campaign")
    from data_platform_tests.campaigns.mutants import draw, survives

    seed = int(os.environ.get("MUTANTS_SEED", "20261122"))
    count = int(os.environ.get("MUTANTS_COUNT", "50"))
    print(f"seed {seed}, {count} mutants")
    survivors = []
    for mutant in draw(ROOT, PACKAGES, count=count, seed=seed):
        tests = TESTS[mutant.file.split("/")[1]]
        is_alive = survives(ROOT, mutant, tests, tmp_path, timeout_seconds=900)
        print(f"{'ALIVE ' if is_alive else 'caught'} {mutant}", flush=True)
        if is_alive and str(mutant) not in EQUIVALENT:
            survivors.append(str(mutant))
    assert len(survivors) <= count // 10, "\n".join(survivors)
