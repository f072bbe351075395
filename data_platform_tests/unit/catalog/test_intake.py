from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from data_platform.catalog.entries import Entries
from data_platform.catalog.event import Taken
from data_platform.catalog.intake import Intake
from data_platform.metastore.catalog_reads import DatasetLine
from data_platform.metastore.engine import Metastore
from data_platform_tests.unit.catalog.sending import (
    dataset,
    dataset_event,
    facet,
    run_event,
    run_id,
    schema,
    texts,
    traced,
)

SAMPLES = Path(__file__).parents[4] / "shared" / "standards" / "openlineage" / "tests"


def the(metastore: Metastore, name: str, namespace: str = "data_platform") -> DatasetLine:
    found = metastore.catalog.reads.dataset(namespace, name=name)
    assert found is not None
    return found


def facets(metastore: Metastore, kind: str, subject: int) -> dict[str, Any]:
    lines = metastore.catalog.reads.facets(kind, subject_id=subject)
    return {line.name: json.loads(line.body or "null") for line in lines}


def sources(metastore: Metastore, name: str) -> set[str]:
    edges = metastore.catalog.graph.edges([the(metastore, name).id], direction="up")
    return {line.name for line in metastore.catalog.reads.datasets([source for source, _, _ in edges]).values()}


def test_every_sample_facet_of_the_specification_is_kept_as_it_was(intake: Intake, metastore: Metastore) -> None:
    if not SAMPLES.is_dir():
        pytest.skip("the published OpenLineage samples are not beside the project (shared/standards/openlineage/tests)")
    files = sorted(SAMPLES.glob("*/*.json"))
    assert len(files) > 30
    for file in files:
        sample = json.loads(file.read_text())
        event = run_event(
            run=1,
            job=f"job of {file}",
            run_facets=sample,
            job_facets=sample,
            inputs=[{"namespace": "n", "name": f"in {file}", "facets": sample, "inputFacets": sample}],
            outputs=[{"namespace": "n", "name": f"out {file}", "facets": sample, "outputFacets": sample}],
        )
        payload = json.dumps(event)
        (taken,) = intake.take([payload])
        assert isinstance(taken, Taken), (file, taken)
        kept = metastore.catalog.events.get(taken.event_id)
        assert kept is not None
        assert kept.payload == payload
        source, target = the(metastore, f"in {file}", "n"), the(metastore, f"out {file}", "n")
        traced_apart = {name for name in sample if name in ("columnLineage", "lineage")}
        described = {name: body for name, body in sample.items() if name not in traced_apart}
        assert facets(metastore, "dataset", source.id) == described
        assert facets(metastore, "dataset", target.id) == described
        assert facets(metastore, "input", source.id) == sample
        assert facets(metastore, "output", target.id) == sample
        job = metastore.catalog.reads.job("data_platform", name=f"job of {file}")
        assert job is not None
        assert facets(metastore, "job", job) == sample
        entry = Entries(metastore=metastore).of(target)
        assert {name: body for written in entry.traced.values() for name, body in written.items()} == {
            name: sample[name] for name in traced_apart
        }


def test_the_sample_event_of_the_specification_is_taken(intake: Intake) -> None:
    file = SAMPLES / "example_full_event.json"
    if not file.is_file():
        pytest.skip("the published OpenLineage samples are not beside the project (shared/standards/openlineage/tests)")
    assert all(isinstance(answer, Taken) for answer in intake.take([file.read_text()]))


