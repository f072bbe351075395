"""The job that looks what is in the store: a run that fails says that something is there which should not be so, or is
not there. It holds up nothing: no asset comes after it.
"""

from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from data_platform.wiring.platform import Platform

CATALOG_SCAN = "catalog_scan"
_MOST_SHOWN = 20


def scan_job() -> dg.JobDefinition:
    """A job of one op over the store and the served file."""

    @dg.op(required_resource_keys={"platform"}, description=__doc__)
    def look_at_the_store(context: dg.OpExecutionContext) -> None:
        platform: Platform = context.resources.platform
        with platform.meter.work("scan"):
            scanned = platform.scanner.scan()
        scan, waiting = scanned.scan, scanned.open
        metadata: dict[str, Any] = {
            "coverage": scan.coverage,
            "tables": scan.discovered,
            "with_a_contract": scan.cataloged,
            "drifted": scan.drifted,
            "unmanaged": scan.unmanaged,
            "missing": scan.missing,
            "to_settle": dg.MetadataValue.json({one.name: one.standing for one in waiting[:_MOST_SHOWN]}),
        }
        if waiting:
            named = ", ".join(f"{one.name} ({one.standing})" for one in waiting[:_MOST_SHOWN])
            raise dg.Failure(
                f"{len(waiting)} to settle: {named}; `data-platform catalog findings` says how",
                metadata=metadata,
                allow_retries=False,
            )
        context.add_output_metadata(metadata)

    @dg.job(name=CATALOG_SCAN, description="Compares what is in the store with contracts and ledger; changes no data.")
    def catalog_scan() -> None:
        look_at_the_store()

    return catalog_scan
