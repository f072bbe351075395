"""Dagster's daemons and sensors as its own storage tells of them, in a real instance."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, InstigatorType, SensorInstigatorData
from dagster._core.test_utils import instance_for_test
from dagster._daemon.types import DaemonHeartbeat
from dagster._utils.error import SerializableErrorInfo

from data_platform.orchestration.daemons import AtWork, at_work

from dagster._core.remote_origin import (  # isort: skip
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with instance_for_test(temp_dir=str(tmp_path)) as made:
        yield made


def beat(instance: dg.DagsterInstance, kind: str, ago: float, *errors: str) -> None:
    told = [SerializableErrorInfo(message=text, stack=[], cls_name=None) for text in errors]
    at = (NOW - timedelta(seconds=ago)).timestamp()
    instance.add_daemon_heartbeat(DaemonHeartbeat(timestamp=at, daemon_type=kind, daemon_id="d", errors=told))


def turn_on(instance: dg.DagsterInstance, name: str) -> None:
    target = LoadableTargetOrigin(module_name="data_platform.definitions")
    location = ManagedGrpcPythonEnvCodeLocationOrigin(loadable_target_origin=target)
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "__repository__"), name)
    instance.add_instigator_state(
        InstigatorState(
            origin,
            InstigatorType.SENSOR,
            InstigatorStatus.RUNNING,
            SensorInstigatorData(sensor_type=None, min_interval=30),
        )
    )


def one(found: list[AtWork], name: str) -> AtWork:
    return next(each for each in found if each.name == name)


def test_a_daemon_is_silent_after_two_minutes_and_counted_on_once_a_sensor_is_turned_on(
    instance: dg.DagsterInstance,
) -> None:
    beat(instance, "SENSOR", 119)
    assert not one(at_work(instance, NOW), "sensor").is_silent
    assert not one(at_work(instance, NOW), "sensor").is_expected
    turn_on(instance, "heartbeats")
    silent = one(at_work(instance, NOW + timedelta(seconds=2)), "sensor")
    assert (silent.is_silent, silent.is_expected) == (True, True)
    assert one(at_work(instance, NOW), "heartbeats").kind == "sensor"


def test_a_daemon_never_heard_of_is_silent_and_nobody_counts_on_it(instance: dg.DagsterInstance) -> None:
    never = one(at_work(instance, NOW), "scheduler")
    assert (never.last_at, never.is_silent, never.is_expected) == (None, True, False)


def test_what_a_daemon_failed_with_is_told_in_one_line(instance: dg.DagsterInstance) -> None:
    beat(instance, "SENSOR", 5, "OSError: disk full\nTraceback …")
    assert one(at_work(instance, NOW), "sensor").error == "OSError: disk full"
