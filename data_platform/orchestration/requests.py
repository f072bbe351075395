"""A plan as run requests for Dagster's daemon. Light to import: what reads ledgers is loaded when somebody asks."""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module
from typing import TYPE_CHECKING

import dagster as dg

from data_platform.contracts.model import DatasetName
from data_platform.orchestration.location import Location, asset_key
from data_platform.orchestration.partitions import range_tags
from data_platform.orchestration.planning import make_plan
from data_platform.orchestration.run_tracing import trace_tags

if TYPE_CHECKING:
    from data_platform.orchestration.planning import Block
    from data_platform.wiring.platform import Platform


def stale_requests(
    location: Location, platform: Platform, *, only: Collection[DatasetName] | None = None
) -> list[dg.RunRequest]:
    """The runs of the plan's first wave: a run for each range, with exactly the datasets that are stale in it.

    Later waves are asked for when the first is done.
    """
    facts = import_module("data_platform.orchestration.facts").LedgerFacts(location, platform)
    plan = make_plan(facts, only=only)
    return [
        dg.RunRequest(
            run_key=facts.run_key(block),
            asset_selection=[asset_key(name) for name in block.datasets],
            tags=(dict(range_tags(block.days)) if block.days else {}) | _trace_tags(location, platform, block),
        )
        for block in (plan.waves[0] if plan.waves else ())
    ]


def _trace_tags(location: Location, platform: Platform, block: Block) -> dict[str, str]:
    spans = import_module("data_platform.orchestration.run_spans")
    return trace_tags(spans.news_for(location, platform, block.datasets))
