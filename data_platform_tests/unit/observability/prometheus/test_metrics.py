"""The exposition of the whole platform: what promtool says of it, what it costs, and whether its numbers are right."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_families
from prometheus_client.parser import text_string_to_metric_families

from data_platform.benchmarks.metrics_estate import dataset_name, fill_ledger, sources
from data_platform.benchmarks.objectives import estate
from data_platform.metastore.batches import BatchEntry
from data_platform.metastore.breakers import BreakerEntry
from data_platform.metastore.component_beats import ComponentBeat
from data_platform.metastore.engine import Metastore, open_metastore
from data_platform.metastore.incident_tables import BreakerState
from data_platform.metastore.queued_runs import QueuedRunEntry
from data_platform.metastore.runs import RunEntry
from data_platform.metastore.security_events import SecurityEvent
from data_platform.metastore.sli_values import SliValueEntry
from data_platform.metastore.tables import RunState
from data_platform.observability.exposition import Family, Form, Kind
from data_platform.observability.objectives.evaluation import Objectives
from data_platform.observability.prometheus.catalogue import FAMILIES, series_budget
from data_platform.observability.prometheus.dashboards import DASHBOARDS, known_names
from data_platform.observability.prometheus.metrics import Metrics, form_for
from data_platform.observability.prometheus.reference import table

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
RAW, CURATED = "raw.shop.orders", "curated.shop.orders"
SOURCES = {(RAW, "till"): (CURATED,)}
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Metastore]:
    opened = open_metastore(f"sqlite:///{tmp_path}/metastore.db")
    opened.migrate()
    yield opened
    opened.close()


def metrics(metastore: Metastore, **more: Any) -> Metrics:
    given: dict[str, Any] = {"sources": SOURCES, "version": "1.2.3", "disks": lambda: [("home", 0.25)]}
    return Metrics(metastore, lambda: NOW, **given | more)


def samples(text: str) -> dict[str, float]:
    return {
        f"{sample.name}{sorted(sample.labels.items())}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(text: str, name: str, **labels: str) -> float | None:
    return samples(text).get(f"data_platform_{name}{sorted(labels.items())}")


def landed(metastore: Metastore, number: int, *, at: datetime, seconds: float, rows: int = 10, lost: int = 0) -> None:
    metastore.batches.record(
        BatchEntry(
            dataset=RAW, source="till", number=number, batch_id=f"till/{number}", manifest_sha256="", received_at=at,
            contract_version="1", source_rows=rows, raw_rows=rows - lost, rejected_rows=0, raw_version=number,
            rejected_version=0, recorded_at=at + timedelta(seconds=seconds), traceparent=TRACEPARENT,
        )
    )  # fmt: skip


def ran(metastore: Metastore, run: str, *, ended: datetime, seconds: float, state: RunState = RunState.SUCCEEDED,
        version: int = 0) -> None:  # fmt: skip
    metastore.runs.record([
        RunEntry(
            run_id=run, dataset=CURATED, started_at=ended - timedelta(seconds=seconds), ended_at=ended, state=state,
            inputs={RAW: version}, seconds=seconds, output_version=version, traceparent=TRACEPARENT,
        )
    ])  # fmt: skip


def test_ledger_numbers_are_those_of_a_pocket_calculator_and_each_scrape_adds_what_is_new(metastore: Metastore) -> None:
    asked = metrics(metastore)
    landed(metastore, 1, at=NOW, seconds=0.4)
    landed(metastore, 2, at=NOW + timedelta(minutes=1), seconds=4.0, lost=1)
    first = asked.text()
    assert value(first, "ingest_batches_total", dataset=RAW, source="till") == 2
    assert value(first, "ingest_records_total", dataset=RAW, source="till") == 20
    assert value(first, "ledger_unbalanced_batches") == 1
    assert value(first, "ingest_latency_seconds_bucket", dataset=RAW, source="till", stage="raw", le="0.5") == 1
    assert value(first, "ingest_latency_seconds_count", dataset=RAW, source="till", stage=CURATED) == 0
    ran(metastore, "a", ended=NOW + timedelta(minutes=2), seconds=7, version=1)  # reads the first batch only
    ran(metastore, "b", ended=NOW + timedelta(minutes=4), seconds=70, version=2)
    ran(metastore, "c", ended=NOW + timedelta(minutes=9), seconds=1, version=2)  # reads nothing for the first time
    ran(metastore, "d", ended=NOW + timedelta(minutes=10), seconds=1, state=RunState.FAILED)
    then = asked.text()
    assert value(then, "ingest_latency_seconds_sum", dataset=RAW, source="till", stage=CURATED) == 120 + 180
    assert value(then, "ingest_latency_seconds_count", dataset=RAW, source="till", stage=CURATED) == 2
    assert value(then, "runs_total", dataset=CURATED, state="succeeded") == 3
    assert value(then, "runs_total", dataset=CURATED, state="failed") == 1
    assert value(then, "run_duration_seconds_sum", layer="curated", state="succeeded") == 78
    at = (NOW + timedelta(minutes=9)).timestamp()
    assert value(then, "run_last_success_timestamp_seconds", dataset=CURATED) == at
    assert asked.text() == then
    # a process that begins anew, and one that finds publishes before it finds their batch, say the same
    assert metrics(metastore).text() == then


def test_a_batch_that_is_recorded_after_it_was_read_is_counted_by_when_it_was_read(metastore: Metastore) -> None:
    asked = metrics(metastore)
    ran(metastore, "a", ended=NOW + timedelta(minutes=2), seconds=7, version=1)
    asked.text()
    landed(metastore, 1, at=NOW, seconds=600.0)
    assert value(asked.text(), "ingest_latency_seconds_sum", dataset=RAW, source="till", stage=CURATED) == 120


def test_openmetrics_has_the_trace_of_a_batch_and_of_a_run_as_exemplars(metastore: Metastore) -> None:
    landed(metastore, 1, at=NOW, seconds=0.4)
    ran(metastore, "a", ended=NOW, seconds=7, version=1)
    text = metrics(metastore).text(Form.OPEN_METRICS)
    families = {family.name: family for family in open_families(text)}  # type: ignore[no-untyped-call]
    for name, observed in (("ingest_latency_seconds", 0.4), ("run_duration_seconds", 7.0)):
        found = [s.exemplar for s in families[f"data_platform_{name}"].samples if s.exemplar]
        assert next((one.labels, one.value) for one in found) == ({"trace_id": TRACE}, observed)
    assert "trace_id" not in metrics(metastore).text()


def test_objectives_say_their_events_budget_and_burn(metastore: Metastore) -> None:
    (fresh,) = [one for one in estate(3) if one.id == "freshness.raw.domain_0.dataset_0"]
    asked = metrics(metastore)
    assert "objective" not in asked.text()
    subject = "raw.domain_0.dataset_0"
    entry = SliValueEntry(sli="freshness", subject=subject, measured_at=NOW, value=90.0, good=995, bad=5, unknown=3,
                          provenance="test")  # fmt: skip
    metastore.operations.sli_values.append([entry], sli="freshness", after=None)
    Objectives(metastore, lambda: [fresh]).evaluate(NOW)
    text = asked.text()
    found = {verdict: value(text, "objective_events_total", objective=fresh.id, verdict=verdict)
             for verdict in ("good", "bad", "unknown")}  # fmt: skip
    assert found == {"good": 995, "bad": 5, "unknown": 3}
    assert value(text, "objective_budget_left_ratio", objective=fresh.id) == pytest.approx(0.5)
    assert value(text, "objective_burn_rate", objective=fresh.id, window="1h") == pytest.approx(0.5)
    assert value(text, "sli_freshness_seconds", subject=subject) == 90
    assert value(text, "objectives", domain="domain_0", state="met") == 1


def test_what_waits_is_open_and_beats_is_told_with_its_age(metastore: Metastore) -> None:
    operations = metastore.operations
    operations.component_beats.beat(
        ComponentBeat(component="watch", instance="h:1", beat_at=NOW - timedelta(minutes=2), expected_every_seconds=15)
    )
    operations.queued_runs.record(
        QueuedRunEntry(run_id=run, job="j", lane="nightly", enqueued_at=NOW - timedelta(minutes=minutes), started_at=None, reason="slot",
                       sampled_at=NOW)
        for run, minutes in (("a", 7), ("b", 3))
    )  # fmt: skip
    operations.breakers.put(BreakerEntry(name="s3", state=BreakerState.HALF_OPEN, failures=3, changed_at=NOW))
    operations.security_events.append(
        SecurityEvent(at=NOW, kind="leaked_credential", subject="x", who="eve", detail="")
    )
    metastore.lineage_sinks.register(["http"])
    text = metrics(metastore).text()
    assert value(text, "build_info", version="1.2.3", python=platform.python_version()) == 1
    assert value(text, "component_beat_age_seconds", component="watch") == 120
    assert value(text, "component_beat_expected_seconds", component="watch") == 15
    assert value(text, "queue_runs", lane="nightly", reason="slot") == 2
    assert value(text, "queue_oldest_age_seconds", lane="nightly") == 420
    assert value(text, "breaker_open", breaker="s3") == 0.5
    assert value(text, "security_events_total", kind="leaked_credential") == 1
    assert value(text, "outbox_unsent_events", sink="http") == 0
    assert value(text, "disk_free_ratio", place="home") == 0.25


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)")
def test_promtool_has_nothing_to_say_about_an_estate_within_the_budget_of_series(small: Metastore) -> None:
    datasets = 1_000
    objectives = tuple(estate(datasets))
    for sli in sorted({one.sli for one in objectives}):
        values = [
            SliValueEntry(sli=sli, subject=one.subject.split("/")[0], partition=one.subject.partition("/")[2],
                          measured_at=NOW, value=1.0, good=90, bad=9, unknown=1, provenance="test")
            for one in objectives if one.sli == sli
        ]  # fmt: skip
        small.operations.sli_values.append(values, sli=sli, after=None)
    Objectives(small, lambda: objectives).evaluate(NOW)
    fill_ledger(small, datasets=datasets, days=1, now=NOW)
    every = sources(datasets)
    text = metrics(small, sources=every).text()
    series = [line for line in text.splitlines() if not line.startswith("#")]
    assert 25_000 < len(series) <= series_budget(datasets, len(every))
    assert len({line.rsplit(" ", 1)[0] for line in series}) == len(series)
    assert any(dataset_name(0) in line for line in series)
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_no_scrape_after_the_first_reads_the_whole_of_a_table_that_grows_with_every_day(small: Metastore) -> None:
    asked = metrics(small, sources=sources(3))
    fill_ledger(small, datasets=3, days=2, now=NOW)
    asked.text()
    asked_of: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked_of.append((statement, parameters))

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        asked.text()
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
    with small.transaction() as tx:
        plans = [
            str(step[3])
            for statement, parameters in asked_of
            for step in tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]
    assert any(plan.startswith("SEARCH runs") for plan in plans)
    growing = {"batches", "rejections", "runs", "checks", "sli_values", "objective_samples", "run_meters", "spans"}
    assert [plan for plan in plans if plan.startswith("SCAN") and plan.split()[1] in growing] == []


def test_every_family_is_in_the_catalogue_once_and_no_other_is_exposed(metastore: Metastore) -> None:
    names = [family.full_name for family in FAMILIES]
    assert len(set(names)) == len(names)
    landed(metastore, 1, at=NOW, seconds=0.4)
    shown = set(re.findall(r"^# TYPE (\S+)", metrics(metastore).text(), flags=re.MULTILINE))
    assert shown <= set(names)
    assert all(name.startswith("data_platform_") for name in shown)


def test_names_follow_the_conventions_of_prometheus() -> None:
    for family in FAMILIES:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", family.name)
        assert (family.kind is Kind.COUNTER) == family.name.endswith("_total")
        assert not {"id", "run_id", "batch_id", "partition", "trace_id"} & set(family.labels)


def test_the_page_of_metrics_lists_every_metric_as_it_is() -> None:
    page = (Path(__file__).parents[4] / "docs" / "reference" / "metrics.md").read_text()
    assert page.endswith(table())


def test_labels_are_escaped() -> None:
    family = Family(name="x", kind=Kind.GAUGE, help="h", labels=("a",))
    line = family.line(('q"b\\n\n',), 1)
    (parsed,) = text_string_to_metric_families(family.head(Form.TEXT) + line)
    assert parsed.samples[0].labels == {"a": 'q"b\\n\n'}


@pytest.mark.parametrize(
    ("accept", "form"),
    [("", Form.TEXT), ("*/*", Form.TEXT),
     ("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5", Form.OPEN_METRICS),
     ("application/openmetrics-text;q=0.2, text/plain;q=0.9", Form.TEXT),
     ("application/openmetrics-text;q=0, */*", Form.TEXT), ("application/openmetrics-text;q=much", Form.TEXT)],
)  # fmt: skip
def test_the_format_is_the_one_that_is_asked_for(accept: str, form: Form) -> None:
    assert form_for(accept) is form


def test_dashboards_use_only_metrics_that_there_are_and_lead_to_each_other() -> None:
    documents = [one.document() for one in DASHBOARDS]
    uids = {one["uid"] for one in documents}
    for document in documents:
        assert all(link["url"].removeprefix("/d/") in uids and link["includeVars"] for link in document["links"])
        for panel in document["panels"]:
            for target in panel["targets"]:
                used = set(re.findall(r"(?:data_platform_|objective:)[a-z0-9_:]+", target["expr"]))
                assert used <= known_names(), panel["title"]
                assert used or "sli:" in target["expr"]
            grid = panel["gridPos"]
            assert grid["x"] + grid["w"] <= 24
