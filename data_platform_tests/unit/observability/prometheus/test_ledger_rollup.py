"""Counters that outlive processes and pruned history: whatever happens between, they say what a count of all says."""

from __future__ import annotations

import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from data_platform.errors import RetryableError
from data_platform.metastore.batches import BatchEntry
from data_platform.metastore.checks import CheckEntry
from data_platform.metastore.engine import Metastore, open_metastore
from data_platform.metastore.run_meters import RunMeterEntry
from data_platform.metastore.runs import RunEntry
from data_platform.metastore.security_events import SecurityEvent
from data_platform.metastore.tables import RunState
from data_platform.metastore.usage_tables import METRIC_ROLLUPS
from data_platform.observability.exposition import Form
from data_platform.observability.prometheus.metrics import Metrics

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
RAW, MORE = "raw.shop.orders", "raw.shop.visits"
FOLLOWERS = {RAW: ("curated.shop.orders", "served.shop.sales"), MORE: ("curated.shop.visits", "served.shop.sales")}
SOURCES = {(RAW, "till"): FOLLOWERS[RAW], (RAW, "web"): FOLLOWERS[RAW], (MORE, "web"): FOLLOWERS[MORE]}
DATASETS = sorted({*FOLLOWERS[RAW], *FOLLOWERS[MORE]})