def test_a_dataset_says_who_owns_it_what_it_means_and_which_columns_it_has(
    intake: Intake, metastore: Metastore
) -> None:
    about = dataset(
        "served.shop.revenue",
        schema=facet(
            fields=[
                {"name": "day", "type": "date", "description": "the day"},
                {"name": "place", "type": "struct", "fields": [{"name": "country", "type": "string"}]},
            ]
        ),
        ownership=facet(owners=[{"name": "team-shop", "type": "OWNER"}, {"name": "ann"}]),
        documentation=facet(description="Revenue of each day"),
        tags=facet(
            tags=[
                {"key": "gold", "value": "true"},
                {"key": "tier", "value": "critical"},
                {"key": "classification", "value": "restricted", "field": "place.country"},
            ]
        ),
        dataPlatform_contract=facet(contractId="revenue", contractVersion="1.2.0", contractSha256="ab"),
    )
    intake.take(texts(dataset_event(about)))
    line = the(metastore, "served.shop.revenue")
    assert (line.standing, line.description, line.tier) == ("managed", "Revenue of each day", "critical")
    assert (line.owners, line.tags) == (("team-shop", "ann"), ("gold", "tier:critical"))
    assert (line.contract_id, line.contract_version) == ("revenue", "1.2.0")
    columns = metastore.catalog.reads.columns(line.id)
    assert [(c.name, c.type, c.classification) for c in columns] == [
        ("day", "date", ""), ("place", "struct", ""), ("place.country", "string", "restricted"),
    ]  # fmt: skip


def test_datasets_that_are_only_named_are_stubs_until_somebody_describes_them(
    intake: Intake, metastore: Metastore
) -> None:
    output = dataset("curated.shop.b", schema=schema("id"), columnLineage=traced(id=[("raw.shop.unheard", "id")]))
    intake.take(texts(run_event(inputs=[dataset("topic", "kafka://host:9092")], outputs=[output])))
    assert the(metastore, "topic", "kafka://host:9092").standing == "stub"
    assert the(metastore, "raw.shop.unheard").standing == "stub"
    assert sources(metastore, "curated.shop.b") == {"topic", "raw.shop.unheard"}
    intake.take(texts(dataset_event(dataset("topic", "kafka://host:9092", schema=schema("key")))))
    assert the(metastore, "topic", "kafka://host:9092").standing == "external"


def test_a_deleted_facet_is_gone_and_an_older_event_does_not_bring_it_back(
    intake: Intake, metastore: Metastore
) -> None:
    def at(second: int, **said: Any) -> dict[str, Any]:
        return dataset_event(dataset("a.b.c", **said), at=f"2026-03-01T10:00:0{second}Z")

    intake.take(texts(at(1, documentation=facet(description="old"), tags=facet(tags=[]))))
    intake.take(texts(at(5, documentation=facet(_deleted=True))))
    intake.take(texts(at(3, documentation=facet(description="late"))))
    line = the(metastore, "a.b.c")
    assert line.description == ""
    assert list(facets(metastore, "dataset", line.id)) == ["tags"]
    intake.take(texts(at(7, documentation=facet(description="new"))))
    assert the(metastore, "a.b.c").description == "new"


def test_an_ended_run_stays_ended_whatever_comes_later(intake: Intake, metastore: Metastore) -> None:
    failed = {"errorMessage": facet(message="ValueError", programmingLanguage="python")}
    intake.take(texts(run_event("FAIL", at="2026-03-01T10:00:05Z", run_facets=failed)))
    intake.take(texts(run_event("RUNNING", at="2026-03-01T10:00:09Z"), run_event("OTHER", at="2026-03-01T10:00:10Z")))
    intake.take(texts(run_event("START", at="2026-03-01T10:00:00Z")))
    run = metastore.catalog.reads.run(run_id(1))
    assert run is not None
    assert (run.state, run.error) == ("failed", "ValueError")
    assert run.ended_at is not None
    assert (run.ended_at - run.started_at).total_seconds() == 5


def test_inputs_of_the_start_and_outputs_of_the_end_are_one_run(intake: Intake, metastore: Metastore) -> None:
    intake.take(texts(run_event("COMPLETE", at="2026-03-01T10:00:05Z", outputs=[dataset("b")])))
    assert sources(metastore, "b") == set()
    intake.take(texts(run_event("START", at="2026-03-01T10:00:00Z", inputs=[dataset("a")])))
    assert sources(metastore, "b") == {"a"}


