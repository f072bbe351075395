"""The job that keeps tables quick to read: small files of raw become few, and long logs get a checkpoint."""

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

    @dg.job(name="upkeep", description="Compacts raw tables and writes checkpoints; content never changes.")
    def upkeep() -> None:
        tend_tables()

    return upkeep
