"""When the platform's own datasets are published: every hour, by one process. What goes with it is here too: the
warehouse file that holds them, the upkeep of their tables, and the beat that says that somebody publishes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from data_platform.clock import Clock
from data_platform.costs.metering import Meter
from data_platform.errors import FaultyProject, PartlyPublished
from data_platform.metastore.component_beats import OWN_DATASETS, ComponentBeat, ComponentBeats
from data_platform.metastore.instances import this_instance
from data_platform.observability.logs.logger import get_logger
from data_platform.publication.candidate import Published, Run
from data_platform.publication.lease import Leases
from data_platform.publication.served_file import ServedFile
from data_platform.publication.upkeep import Upkeep
from data_platform.publication.warehouse import WarehouseBuild
from data_platform.rounds import Rounds
from data_platform.transforms.own_datasets import OwnDatasets

EVERY = timedelta(hours=1)
_LOOK_SECONDS = 60.0
_LAST_TURN_SECONDS = 30.0  # a process that is told to stop waits for it; what is cut off is published by the next turn
_OTHERS_FIRST = timedelta(minutes=5)  # whoever published last has this long to do it again
_FILE = "warehouse"
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTurn:
    """What one turn did: datasets of which a new version was published, and the file."""

    published: tuple[Published, ...]
    file: WarehouseBuild


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPublishing:
    """Publishes the own datasets.

    Attributes:
        new_run: gives the run under which a turn is recorded that nobody else started.
    """

    datasets: OwnDatasets
    file: ServedFile
    upkeep: Upkeep
    beats: ComponentBeats
    leases: Leases
    meter: Meter
    clock: Clock
    new_run: Callable[[], Run]

    def turn(self, run: Run, *, is_hourly: bool = False) -> OwnTurn:
        """Publishes what changed and brings the warehouse file up to it, even if some could not be published.

        Args:
            run: the identity under which everything is recorded.
            is_hourly: whether the next turn is expected within the hour, so that its staying away is told.

        Raises:
            PartlyPublished: some datasets, or the file (`warehouse`), could not be made; the others were.
        """
        errors: dict[str, Exception] = {}
        published: list[Published] = []
        with self.meter.work("own_datasets"):
            try:
                published = self.datasets.publish_all(run)
            except PartlyPublished as error:
                errors.update(error.errors)
                published = list(error.published)
            for one in published:
                if self.upkeep.is_due(one.commit.version):
                    self.upkeep.tend(one.commit.ref)
            try:
                file = self.file.build(run)
            except Exception as error:  # noqa: BLE001 - told with what the datasets told
                errors[_FILE] = error
        self._beat(errors.get(_FILE), is_hourly=is_hourly)
        if errors:
            raise PartlyPublished(errors, published=published)
        return OwnTurn(published=tuple(published), file=file)

    def turn_if_due(self) -> OwnTurn | None:
        """Has a turn where the last one is an hour ago, whoever had it; None where it is not.

        Raises:
            PartlyPublished: as by `turn`.
        """
        if not self.is_due():
            return None
        with self.leases.hold("own_datasets"):
            if not self.is_due():  # another process had it meanwhile
                return None
            with self.datasets.recorder.launch(self.new_run()) as run:
                return self.turn(run, is_hourly=True)

    def is_due(self) -> bool:
        """Whether a turn is due in this process."""
        beat, now = self.beats.of(OWN_DATASETS), self.clock.now()
        wait = EVERY if beat is None or beat.instance == this_instance() else EVERY + _OTHERS_FIRST
        return beat is None or abs(now - beat.beat_at) >= wait

    def _beat(self, error: Exception | None, *, is_hourly: bool) -> None:
        """A turn that a person asked for is no promise of another one. What became of datasets, their runs tell, and
        that the project has faults, the watch.
        """
        known = self.beats.of(OWN_DATASETS)
        every = EVERY.total_seconds() if is_hourly else known.expected_every_seconds if known else 0.0
        if every:
            beat = ComponentBeat(
                component=OWN_DATASETS,
                instance=this_instance(),
                beat_at=self.clock.now(),
                expected_every_seconds=every,
                detail="" if error is None or isinstance(error, FaultyProject) else type(error).__name__,
            )
            self.beats.beat(beat)


class HourlyPublishing(Rounds):
    """Publishes every hour while a block lasts, from a thread of its own: measuring and alerting never wait for it."""

    ends_within_seconds = _LAST_TURN_SECONDS

    def __init__(self, publishing: Callable[[], OwnPublishing], *, every_seconds: float = _LOOK_SECONDS) -> None:
        """`publishing` is asked at every turn: what it is made of may have been read anew."""
        super().__init__(
            lambda: publish_if_due(publishing()), name="own-datasets", every_seconds=every_seconds, waits_first=False
        )


def publish_if_due(publishing: OwnPublishing) -> None:
    """A turn where one is due. What could not be published is logged; that it could not, its runs and its beat tell."""
    try:
        publishing.turn_if_due()
    except PartlyPublished as error:
        _log.warning("own datasets were not all published", error=str(error))
