"""Keeps what `contracts diff` found of each changed contract: a change in force can then be told to be checked."""

from __future__ import annotations

import getpass
from collections.abc import Iterator

from data_platform.cli.contract_diff import Diff
from data_platform.cli.contract_trees import Tree
from data_platform.cli.environment import platform_here
from data_platform.contracts.compatibility_verdicts import BREAKING
from data_platform.metastore.contract_checks import ContractCheckEntry
from data_platform.wiring.platform import Platform


def record(base: Tree, head: Tree, found: Diff) -> int:
    """Records one verdict for each contract whose text differs; gives how many."""
    with platform_here() as platform:
        checks = tuple(_checks(platform, base, head, found))
        platform.metastore.operations.contract_checks.record(checks)
    return len(checks)


def _checks(platform: Platform, base: Tree, head: Tree, found: Diff) -> Iterator[ContractCheckEntry]:
    judged = {one.dataset: one for one in found.datasets}
    for name in sorted(base.names & head.names):
        was, now = base.contract(name), head.contract(name)
        if was is None or now is None or was.sha256 == now.sha256:
            continue
        one = judged.get(name)
        is_breaking = one is not None and any(seen.change.readers is BREAKING for seen in one.changes)
        yield ContractCheckEntry(
            dataset=str(name),
            before_sha256=was.sha256,
            after_sha256=now.sha256,
            verdict="breaking" if is_breaking else "compatible",
            is_allowed=not found.faults and (one is None or not one.refused),
            at=platform.clock.now(),
            who=getpass.getuser(),
        )
