"""A shop of three layers, and runs of its assets in a Dagster instance of the test's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from data_platform.contracts.days import DayRange
from data_platform.orchestration.build import definitions_of
from data_platform.orchestration.location import Location, asset_key, load_location
from data_platform.orchestration.partitions import range_tags
from data_platform_tests.kit import Kit, at, csv_text, dataset

FIELDS = ("order_id", "ordered_at", "amount", "note")
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def shop(kit: Kit) -> Kit:
    """Orders by day, revenue by day, and a whole table of totals that refuses a negative total."""
    kit.raw(
        "orders",
        ("order_id string required", "ordered_at timestamp required", "amount decimal(12,2)", "note string internal"),
        watermark="ordered_at",
    )
    kit.curated(
        "orders",
        (
            "order_id string key",
            "ordered_at timestamp required",
            "day date required partition",
            "amount decimal(12,2) required min=-100 max=1000",
            "note string internal",
        ),
        "SELECT order_id, ordered_at, CAST(ordered_at AT TIME ZONE 'UTC' AS DATE) AS day, amount, note\n"
        "FROM raw.shop.orders\n",
        materialization="admit",
        dedupe_key=["order_id"],
    )
    kit.served(
        "revenue",
        ("day date key partition", "total decimal(38,2) required min=0"),
        "SELECT day, sum(amount) AS total FROM curated.shop.orders\n"
        "WHERE day >= $partition_start AND day < $partition_end GROUP BY day\n",
        materialization="partition",
    )
    kit.served(
        "totals",
        ("orders int required",),
        "SELECT count(*) AS orders FROM curated.shop.orders\n",
        materialization="table",
    )
    return kit


def drop(kit: Kit, name: str, *rows: tuple[str, str, str]) -> None:
    """A file of orders: (order_id, day, amount)."""
    kit.drop(
        f"orders/{name}", csv_text(FIELDS, [(order, at(day), amount, "secret words") for order, day, amount in rows])
    )


@dataclass
class Told:
    """Remembers what steps said about their progress."""

    ended_with: dict[str, str] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)

    def started(self, dataset: str) -> None:
        pass

    def ended(self, dataset: str, *, error: Exception | None, seconds: float, message: str) -> None:
        self.ended_with[dataset] = type(error).__name__ if error else "ok"
        self.messages[dataset] = message


@dataclass
class Shop:
    """The kit with its definitions and one instance."""

    kit: Kit
    instance: dg.DagsterInstance
    told: Told = field(default_factory=Told)

    @property
    def location(self) -> Location:
        return load_location(self.kit.platform.settings)

    def run(
        self, *names: str, days: DayRange | None = None, job: str | None = None, partition: str | None = None
    ) -> dg.ExecuteInProcessResult:
        definitions = definitions_of(self.location, platform=self.kit.platform, progress=self.told)
        chosen = definitions.resolve_job_def(job) if job else definitions.resolve_implicit_global_asset_job_def()
        keys = [asset_key(dataset(name)) for name in names] or None
        tags = dict(range_tags(days)) if days else {}
        return chosen.execute_in_process(
            instance=self.instance,
            asset_selection=keys,
            tags=tags,
            raise_on_error=False,
            partition_key=partition,
            run_config=_QUIET,
        )

    def materialized(self, name: str) -> dict[str | None, Mapping[str, Any]]:
        """Metadata of the newest materialization of each partition."""
        records = self.instance.fetch_materializations(asset_key(dataset(name)), limit=1000).records
        return {
            r.partition_key: {k: v.value for k, v in r.asset_materialization.metadata.items()}
            for r in reversed(records)
            if r.asset_materialization
        }


@contextmanager
def opened(kit: Kit) -> Iterator[Shop]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Shop(shop(kit), instance)


def verdicts(result: dg.ExecuteInProcessResult, name: str) -> dict[str, str]:
    """Verdict by check, as the run reported them."""
    key = asset_key(dataset(name))
    return {
        e.check_name: str(e.metadata["verdict"].value)
        for e in result.get_asset_check_evaluations()
        if e.asset_key == key
    }


def declared(shop_: Shop, name: str) -> Sequence[str]:
    graph = definitions_of(shop_.location).resolve_asset_graph()
    return sorted(key.name for key in graph.get(asset_key(dataset(name))).check_keys)
