"""The work of `ingest`."""

from __future__ import annotations

from data_platform.cli.environment import platform_here, watching_here
from data_platform.cli.lineage import send_a_little
from data_platform.cli.output import print_json, print_table, say, working
from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.contracts.places import nearest
from data_platform.errors import ConfigurationError
from data_platform.lakehouse.landing import LandingLog, SchemaDifference
from data_platform.wiring.platform import Platform

_COLUMNS = ("batch", "files", "skipped", "rejected whole", "source rows", "raw", "rejected")


def list_sources(*, as_json: bool) -> int:
    """Prints every source instance."""
    with watching_here() as platform:
        rows = [_source(platform, entry) for entry in sources(platform)]
    if as_json:
        print_json(rows)
    else:
        print_table(
            "", ["source", "kind", "dataset", "batches", "watermark", "options"], [list(row.values()) for row in rows]
        )
    return 0


def run_source(*, name: str, as_json: bool) -> int:
    """Ingests one source instance."""
    with platform_here() as platform:
        entry = named_source(platform, name)
        with working(f"ingesting {name}"), platform.recorder.launch(platform.run(job="ingest")) as run:
            batches = platform.ingester.ingest(entry, run)
            send_a_little(platform)
    if as_json:
        print_json(
            [
                {
                    "batch": f"{b.source}/{b.n}",
                    "source_rows": b.source_rows,
                    "raw_rows": b.raw_rows,
                    "rejected_rows": b.rejected_rows,
                    "files": b.files,
                }
                for b in batches
            ]
        )
        return 0
    rows = [
        (
            f"{b.source}/{b.n}",
            len(b.files),
            sum(f.outcome == "skipped" for f in b.files),
            sum(f.outcome == "rejected" for f in b.files),
            b.source_rows,
            b.raw_rows,
            b.rejected_rows,
        )
        for b in batches
    ]
    if rows:
        print_table(str(entry.dataset), _COLUMNS, rows)
    say(f"{name}: {len(batches)} new {'batch' if len(batches) == 1 else 'batches'}" if rows else f"{name}: nothing new")
    return 0


def inspect_batch(*, batch: str, as_json: bool) -> int:
    """Prints one manifest."""
    source, _, number = batch.rpartition("/")
    if not source or not number.isdecimal():
        raise ConfigurationError(f"{batch!r} is no batch; write source/number, for example orders/1")
    with platform_here() as platform:
        entry = named_source(platform, source)
        landing = LandingLog(platform.store, entry.dataset.domain, entry.dataset.name)
        try:
            manifest = landing.read(entry.name, int(number))
        except FileNotFoundError as error:
            raise ConfigurationError(
                f"{source} has no batch {number}; its last is {landing.last_number(source)}"
            ) from error
    if as_json:
        print_json(manifest)
        return 0
    facts = {
        "dataset": manifest.dataset,
        "received at": manifest.received_at,
        "connector": manifest.connector_version,
        "contract": f"{manifest.contract_version} ({manifest.contract_sha256[:12]})",
        "position": f"{dict(manifest.position_from)} to {dict(manifest.position_to)}",
        "watermark before": manifest.watermark_before or "",
        "skipped": len(manifest.skipped),
    }
    print_table(manifest.batch_id, ["", ""], list(facts.items()))
    objects = [
        (o.name, o.size_bytes, o.sha256[:12], ", ".join(o.source_schema or ()), _differs(o.difference))
        for o in manifest.objects
    ]
    print_table("objects", ["name", "bytes", "sha256", "source schema", "differs from the contract"], objects)
    return 0


def _differs(difference: SchemaDifference | None) -> str:
    if difference is None:
        return ""
    parts = {"added": difference.added, "removed": difference.removed, "changed": difference.changed}
    told = [f"{what} {', '.join(names)}" for what, names in parts.items() if names]
    return "; ".join([*told, *(["reordered"] if difference.is_reordered else [])])


def sources(platform: Platform) -> list[ConnectorEntry]:
    """Every source instance of the project."""
    return [entry for domain in platform.project.domains for entry in domain.connectors]


def _source(platform: Platform, entry: ConnectorEntry) -> dict[str, object]:
    metastore, dataset = platform.metastore, str(entry.dataset)
    watermark = metastore.event_dates.watermark(dataset, source=entry.name)
    return {
        "source": entry.name,
        "kind": entry.kind,
        "dataset": dataset,
        "batches": metastore.batches.last_number(dataset, source=entry.name) or 0,
        "watermark": watermark.isoformat() if watermark else None,
        "options": ", ".join(f"{key}={value}" for key, value in entry.options.items()),
    }


def named_source(platform: Platform, name: str) -> ConnectorEntry:
    """The source instance of that name, or of `domain.name`.

    Raises:
        ConfigurationError: there is none, or several domains have one.
    """
    found = [entry for entry in sources(platform) if name in (entry.name, f"{entry.dataset.domain}.{entry.name}")]
    if len(found) == 1:
        return found[0]
    known = [f"{entry.dataset.domain}.{entry.name}" for entry in (found or sources(platform))]
    why = "is in several domains" if found else "does not exist"
    raise ConfigurationError(f"source {name!r} {why}; {nearest(name, known)}; `data-platform ingest list` shows all")
