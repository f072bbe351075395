"""Of 50 mutants of publication, formats and quality drawn at random, at least 45 are caught by the tests.

`pytest -m campaign -n 0 -s data_platform_tests/campaigns/test_mutants.py` shows each as it is judged. MUTANTS_SEED
repeats a draw, MUTANTS_COUNT draws another number, MUTANTS_AT_ONCE tries several at a time.
An equivalent mutant (equivalents.py) that is drawn is named, and the next is drawn in its place.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from data_platform_tests.campaigns.equivalents import EQUIVALENT

if TYPE_CHECKING:
    from data_platform_tests.campaigns.mutants import Mutant

ROOT = Path(__file__).resolve().parents[2]
# What is likely to catch a mutant of the package comes first.
NEAR = {
    "formats": ("unit/formats", "integration/core/test_ingestion.py"),
    "quality": ("unit/quality", "integration/core"),
    "publication": ("unit/publication", "integration/core", "integration/orchestration"),
}
# Tried only on what survives the tests near it.
WHOLE_WAY = tuple(
    f"end_to_end/test_{name}.py"
    for name in ("bad_orders", "metastore_lost", "demo_ledger", "retail", "operator_commands", "torn_heads")
)


@pytest.mark.campaign
def test_at_least_nine_of_ten_mutants_are_caught(tmp_path: Path) -> None:
    pytest.importorskip("cosmic_ray", reason="install cosmic-ray to run the mutation campaign")
    from data_platform_tests.campaigns.mutants import drawn
    from data_platform_tests.campaigns.trials import Outcome, Trials

    seed = int(os.environ.get("MUTANTS_SEED", "20261122"))
    count = int(os.environ.get("MUTANTS_COUNT", "50"))
    at_once = int(os.environ.get("MUTANTS_AT_ONCE", "1"))
    print(f"\nseed {seed}, {count} mutants")
    trials = Trials(ROOT, tmp_path)

    def outcome(mutant: Mutant) -> Outcome:
        trial = trials.judge(mutant, (NEAR[mutant.file.split("/")[1]], WHOLE_WAY))
        print(f"{trial.outcome:6} {trial.seconds:4.0f} s {mutant}\n       {trial.said}", flush=True)
        return trial.outcome

    mutants = list(islice(_not_equivalent(drawn(ROOT, tuple(NEAR), seed=seed)), count))
    with ThreadPoolExecutor(at_once) as pool:
        outcomes = list(pool.map(outcome, mutants))
    survivors = [str(mutant) for mutant, one in zip(mutants, outcomes, strict=True) if one is Outcome.ALIVE]
    print(f"{count - len(survivors)} of {count} caught")
    assert len(survivors) <= count // 10, "\n".join(survivors)


def _not_equivalent(mutants: Iterable[Mutant]) -> Iterator[Mutant]:
    for mutant in mutants:
        if reason := EQUIVALENT.get(str(mutant)):
            print(f"equivalent: {mutant}\n       {reason}")
        else:
            yield mutant
