"""The job that publishes what the platform measures of itself, every hour, and brings the warehouse file up to it.

What cannot be published fails the run at its end, after everything that can be.
"""

from typing import TYPE_CHECKING, Any

import dagster as dg

from data_platform.errors import PartlyPublished
from data_platform.orchestration.failures import failure
from data_platform.orchestration.run_lineage import lineage_job
from data_platform.orchestration.warehouse import WAREHOUSE_KEY

if TYPE_CHECKING:
    from data_platform.wiring.platform import Platform

OWN_DATASETS = "own_datasets"


def own_datasets_job() -> dg.JobDefinition:
    """A job of one op."""

    @dg.op(required_resource_keys={"platform"}, description=__doc__, pool="warehouse/served")
    def publish_measurements(context: dg.OpExecutionContext) -> None:
        try:
            publish(context, is_hourly=True)
        except PartlyPublished as error:
            raise failure(error) from error

    @dg.job(name=OWN_DATASETS, description="Publishes the datasets served.platform.* and builds the warehouse file.")
    def own_datasets() -> None:
        publish_measurements()

    return own_datasets


def publish(context: dg.OpExecutionContext, *, is_hourly: bool) -> None:
    """One turn of publishing, in the metadata of the step.

    Raises:
        PartlyPublished: some could not be published; the others were.
    """
    platform: Platform = context.resources.platform
    run = platform.run(context.run_id, job=lineage_job(context.job_name))
    turn = platform.own_publishing.turn(run, is_hourly=is_hourly)
    found: dict[str, Any] = {str(one.commit.ref): one.rows for one in turn.published}
    context.add_output_metadata({**found, "file_rebuilt": turn.file.rebuilt})
    if turn.file.rebuilt:
        metadata: dict[str, Any] = {"rebuilt": True, "versions": dg.MetadataValue.json(dict(turn.file.versions))}
        context.log_event(dg.AssetMaterialization(asset_key=WAREHOUSE_KEY, metadata=metadata))
