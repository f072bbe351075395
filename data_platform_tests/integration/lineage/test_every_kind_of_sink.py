"""The standard suite: what every kind of sink does, so that callers need not know which one they talk to."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from data_platform.clock import ManualClock
from data_platform.errors import ConfigurationError
from data_platform.lineage.sinks import kinds
from data_platform.lineage.sinks.kinds import open_sinks
from data_platform.lineage.sinks.protocol import Sink, SinkPlace
from data_platform_tests.integration.lineage.sending_process import NOW, event
from data_platform_tests.kit import Kit
from data_platform_tests.lineage_backend import Backend


@dataclass
class Trial:
    """A kind with its address, and what its receiver holds; `is_once` where repeats leave no trace."""

    word: str
    place: SinkPlace
    held: Callable[[], Sequence[int]]
    is_once: bool

    def open(self) -> Sink:
        (sink,) = open_sinks((self.word,), {}, self.place)
        return sink


@pytest.fixture(params=["catalog", "file", "http", "none"])
def trial(request: pytest.FixtureRequest, kit: Kit, backend: Backend, events_file: Path) -> Trial:
    def in_catalog() -> list[int]:
        with kit.platform.metastore.transaction() as tx:
            rows = tx.connection.exec_driver_sql("SELECT payload FROM catalog_events ORDER BY id").all()
        return [json.loads(row[0])["number"] for row in rows]

    def in_file() -> list[int]:
        return [json.loads(line)["number"] for line in events_file.read_text().splitlines()]

    def at_backend() -> list[int]:
        return [one["number"] for one in backend.events]

    place = SinkPlace(clock=ManualClock(NOW), take=kit.platform.intake.refusals)
    return {
        "catalog": Trial("catalog", place, in_catalog, is_once=True),
        "file": Trial(events_file.as_uri(), place, in_file, is_once=True),
        "http": Trial(backend.url, place, at_backend, is_once=False),
        "none": Trial("none", place, list, is_once=True),
    }[request.param]


def test_the_suite_runs_over_every_kind() -> None:
    assert {kind.module for kind in kinds._KINDS.values()} == {"catalog", "file", "http", "none"}


def test_events_arrive_in_order(trial: Trial) -> None:
    sink = trial.open()
    assert sink.send([event(1), event(2)], within_seconds=10) == 2
    assert sink.send([event(3)], within_seconds=10) == 1
    sink.close()
    assert list(trial.held()) == ([] if trial.word == "none" else [1, 2, 3])


def test_events_that_come_again_do_no_harm(trial: Trial) -> None:
    trial.open().send([event(1), event(2)], within_seconds=10)
    assert trial.open().send([event(1), event(2), event(3)], within_seconds=10) == 3
    held = list(trial.held())
    assert held == ([] if trial.word == "none" else [1, 2, 3] if trial.is_once else [1, 2, 1, 2, 3])


def test_its_name_is_the_same_each_time_and_closing_twice_is_fine(trial: Trial) -> None:
    one = trial.open()
    assert one.name == trial.open().name
    one.close()
    one.close()


def test_an_option_that_it_does_not_know_is_refused(trial: Trial) -> None:
    with pytest.raises(ConfigurationError, match="no_such_option"):
        open_sinks((trial.word,), {trial.word: {"no_such_option": 1}}, trial.place)