def test_a_newer_run_of_the_job_replaces_what_an_output_is_made_of(intake: Intake, metastore: Metastore) -> None:
    def run(number: int, source: str, **facets_: Any) -> dict[str, Any]:
        return run_event(
            run=number, at=f"2026-03-01T10:00:0{number}Z", inputs=[dataset(source)], outputs=[dataset("b", **facets_)]
        )

    intake.take(texts(run(3, "new", columnLineage=traced(id=[("new", "id")]))))
    intake.take(texts(run(1, "old", columnLineage=traced(id=[("old", "id")]))))
    assert sources(metastore, "b") == {"new"}
    edges = metastore.catalog.graph.column_edges([the(metastore, "b").id], direction="up")
    assert [edge.src_column for edge in edges] == ["id"]
    other = run_event(run=9, job="another", inputs=[dataset("side")], outputs=[dataset("b")])
    intake.take(texts(other))
    assert sources(metastore, "b") == {"new", "side"}


def test_lineage_that_a_dataset_declares_holds_until_a_job_tells_it(intake: Intake, metastore: Metastore) -> None:
    intake.take(texts(dataset_event(dataset("b", columnLineage=traced(id=[("declared", "id")])))))
    assert sources(metastore, "b") == {"declared"}
    intake.take(texts(run_event(inputs=[dataset("seen")], outputs=[dataset("b")])))
    assert sources(metastore, "b") == {"seen"}


def test_lineage_that_a_job_declares_in_its_own_facet_makes_edges(intake: Intake, metastore: Metastore) -> None:
    entry = {
        "namespace": "data_platform",
        "name": "b",
        "type": "DATASET",
        "inputs": [{"namespace": "data_platform", "name": "a", "type": "DATASET"}, {"type": "JOB"}],
        "fields": {"id": {"inputs": [{"namespace": "data_platform", "name": "c", "type": "DATASET", "field": "key"}]}},
    }
    intake.take(texts(run_event(job_facets={"lineage": facet(entries=[entry])})))
    assert sources(metastore, "b") == {"a", "c"}


def test_a_repeat_changes_nothing_and_is_told_as_one(intake: Intake, metastore: Metastore) -> None:
    payload = texts(run_event(inputs=[dataset("a")], outputs=[dataset("b")]))
    first, again = intake.take([*payload, *payload])
    (third,) = intake.take(payload)
    assert isinstance(first, Taken)
    assert isinstance(again, Taken)
    assert isinstance(third, Taken)
    assert (first.is_repeat, again.is_repeat, third.is_repeat) == (False, True, True)
    assert the(metastore, "a").reads == 1
    assert the(metastore, "b").writes == 1


def test_versions_come_with_their_run_rows_and_contract(intake: Intake, metastore: Metastore) -> None:
    contract = facet(contractId="b", contractVersion="2.0.0", contractSha256="x")
    statistics = {"outputFacets": {"outputStatistics": facet(rowCount=5, size=70, fileCount=1)}}
    output = dataset("b", io=statistics, version=facet(datasetVersion="3"), dataPlatform_contract=contract)
    intake.take(texts(run_event(outputs=[output])))
    (version,) = metastore.catalog.reads.versions(the(metastore, "b").id)
    assert (version.version, version.rows, version.size_bytes, version.files) == ("3", 5, 70, 1)
    assert (version.contract_version, version.run_id) == ("2.0.0", run_id(1))


def test_facets_that_are_not_as_the_specification_has_them_are_kept_and_passed_over(
    intake: Intake, metastore: Metastore
) -> None:
    odd = {
        "schema": facet(fields=[5, {"name": 3}, {"type": "x"}, {"name": "ok"}]),
        "ownership": facet(owners={"name": "x"}),
        "tags": facet(tags=[{"key": None}, "tag"]),
        "documentation": facet(description=["a"]),
        "version": facet(datasetVersion=True),
        "columnLineage": facet(fields={"a": 5, "b": {"inputFields": [5, {"name": "x"}]}}, dataset=5),
    }
    statistics = {"outputFacets": {"outputStatistics": facet(rowCount=1 << 70, size="5")}}
    (taken,) = intake.take(texts(run_event(outputs=[dataset("b", io=statistics, **odd)])))
    assert isinstance(taken, Taken)
    line = the(metastore, "b")
    kept = facets(metastore, "dataset", line.id)
    assert kept == {name: body for name, body in odd.items() if name != "columnLineage"}
    assert [column.name for column in metastore.catalog.reads.columns(line.id)] == ["3", "ok"]
