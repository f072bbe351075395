"""OpenLineage events: of runs (START, then COMPLETE, FAIL or ABORT), and of datasets and jobs that never ran. Pure: the
same facts and time give the same JSON text.

START, FAIL and ABORT name no outputs: nothing was published, and a placeholder would be a false edge.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from openlineage.client.event_v2 import (
    DatasetEvent,
    InputDataset,
    Job,
    JobEvent,
    OutputDataset,
    Run,
    RunEvent,
    RunState,
    StaticDataset,
)

from data_platform.lineage import dataset_facets, facets
from data_platform.lineage.facts import DatasetFacts, RunFacts, static_event_id
from data_platform.lineage.names import EVENT, PRODUCER


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
    return _ended(run, RunState.FAIL, at=at, error=error, inputs=inputs)


def abort(run: RunFacts, *, at: datetime, error: str, inputs: Iterable[DatasetFacts] = ()) -> RunEvent:
    """Somebody stopped the run before it published anything."""
    return _ended(run, RunState.ABORT, at=at, error=error, inputs=inputs)


def dataset_event(dataset: DatasetFacts, *, at: datetime) -> DatasetEvent:
    """What is known of a dataset without a run: its contract says it."""
    described = dataset_facets.output_dataset_facets(dataset)
    return DatasetEvent(
        eventTime=facets.moment(at),
        dataset=StaticDataset(
            namespace=dataset.namespace,
            name=dataset.name,
            facets={**described, **dataset_facets.dataset_event_facet(dataset_event_id(dataset))},
        ),
        producer=PRODUCER,
    )


def job_event(
    job: RunFacts, *, at: datetime, inputs: Iterable[DatasetFacts] = (), outputs: Iterable[DatasetFacts] = ()
) -> JobEvent:
    """What a job reads and writes whenever it runs: its SELECT says it. `job.run_id` names the state of its code."""
    return JobEvent(
        eventTime=facets.moment(at),
        job=Job(
            namespace=job.namespace,
            name=job.job,
            facets={**facets.job_facets(job), EVENT: facets.job_event_facet(job_event_id(job))},
        ),
        inputs=[_input(dataset) for dataset in inputs],
        outputs=[_output(dataset) for dataset in outputs],
        producer=PRODUCER,
    )


def dataset_event_id(dataset: DatasetFacts) -> str:
    """One event for each state of a dataset, each change of its lifecycle, and each that a scan found."""
    contract = dataset.contract.sha256 if dataset.contract else ""
    change = f"{dataset.lifecycle}@{dataset.version}" if dataset.lifecycle else dataset.state
    found = dataset.discovery
    if found is not None:
        change = f"{found.standing}/{found.decision}@{found.at.isoformat()}"
    return static_event_id("dataset", dataset.namespace, dataset.name, contract, change)


def job_event_id(job: RunFacts) -> str:
    """One event for each state of a job's code."""
    return static_event_id("job", job.namespace, job.job, job.run_id)


def _ended(run: RunFacts, state: RunState, *, at: datetime, error: str, inputs: Iterable[DatasetFacts]) -> RunEvent:
    event = _event(run, state, at=at, inputs=inputs)
    event.run.facets = {**(event.run.facets or {}), "errorMessage": facets.error_facet(error)}
    return event


def _event(run: RunFacts, state: RunState, *, at: datetime, inputs: Iterable[DatasetFacts]) -> RunEvent:
    return RunEvent(
        eventType=state,
        eventTime=facets.moment(at),
        run=Run(runId=run.uuid, facets=facets.run_facets(run, event_type=state.value)),
        job=Job(namespace=run.namespace, name=run.job, facets=facets.job_facets(run)),
        inputs=[_input(dataset) for dataset in inputs],
        outputs=[],
        producer=PRODUCER,
    )


def _input(dataset: DatasetFacts) -> InputDataset:
    return InputDataset(
        namespace=dataset.namespace,
        name=dataset.name,
        facets=dataset_facets.dataset_facets(dataset),
        inputFacets=dataset_facets.input_statistics(dataset.statistics),
    )


def _output(dataset: DatasetFacts) -> OutputDataset:
    return OutputDataset(
        namespace=dataset.namespace,
        name=dataset.name,
        facets=dataset_facets.output_dataset_facets(dataset),
        outputFacets=dataset_facets.output_statistics(dataset.statistics),
    )
