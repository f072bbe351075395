"""The served layer as one DuckDB file, at the end of everything: its asset, and the checks that open what was built."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import dagster as dg

from data_platform.contracts.model import DatasetName, Layer
from data_platform.contracts.types import quote_identifier
from data_platform.orchestration.failures import RETRY_POLICY, failure
from data_platform.orchestration.location import Location, asset_key
from data_platform.orchestration.run_lineage import lineage_job
from data_platform.orchestration.run_tracing import traceparent_of

if TYPE_CHECKING:
    from data_platform.publication.warehouse import WarehouseBuild

WAREHOUSE_KEY = dg.AssetKey(["warehouse", "served"])
WAREHOUSE = "warehouse.served"
ROWS_MATCH = "rows_match"
UPLOADED = "uploaded"
STORE_OBJECT = "warehouse/served.duckdb"
_ATTEMPTS = 3


def warehouse_asset(location: Location) -> dg.AssetsDefinition:
    """Builds the file if a served version changed; downstream of every served dataset."""
    served = location.of_layer(Layer.SERVED)
    is_remote = location.settings.store.startswith("s3://")
    checks = [dg.AssetCheckSpec(ROWS_MATCH, asset=WAREHOUSE_KEY, blocking=True, description=_ROWS_MATCH)]
    if is_remote:
        checks.append(dg.AssetCheckSpec(UPLOADED, asset=WAREHOUSE_KEY, blocking=True, description=_UPLOADED))

    def body(context: dg.AssetExecutionContext) -> Iterator[Any]:
        yield from _build(context, location.settings.store if is_remote else None)

    return dg.multi_asset(
        name="warehouse__served",
        specs=[
            dg.AssetSpec(
                WAREHOUSE_KEY,
                deps=[asset_key(dataset.name) for dataset in served],
                group_name="warehouse",
                kinds={"duckdb"},
                description="All served datasets in one DuckDB file for people and BI tools: a copy.",
                metadata={"dagster/uri": f"file://{location.settings.warehouse_file}"},
            )
        ],
        check_specs=checks,
        backfill_policy=dg.BackfillPolicy.single_run(),  # may stand in a run over a range of days
        retry_policy=RETRY_POLICY,
        required_resource_keys={"platform", "progress", "warehouse"} | ({"s3"} if is_remote else set()),
        pool="warehouse/served",
    )(body)


_ROWS_MATCH = "Opened as people open it, every table holds as many rows as the served version it was built from."
_UPLOADED = "The bucket holds the file with the size of the one that was built."


def _build(context: dg.AssetExecutionContext, store: str | None) -> Iterator[Any]:
    try:
        built, found = _built_and_counted(context)
    except Exception as error:
        yield _result(ROWS_MATCH, passed=False, evidence={"verdict": "unknown", "rows_examined": 0})
        if store is not None:
            yield _result(UPLOADED, passed=False, evidence={"verdict": "unknown"})
        raise failure(error) from error
    wrong = {name: found.get(name, 0) for name, rows in built.rows.items() if found.get(name) != rows}
    yield _result(
        ROWS_MATCH,
        passed=not wrong,
        evidence={
            "verdict": "failed" if wrong else "passed" if built.rows else "not_applicable",
            "rows_examined": sum(found.values()),
            "tables": len(found),
            "wrong": dg.MetadataValue.json(wrong),
        },
    )
    if store is not None:
        yield _uploaded(context, store, built.file.stat().st_size)
    if wrong:
        raise dg.Failure(
            f"the warehouse file does not hold what was published: {wrong}; delete it and build it again",
            allow_retries=False,
        )
    yield dg.MaterializeResult(
        asset_key=WAREHOUSE_KEY,
        metadata={
            "size_bytes": built.file.stat().st_size,
            "rebuilt": built.rebuilt,
            "versions": dg.MetadataValue.json(dict(built.versions)),
            "rows": dg.MetadataValue.json(dict(built.rows)),
        },
    )


def _built_and_counted(context: dg.AssetExecutionContext) -> "tuple[WarehouseBuild, dict[str, int]]":
    """The file as it should be, and the rows by dataset, counted in the file itself. Where another process swapped in a
    newer one meanwhile, that one.
    """
    platform = context.resources.platform
    run = platform.run(context.run.run_id, job=lineage_job(context.job_name))
    run = replace(run, traceparent=traceparent_of(context.run))
    for _ in range(_ATTEMPTS):
        built: WarehouseBuild = platform.served_file.build(run)
        found = _counted(context, built)
        if platform.warehouse.built_versions() == built.versions:
            break
    return built, found


def _counted(context: dg.AssetExecutionContext, built: "WarehouseBuild") -> dict[str, int]:
    """Rows by dataset, counted in the file itself."""
    found: dict[str, int] = {}
    with context.resources.warehouse.get_connection() as con:
        tables = set(con.execute("SELECT schema_name, table_name FROM duckdb_tables()").fetchall())
        for name in map(DatasetName.parse, built.versions):
            if (name.domain, name.name) in tables:
                table = f"{quote_identifier(name.domain)}.{quote_identifier(name.name)}"
                found[str(name)] = con.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    return found


def _uploaded(context: dg.AssetExecutionContext, store: str, size_bytes: int) -> dg.AssetCheckResult:
    bucket, _, prefix = store.removeprefix("s3://").partition("/")
    key = f"{prefix}/{STORE_OBJECT}" if prefix else STORE_OBJECT
    stored = context.resources.s3.head_object(Bucket=bucket, Key=key)["ContentLength"]
    return _result(
        UPLOADED,
        passed=stored == size_bytes,
        evidence={
            "verdict": "passed" if stored == size_bytes else "failed",
            "size_bytes": size_bytes,
            "stored_bytes": stored,
        },
    )


def _result(name: str, *, passed: bool, evidence: dict[str, Any]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=WAREHOUSE_KEY, check_name=name, passed=passed, metadata=evidence, severity=dg.AssetCheckSeverity.ERROR
    )
