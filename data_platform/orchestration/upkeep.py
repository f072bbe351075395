"""The job that keeps tables quick to read: small files become few, and long logs get a checkpoint. Afterwards it
publishes what the platform measures of itself, and meters what the store holds by then, published or not.
"""

from typing import TYPE_CHECKING

import dagster as dg

from data_platform.orchestration.failures import failure
from data_platform.orchestration.own_datasets import publish

if TYPE_CHECKING:
    from data_platform.wiring.platform import Platform


def upkeep_job() -> dg.JobDefinition:
    """A job of one op over every table of the store."""

    @dg.op(required_resource_keys={"platform"}, description=__doc__, pool="maintenance")
    def tend_tables(context: dg.OpExecutionContext) -> None:
        platform: Platform = context.resources.platform
        tended = [platform.upkeep.tend(ref) for ref in platform.lake.tables()]
        compacted = [t for t in tended if t.files_after < t.files_before]
        context.add_output_metadata(
            {
                "tables": len(tended),
                "compacted": len(compacted),
                "files_removed": sum(t.files_before - t.files_after for t in compacted),
                "files_vacuumed": sum(t.vacuumed for t in tended),
            }
        )

    @dg.op(
        required_resource_keys={"platform"},
        description="Meters what the store holds today, for the costs.",
        ins={"unpublished": dg.In(str)},
        pool="maintenance",
    )
    def costs_meter(context: dg.OpExecutionContext, unpublished: str) -> None:  # noqa: ARG001 - only for the order
        platform: Platform = context.resources.platform
        with platform.meter.work("metering"):
            lines = platform.storage_meter.meter()
        context.add_output_metadata({"places": len(lines), "size_bytes": sum(line.size_bytes for line in lines)})

    @dg.op(
        required_resource_keys={"platform"},
        description="Publishes what the platform measures of itself as the datasets served.platform.*; gives what "
        "could not be published to the step that fails for it.",
        ins={"tended": dg.In(dg.Nothing)},
        pool="warehouse/served",
    )
    def publish_own_datasets(context: dg.OpExecutionContext) -> str:
        try:
            publish(context, is_hourly=False)
        except Exception as error:  # noqa: BLE001 - what is stored is metered all the same; the last step fails
            told = failure(error).description or type(error).__name__
            context.add_output_metadata({"unpublished": told})
            return told
        return ""

    @dg.op(description="Fails where something could not be published; nothing waits for it.")
    def everything_is_published(unpublished: str) -> None:
        if unpublished:
            raise dg.Failure(unpublished, allow_retries=False)

    about = "Compacts tables, writes checkpoints, publishes own measurements, meters what is stored."

    @dg.job(name="upkeep", description=about)
    def upkeep() -> None:
        unpublished = publish_own_datasets(tend_tables())
        costs_meter(unpublished)
        everything_is_published(unpublished)

    return upkeep
