"""The job that keeps tables quick to read: small files of raw become few, and long logs get a checkpoint. Afterwards
it publishes what the platform measures of itself, and meters what the store holds.
"""

from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from data_platform.wiring import Platform


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
            }
        )

    @dg.op(
        required_resource_keys={"platform"},
        description="Meters what the store holds today, for the costs.",
        ins={"tended": dg.In(dg.Nothing)},
        pool="maintenance",
    )
    def costs_meter(context: dg.OpExecutionContext) -> None:
        platform: Platform = context.resources.platform
        with platform.meter.work("metering"):
            lines = platform.storage_meter.meter()
        context.add_output_metadata({"places": len(lines), "size_bytes": sum(line.size_bytes for line in lines)})

    @dg.op(
        required_resource_keys={"platform"},
        description="Publishes what the platform measures of itself as the datasets served.platform.*.",
        ins={"tended": dg.In(dg.Nothing)},
        pool="maintenance",
    )
    def publish_own_datasets(context: dg.OpExecutionContext) -> None:
        platform: Platform = context.resources.platform
        published = platform.own_datasets.publish_all(platform.run(job="upkeep"))
        context.add_output_metadata({str(one.commit.ref): one.rows for one in published})

    about = "Compacts raw tables, writes checkpoints, publishes own measurements, meters what is stored."

    @dg.job(name="upkeep", description=about)
    def upkeep() -> None:
        costs_meter(publish_own_datasets(tend_tables()))

    return upkeep
