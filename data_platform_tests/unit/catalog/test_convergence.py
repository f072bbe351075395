from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_platform.catalog.event import Taken
from data_platform.catalog.intake import Intake
from data_platform.metastore.catalog_content import content
from data_platform.metastore.engine import Metastore, open_metastore
from data_platform_tests.unit.catalog.conftest import FixedClock
from data_platform_tests.unit.catalog.sending import dataset, dataset_event, facet, run_event, schema, texts, traced

NAMES = ("raw.shop.a", "curated.shop.b", "curated.shop.c", "served.shop.d")
moments = st.integers(0, 6).map(lambda n: f"2026-03-01T10:00:0{n}Z")
columns = st.lists(st.sampled_from(("id", "day", "amount")), max_size=3)


@st.composite
def lineages(draw: st.DrawFn) -> dict[str, Any]:
    if draw(st.integers(0, 5)) == 0:
        return facet(_deleted=True)
    sources = st.lists(
        st.tuples(st.sampled_from((*NAMES, "raw.shop.unheard")), st.sampled_from(("id", "day"))), max_size=2
    )
    return traced(**{name: draw(sources) for name in set(draw(columns))})


def mentioned(name: str, **more: Any) -> dict[str, Any]:
    return {"namespace": "data_platform", "name": name, "type": "DATASET", **more}


@st.composite
def told_lineages(draw: st.DrawFn) -> dict[str, Any]:
    """The facet `lineage`, whose lists may name datasets, columns, constants and jobs."""
    if draw(st.integers(0, 5)) == 0:
        return facet(_deleted=True)
    sources = st.lists(
        st.builds(mentioned, st.sampled_from((*NAMES, "raw.shop.unheard")), field=st.sampled_from(("id", "day"))),
        max_size=2,
    )
    of_all = st.lists(
        st.builds(mentioned, st.sampled_from(NAMES)) | st.just({"type": "JOB", "namespace": "n", "name": "j"}),
        max_size=2,
    )
    fields = {name: {"inputs": draw(sources)} for name in set(draw(columns))}
    return facet(fields=fields, inputs=[*draw(of_all), *draw(sources)])


@st.composite
def described(draw: st.DrawFn) -> dict[str, Any]:
    """Facets that make the card of a dataset."""
    facets: dict[str, Any] = {}
    if draw(st.booleans()):
        tags = st.sampled_from(("gold", "tier", "classification", "status"))
        facets["tags"] = facet(
            tags=[
                {
                    "key": key,
                    "value": draw(st.sampled_from(("true", "high"))),
                    "field": draw(st.sampled_from(("", "id"))),
                }
                for key in draw(st.lists(tags, max_size=3))
            ]
        )
    if draw(st.booleans()):
        owners = st.lists(st.sampled_from(("ann", "team-shop")), max_size=2)
        facets["ownership"] = facet(owners=[{"name": name} for name in draw(owners)])
    if draw(st.booleans()):
        facets["dataPlatform_discovery"] = facet(
            standing=draw(st.sampled_from(("managed", "drifted", "unmanaged", "missing", "gone"))),
            decision=draw(st.sampled_from(("", "accepted"))),
            differences=[{"kind": "column_added", "subject": draw(st.sampled_from(("id", "day"))), "found": "date"}],
        )
    if draw(st.integers(0, 4)) == 0:
        facets["lifecycleStateChange"] = facet(lifecycleStateChange=draw(st.sampled_from(("ALTER", "DROP"))))
    return facets


@st.composite
def datasets(draw: st.DrawFn, *, is_output: bool = False) -> dict[str, Any]:
    facets: dict[str, Any] = {}
    if draw(st.booleans()):
        facets["schema"] = facet(_deleted=True) if draw(st.integers(0, 4)) == 0 else schema(*draw(columns))
    if draw(st.booleans()):
        facets["version"] = facet(datasetVersion=str(draw(st.integers(0, 2))))
    if draw(st.booleans()):
        facets["documentation"] = facet(description=draw(st.sampled_from(("orders of the shop", "visits"))))
    if draw(st.booleans()):
        version = draw(st.sampled_from(("1.0.0", "2.0.0")))
        facets["dataPlatform_contract"] = facet(contractId="x", contractVersion=version, contractSha256=version)
    if is_output and draw(st.booleans()):
        facets["columnLineage"] = draw(lineages())
    if is_output and draw(st.integers(0, 2)) == 0:
        facets["lineage"] = draw(told_lineages())
    if draw(st.integers(0, 2)) == 0:
        facets |= draw(described())
    io = {"outputFacets": {"outputStatistics": facet(rowCount=draw(st.integers(0, 9)))}} if is_output else None
    return dataset(draw(st.sampled_from(NAMES)), io=io, **facets)


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    at = draw(moments)
    if draw(st.integers(0, 4)) == 0:
        about = draw(datasets(is_output=True))
        return dataset_event({name: value for name, value in about.items() if name != "outputFacets"}, at=at)
    kind = draw(st.sampled_from(("START", "RUNNING", "COMPLETE", "FAIL", "ABORT", "OTHER", None)))
    failed = {"errorMessage": facet(message="ValueError", programmingLanguage="python")} if kind == "FAIL" else {}
    event = run_event(
        kind,
        at=at,
        run=draw(st.integers(1, 4)),
        job=draw(st.sampled_from(("one", "two"))),
        inputs=draw(st.lists(datasets(), max_size=2)),
        outputs=draw(st.lists(datasets(is_output=True), max_size=2)),
        run_facets=failed,
    )
    if event["outputs"] and draw(st.integers(0, 3)) == 0:  # read and written, with another schema before
        before = schema(*draw(columns))
        event["inputs"].append(dataset(event["outputs"][0]["name"], schema=before, version=facet(datasetVersion="0")))
    if draw(st.integers(0, 3)) == 0:
        entries = st.lists(st.sampled_from(NAMES), max_size=2)
        event["job"]["facets"]["lineage"] = facet(
            entries=[mentioned(name, **draw(told_lineages())) for name in draw(entries)]
        )
    if draw(st.integers(0, 3)) == 0:
        del event["run"]
        event.pop("eventType", None)
    return event


