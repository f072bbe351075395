"""The lineage of Dagster's runs themselves, which are the parents of what their steps do: START when a run begins,
COMPLETE, FAIL or ABORT when it has ended. What steps do is told by the platform.

Runs under a daemon are told by sensors, which run from the beginning: they start no work. One that failed before its
first step is noted for its datasets too. A run of the command line is
told by `launch`; the sensors then compose the same events again, which changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module

import dagster as dg

from data_platform.errors import PlatformError
from data_platform.orchestration.location import Location
from data_platform.orchestration.resources import open_platform
from data_platform.orchestration.run_tracing import traceparent_of
from data_platform.orchestration.unstarted import note_unstarted

_IMPLICIT = "run"  # the job of runs over assets chosen by hand
_STATES = {
    "run_started": dg.DagsterRunStatus.STARTED,
    "run_completed": dg.DagsterRunStatus.SUCCESS,
    "run_failed": dg.DagsterRunStatus.FAILURE,
    "run_canceled": dg.DagsterRunStatus.CANCELED,
}


class RunFailed(PlatformError):
    """A step of the run failed; the lineage of the step says which and why."""


class RunCanceled(BaseException):
    """Somebody stopped the run."""


def lineage_job(name: str) -> str:
    """What the lineage calls a Dagster job."""
    return _IMPLICIT if name.startswith("__") else name


def refuse_failure(*, is_success: bool) -> None:
    """Makes an exception of a run that did not succeed.

    Raises:
        RunFailed: it did not.
    """
    if not is_success:
        raise RunFailed("a step failed; its own event says why")


def run_sensors(location: Location) -> Iterator[dg.SensorDefinition]:
    """One sensor for each state of a run that the lineage tells."""
    return (_sensor(location, name, status) for name, status in _STATES.items())


def _sensor(location: Location, name: str, status: dg.DagsterRunStatus) -> dg.SensorDefinition:
    @dg.run_status_sensor(
        run_status=status,
        name=name,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells the lineage; starts nothing.",
    )
    def tell(context: dg.RunStatusSensorContext) -> None:
        with open_platform(location) as platform:
            run = platform.run(context.dagster_run.run_id, job=lineage_job(context.dagster_run.job_name))
            run = replace(run, traceparent=traceparent_of(context.dagster_run))
            if status is dg.DagsterRunStatus.STARTED:
                platform.recorder.launched(run)
            else:
                error = _error(status)
                platform.recorder.landed(run, error)
                kind = type(error).__name__ if error else ""
                spans = import_module("data_platform.orchestration.run_spans")
                spans.tell_run(platform, context.instance, context.dagster_run, error=kind)
            if status is dg.DagsterRunStatus.FAILURE:
                note_unstarted(location, platform, run, instance=context.instance, of=context.dagster_run)

    return tell


def _error(status: dg.DagsterRunStatus) -> BaseException | None:
    if status is dg.DagsterRunStatus.SUCCESS:
        return None
    is_canceled = status is dg.DagsterRunStatus.CANCELED
    return RunCanceled("somebody stopped the run") if is_canceled else RunFailed("a step failed; its event says why")