@dataclass
class World:
    """A metastore that is pruned, a twin that is not, and a process that asks for metrics now and then."""

    ours: Metastore
    twin: Metastore
    now: datetime = BEGIN
    versions: Counter[str] = field(default_factory=Counter)
    numbers: Counter[tuple[str, str]] = field(default_factory=Counter)
    hidden: list[tuple[datetime, BatchEntry]] = field(default_factory=list)
    batches: list[BatchEntry] = field(default_factory=list)
    runs: list[RunEntry] = field(default_factory=list)
    asked: Metrics | None = None

    def metrics(self, metastore: Metastore) -> Metrics:
        return Metrics(metastore, lambda: self.now, sources=SOURCES, version="1", disks=lambda: ())

    def scrape(self, form: Form = Form.TEXT) -> str:
        self.asked = self.asked or self.metrics(self.ours)
        return self.asked.text(form)

    def both(self, write: Callable[[Metastore], object]) -> None:
        for metastore in (self.ours, self.twin):
            write(metastore)

    def land(self, source: tuple[str, str], rows: int, lost: int, late: int) -> None:
        """A batch whose line may be seen minutes after it was stamped, and after runs have read the batch."""
        dataset, name = source
        entry = BatchEntry(
            dataset=dataset, source=name, number=self.numbers[source], batch_id=f"{name}/{self.numbers[source]}",
            manifest_sha256="", received_at=self.now - timedelta(seconds=rows), contract_version="1", source_rows=rows,
            raw_rows=rows - lost, rejected_rows=lost, raw_version=self.versions[dataset], rejected_version=0,
            recorded_at=self.now, traceparent=f"00-{rows + 1:032x}-{rows + 1:016x}-01",
        )  # fmt: skip
        self.numbers[source] += 1
        self.versions[dataset] += 1
        self.hidden.append((self.now + timedelta(minutes=late), entry))
        self.show()

    def show(self) -> None:
        for at, entry in [one for one in self.hidden if one[0] <= self.now]:
            self.hidden.remove((at, entry))
            self.batches.append(entry)
            reasons = {"SYNTAX": entry.rejected_rows} if entry.rejected_rows else {}
            self.both(lambda m, entry=entry, reasons=reasons: m.batches.record(entry, reasons=reasons))  # type: ignore[misc]

    def run(self, dataset: str, behind: int, state: RunState) -> None:
        """A run that reads its inputs as they are, or as they were some versions ago."""
        inputs = {raw: max(0, self.versions[raw] - 1 - behind)
                  for raw, names in FOLLOWERS.items() if dataset in names and self.versions[raw]}  # fmt: skip
        entry = RunEntry(
            run_id=f"run_{len(self.runs)}", dataset=dataset, started_at=self.now - timedelta(seconds=7),
            ended_at=self.now, state=state, inputs=inputs, seconds=7.25, traceparent=f"00-{9:032x}-{9:016x}-01",
        )  # fmt: skip
        self.runs.append(entry)
        check = CheckEntry(
            run_id=entry.run_id, dataset=dataset, rule="unique", kind="library", reason="", severity="block",
            verdict="passed" if behind % 2 else "failed", rows_examined=1, failing_rows=0, tolerance="", engine="duckdb",
            data_version=1, contract_version="1", sample=(), detail="", recorded_at=self.now,
        )  # fmt: skip
        meter = RunMeterEntry(
            run_id=entry.run_id, dataset=dataset, metered_on=self.now.date(), started_at=self.now, ended_at=self.now,
            owner="ada" if behind % 2 else "", cpu_seconds=0.1 + behind / 3, bytes_written=behind * 1000 + 1,
        )  # fmt: skip
        event = SecurityEvent(at=self.now, kind="leaked_token", subject=dataset)
        self.both(lambda m: m.runs.record([entry]))
        self.both(lambda m: m.checks.record([check]))
        self.both(lambda m: m.operations.run_meters.add([meter]))
        self.both(lambda m: m.operations.security_events.append(event))

    def wait(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        self.show()

    def restart(self) -> None:
        self.asked = None

    def prune(self) -> None:
        """What the job does: a process of its own counts first."""
        self.metrics(self.ours).keep()
        self.ours.prune(self.now - timedelta(hours=1))


def expected(world: World) -> dict[tuple[str, ...], tuple[float, Any]]:
    """By hand: how many batches of a source each reader has read, and how long they took in all."""
    found: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for batch in world.batches:
        source = (batch.dataset, batch.source)
        found[*source, "raw"].append((batch.recorded_at - batch.received_at).total_seconds())
        for follower in SOURCES[source]:
            reads = [run.ended_at for run in world.runs if run.dataset == follower and run.ended_at is not None
                     and run.state is RunState.SUCCEEDED
                     and run.inputs.get(batch.dataset, -1) >= batch.raw_version]  # fmt: skip
            if reads:
                found[*source, follower].append(max(0.0, (min(reads) - batch.received_at).total_seconds()))
    return {key: (len(seconds), sum(seconds)) for key, seconds in found.items()}


def measured(text: str, name: str, *labels: str) -> dict[tuple[str, ...], float]:
    return {
        tuple(sample.labels[label] for label in labels): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == f"data_platform_{name}"
    }


ACTS = st.one_of(
    st.tuples(st.just("land"), st.sampled_from(sorted(SOURCES)), st.integers(1, 400), st.sampled_from([0, 0, 1]),
              st.sampled_from([0, 0, 3, 9])),
    st.tuples(st.just("run"), st.sampled_from(DATASETS), st.integers(0, 2),
              st.sampled_from([RunState.SUCCEEDED, RunState.SUCCEEDED, RunState.FAILED])),
    st.tuples(st.just("wait"), st.sampled_from([1, 4, 30, 1500, 4500])),
    st.tuples(st.just("scrape")),
    st.tuples(st.just("restart")),
    st.tuples(st.just("prune")),
)  # fmt: skip


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("empty") / "metastore.db"
    metastore = open_metastore(f"sqlite:///{file}")
    metastore.migrate()
    metastore.close()
    return file


@pytest.fixture
def new(empty: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], World]]:
    opened: list[Metastore] = []

    def make() -> World:
        folder = tmp_path_factory.mktemp("world")
        for name in ("ours", "twin"):
            shutil.copy(empty, folder / name)
            opened.append(open_metastore(f"sqlite:///{folder / name}"))
        return World(ours=opened[-2], twin=opened[-1])

    yield make
    for metastore in opened:
        metastore.close()


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(ACTS, min_size=5, max_size=30))
def test_counters_are_those_of_a_count_of_everything_whatever_is_pruned_restarted_or_late(
    new: Callable[[], World], acts: list[tuple[Any, ...]]
) -> None:
    world = new()
    told: dict[tuple[str, ...], float] = {}
    for name, *arguments in acts:
        getattr(world, name)(*arguments)
        counted = measured(world.scrape(), "runs_total", "dataset", "state") if name == "scrape" else told
        assert all(counted[key] >= count for key, count in told.items())
        told = counted
    world.wait(9)
    text = world.scrape()
    counts = measured(text, "ingest_latency_seconds_count", "dataset", "source", "stage")
    sums = measured(text, "ingest_latency_seconds_sum", "dataset", "source", "stage")
    assert {key: (counts[key], pytest.approx(sums[key])) for key in counts if counts[key]} == expected(world)
    ended = Counter((run.dataset, str(run.state)) for run in world.runs)
    assert measured(text, "runs_total", "dataset", "state") == ended
    # and byte for byte what a process says that counts a ledger of which nothing is gone
    assert world.scrape(Form.OPEN_METRICS) == world.metrics(world.twin).text(Form.OPEN_METRICS)