def content_after(folder: Path, batches: list[list[str]]) -> dict[str, Any]:
    """The whole catalog after taking batches into an empty one. `first` in the file's name only tells files apart."""
    file = folder / f"{len(list(folder.iterdir()))}.db"
    metastore = open_metastore(f"sqlite:///{file}")
    metastore.migrate()
    take_all(metastore, batches)
    found = dump(metastore)
    metastore.close()
    return found


def take_all(metastore: Metastore, batches: list[list[str]]) -> None:
    intake = Intake(store=metastore.catalog, clock=FixedClock())
    for batch in batches:
        assert all(isinstance(answer, Taken) for answer in intake.take(batch))


def dump(metastore: Metastore) -> dict[str, Any]:
    with metastore.catalog.reading() as tx:
        return content(tx)


@given(sent=st.lists(events(), min_size=1, max_size=10), seed=st.integers(0, 2**32))
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_any_order_of_events_some_twice_ends_in_the_same_catalog(
    tmp_path_factory: pytest.TempPathFactory, sent: list[dict[str, Any]], seed: int
) -> None:
    folder = tmp_path_factory.mktemp("catalogs")
    payloads = texts(*sent)
    in_order = content_after(folder, [payloads])
    chance = random.Random(seed)
    shuffled = [*payloads, *chance.choices(payloads, k=3)]
    chance.shuffle(shuffled)
    batches = [shuffled[n : n + 2] for n in range(0, len(shuffled), 2)]
    assert content_after(folder, batches) == in_order
    one_by_one = [[payload] for payload in reversed(payloads)]
    assert content_after(folder, one_by_one) == in_order


def test_both_databases_hold_the_same_in_any_order(metastore: Metastore, tmp_path: Path) -> None:
    sent = [
        run_event("START", run=1, at="2026-03-01T10:00:00Z", inputs=[dataset("raw.shop.a", schema=schema("id"))]),
        run_event("COMPLETE", run=1, at="2026-03-01T10:00:05Z", outputs=[
            dataset("curated.shop.b", schema=schema("id", "day"), columnLineage=traced(id=[("raw.shop.a", "id")]))
        ]),
        run_event("FAIL", run=2, at="2026-03-01T10:00:09Z", run_facets={"errorMessage": facet(message="no")}),
        dataset_event(dataset("served.shop.d", documentation=facet(description="Ünïcödé \u0000 and \ud800"))),
    ]  # fmt: skip
    payloads = texts(*sent)
    (tmp_path / "other").mkdir()
    expected = content_after(tmp_path / "other", [payloads])
    take_all(metastore, [[payload] for payload in (*reversed(payloads), *payloads)])
    assert json.dumps(dump(metastore), default=str, sort_keys=True) == json.dumps(expected, default=str, sort_keys=True)


def test_two_intakes_at_once_end_in_the_same_catalog(metastore: Metastore, tmp_path: Path) -> None:
    chance = random.Random(5)
    sent = [
        run_event(
            chance.choice(("START", "COMPLETE")),
            run=number // 2,
            job=f"job-{number % 3}",
            at=f"2026-03-01T10:00:{number % 60:02}Z",
            inputs=[dataset(chance.choice(NAMES), schema=schema("id"))],
            outputs=[dataset(chance.choice(NAMES), columnLineage=traced(id=[(chance.choice(NAMES), "id")]))],
        )
        for number in range(60)
    ]
    payloads = texts(*sent)
    (tmp_path / "other").mkdir()
    expected = content_after(tmp_path / "other", [payloads])
    shares = [payloads[:40], payloads[20:]]
    batches = [[share[n : n + 7] for n in range(0, len(share), 7)] for share in shares]
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(take_all, metastore, some) for some in batches]:
            done.result()
    assert json.dumps(dump(metastore), default=str, sort_keys=True) == json.dumps(expected, default=str, sort_keys=True)
