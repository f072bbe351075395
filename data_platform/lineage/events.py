"""A run's OpenLineage events: START, then COMPLETE or FAIL. Pure: the same facts and time give the same JSON text.

START names no outputs: until something is published there are none, and a placeholder would be a false edge.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.serde import Serde

from data_platform.lineage import facets
from data_platform.lineage.facts import DatasetFacts, RunFacts


def start(run: RunFacts, *, at: datetime, inputs: Iterable[DatasetFacts] = ()) -> RunEvent:
    """The run began; inputs as far as they are known."""
    return _event(run, RunState.START, at=at, inputs=inputs)


def complete(
    run: RunFacts, *, at: datetime, inputs: Iterable[DatasetFacts] = (), outputs: Iterable[DatasetFacts] = ()
) -> RunEvent:
    """The run published `outputs` from `inputs`, at the versions named."""
    event = _event(run, RunState.COMPLETE, at=at, inputs=inputs)
    event.outputs = [_output(dataset) for dataset in outputs]
    return event


def fail(run: RunFacts, *, at: datetime, error: str, inputs: Iterable[DatasetFacts] = ()) -> RunEvent:
    """The run published nothing. `error` leaves the platform: a class, a code, names, but no values from the data."""
    event = _event(run, RunState.FAIL, at=at, inputs=inputs)
    event.run.facets = {**facets.run_facets(run), "errorMessage": facets.error_facet(error)}
    return event


def to_json(event: RunEvent) -> str:
    """The event as JSON text with sorted keys."""
    return str(Serde.to_json(event))


def _event(run: RunFacts, state: RunState, *, at: datetime, inputs: Iterable[DatasetFacts]) -> RunEvent:
    return RunEvent(
        eventType=state,
        eventTime=facets.moment(at),
        run=Run(runId=run.uuid, facets=facets.run_facets(run)),
        job=Job(namespace=run.namespace, name=run.job, facets=facets.job_facets(run)),
        inputs=[_input(dataset) for dataset in inputs],
        outputs=[],
        producer=facets.PRODUCER,
    )


def _input(dataset: DatasetFacts) -> InputDataset:
    return InputDataset(namespace=dataset.namespace, name=dataset.name, facets=facets.dataset_facets(dataset))


def _output(dataset: DatasetFacts) -> OutputDataset:
    return OutputDataset(
        namespace=dataset.namespace,
        name=dataset.name,
        facets=facets.output_dataset_facets(dataset),
        outputFacets=facets.output_statistics(dataset),
    )
