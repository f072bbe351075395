"""The warehouse file of everything that is served, the platform's own datasets among it: built where a version changed,
metered, traced, and told to the lineage. How it is built is in `warehouse`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from data_platform.contracts.model import Contract
from data_platform.costs.metering import Meter
from data_platform.publication.candidate import Run
from data_platform.publication.recording import Recorder
from data_platform.publication.warehouse import Warehouse, WarehouseBuild


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedFile:
    """Keeps the file current.

    Attributes:
        contracts: gives what is served, as of now.
    """

    warehouse: Warehouse
    contracts: Callable[[], Sequence[Contract]]
    recorder: Recorder
    meter: Meter

    def build(self, run: Run) -> WarehouseBuild:
        """Makes the file say what the served tables say; does nothing where it does already."""
        with (
            self.meter.work("warehouse"),
            self.recorder.tracer.span("warehouse", parent=run.traceparent, run_id=run.id),
        ):
            built = self.warehouse.build(self.contracts())
        if built.rebuilt:
            self.recorder.exported(run, built.versions, built.rows)
        return built