def test_a_reader_that_comes_later_finds_the_batches_that_were_counted_before_it(new: Callable[[], World]) -> None:
    world = new()
    world.land((RAW, "till"), 10, 0, 0)
    world.run("curated.shop.orders", 0, RunState.SUCCEEDED)
    before = {(RAW, "till"): ("curated.shop.orders",)}
    Metrics(world.ours, lambda: world.now, sources=before, version="1", disks=lambda: ()).keep()
    world.wait(5)
    world.run("served.shop.sales", 0, RunState.SUCCEEDED)
    world.land((RAW, "till"), 20, 0, 0)
    assert world.scrape(Form.OPEN_METRICS) == world.metrics(world.twin).text(Form.OPEN_METRICS)
    counts = measured(world.scrape(), "ingest_latency_seconds_count", "dataset", "source", "stage")
    assert counts[RAW, "till", "served.shop.sales"] == 1


def test_a_rollup_of_another_form_counts_for_nothing(new: Callable[[], World]) -> None:
    world = new()
    world.land((RAW, "till"), 10, 0, 0)
    world.run("curated.shop.orders", 0, RunState.SUCCEEDED)
    text = world.scrape()
    rollup = world.ours.operations.metric_rollups.of("ledger")
    assert rollup is not None
    assert '"form":[1,' in rollup.body
    other = rollup.body.replace('"form":[1,', '"form":[0,').replace('"unbalanced":0', '"unbalanced":7')
    world.ours.operations.metric_rollups.keep(
        replace(rollup, body=other, kept_at=rollup.kept_at + timedelta(seconds=1))
    )
    kept = world.ours.operations.metric_rollups.of("ledger")
    assert kept is not None
    assert kept.body == other
    world.restart()
    assert world.scrape() == text


@pytest.mark.parametrize("spoil", ["", "{", "[]", "{}", "half", "other"])
def test_damaged_rollups_count_for_nothing_and_are_kept_anew(new: Callable[[], World], spoil: str) -> None:
    world = new()
    world.land((RAW, "till"), 9, 0, 0)
    world.run(DATASETS[0], 0, RunState.SUCCEEDED)
    whole = world.scrape(Form.OPEN_METRICS)
    with world.ours.transaction() as tx:
        for name, body in tx.connection.execute(sa.select(METRIC_ROLLUPS.c.name, METRIC_ROLLUPS.c.body)).all():
            damaged = {"half": body[: len(body) // 2], "other": body.replace("1", "7")}.get(spoil, spoil)
            tx.connection.execute(METRIC_ROLLUPS.update().where(METRIC_ROLLUPS.c.name == name).values(body=damaged))
    world.restart()
    assert world.scrape(Form.OPEN_METRICS) == whole
    assert world.ours.operations.metric_rollups.of("ledger") is not None


def test_a_scrape_answers_where_its_counts_cannot_be_kept(
    new: Callable[[], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = new()
    world.land((RAW, "till"), 10, 0, 0)
    whole = world.metrics(world.twin).text()

    def refuse(*_: object, **__: object) -> None:
        raise RetryableError("the metastore is busy")

    monkeypatch.setattr(world.ours.operations.metric_rollups, "keep", refuse)
    assert world.scrape() == whole
    assert world.ours.operations.metric_rollups.of("ledger") is None


@pytest.mark.parametrize("days", [2, 400])
def test_what_owners_used_and_security_events_are_counted_after_they_are_pruned(
    metastore: Metastore, days: int
) -> None:
    now = BEGIN + timedelta(days=days)  # after two days some are settled, and some may still grow
    going_on = Metrics(metastore, lambda: now, sources={}, version="1", disks=lambda: ())
    meters = [
        RunMeterEntry(run_id=f"r{day}", dataset="curated.shop.orders", metered_on=date(2026, 3, day), started_at=BEGIN,
                      ended_at=BEGIN, owner="ada", cpu_seconds=0.5, bytes_written=3_000_000_000)
        for day in (1, 2, 3)
    ]  # fmt: skip
    metastore.operations.run_meters.add(meters)
    for day in (1, 2, 3):
        at = datetime(2026, 3, day, 12, tzinfo=UTC)
        metastore.operations.security_events.append(SecurityEvent(at=at, kind="leaked_token", subject="x"))
    going_on.text()
    for before in (date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 3)):
        metastore.prune(datetime(before.year, before.month, before.day, tzinfo=UTC))
        text = Metrics(metastore, lambda: now, sources={}, version="1", disks=lambda: ()).text()
        assert going_on.text() == text
        assert measured(text, "run_cpu_seconds_total", "owner") == {("ada",): 1.5}
        assert measured(text, "run_written_bytes_total", "owner") == {("ada",): 9_000_000_000}
        assert measured(text, "security_events_total", "kind") == {("leaked_token",): 3}
    with metastore.transaction() as tx:
        assert tx.connection.exec_driver_sql("SELECT count(*) FROM run_meters").scalar() == 1
