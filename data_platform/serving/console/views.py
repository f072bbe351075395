"""What pages say, put together from the catalog, the project's contracts and the ledger. Wording and markup are in the
templates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from data_platform.catalog.coverage import column_coverage
from data_platform.catalog.entries import Entries, Entry
from data_platform.catalog.history import SchemaChange, history_of
from data_platform.catalog.impact import impact_of
from data_platform.catalog.naming import Named, display, display_column
from data_platform.lineage.names import CONTRACT, PLATFORM
from data_platform.metastore.catalog_reads import DatasetLine
from data_platform.serving.console.rendering import (
    LAYERS,
    dataset_href,
    domain_of,
    href_of,
    layer_of,
    lineage_href,
)
from data_platform.transforms.driven import driven_by
from data_platform.wiring.platform import Platform

_NEAR = 12
_TAGS = 6  # of a line of search results
SECTIONS = (
    ("columns", "Columns"),
    ("contract", "Contract"),
    ("quality", "Quality"),
    ("ledger", "Ledger"),
    ("impact", "Impact"),
    ("runs", "Runs"),
    ("history", "History"),
)


@dataclass(frozen=True, slots=True)
class Tile:
    """One large number."""

    number: str
    label: str
    href: str = ""
    source: str = ""  # where the number comes from when the page is there already
    tone: str = ""  # good, warn or bad; empty says neither


def coverage(platform: Platform) -> Tile:
    """How much of the served layer is traced; a large estate is walked for seconds once something has changed."""
    found = column_coverage(platform.metastore.catalog)
    columns, traced = sum(one.columns for one in found), sum(one.traced for one in found)
    undescribed = sum(len(one.undescribed) for one in found)
    left_out = f"; {undescribed:,} served without known columns" if undescribed else ""
    share = f"{100 * traced // columns}%" if columns else "–"
    return Tile(share, f"of served columns traced to their source{left_out}")


def home(platform: Platform) -> dict[str, Any]:
    """The start page."""
    store = platform.metastore.catalog
    names = [name.split(".") for name in store.overview.names(PLATFORM)]
    domains = Counter(parts[1] for parts in names if parts[0] in LAYERS and len(parts) > 1)
    counts = store.reads.counts()
    tiles = [
        Tile(f"{sum(counts.values()):,}", "datasets known", "/search"),
        Tile("…", "of served columns traced to their source", source="/tiles/coverage"),
        Tile(f"{counts.get('drifted', 0) + counts.get('unmanaged', 0):,}", "drifted or unmanaged", "#attention"),
        Tile(f"{counts.get('external', 0) + counts.get('stub', 0):,}", "outside the platform"),
    ]
    return {
        "tiles": tiles,
        "recent": [_brief(one.dataset, at=one.at) for one in store.overview.written_last()],
        "domains": [{"name": name, "count": count} for name, count in sorted(domains.items())],
        "attention": [_wanting(line) for line in store.overview.wanting(limit=_NEAR)],
    }


def hit(line: DatasetLine) -> dict[str, Any]:
    """One line of search results."""
    return {
        **_brief(line),
        "href": href_of(line),
        "name": display(line),
        "description": line.description,
        "standing": line.standing,
        "is_deprecated": line.status == "deprecated",
        "tags": ", ".join(line.tags[:_TAGS]),
    }


def dataset(platform: Platform, line: DatasetLine) -> dict[str, Any]:
    """The page of one dataset."""
    entry = Entries(metastore=platform.metastore).of(line)
    upstream, downstream = _neighbours(entry)
    return {
        **_brief(line, at=None),
        "name": display(line),
        "href": href_of(line),
        "lineage": lineage_href(line.name, line.namespace),
        "domain": domain_of(line),
        "standing": line.standing,
        "status": line.status,
        "sunset": line.sunset,
        "replacement": entry.facets.get(CONTRACT, {}).get("replacement", ""),
        "description": line.description,
        "tags": line.tags,
        "contract_version": line.contract_version,
        "facts": list(_facts(entry)),
        "written_at": entry.history.versions[0].event_time if entry.history.versions else None,
        "neighbours": (
            ("Made from", upstream, "Nothing that is known."),
            ("Used by", downstream, "Nobody that is known."),
        ),
        "columns": [_column(entry, column) for column in entry.columns],
        "columns_left_out": entry.columns_left_out,
        "checks": entry.ledger.checks if entry.ledger else (),
        "assertions": _assertions(entry),
        "partitions": entry.ledger.partitions if entry.ledger else (),
        "batches": entry.ledger.batches if entry.ledger else (),
        "runs": list(_runs(entry)),
        "history": entry.history,
        **_contract(platform, line),
    }


def impact(platform: Platform, named: Named) -> dict[str, Any]:
    """Everything downstream of a dataset or column."""
    found = impact_of(platform.metastore.catalog, named)
    count = len(found.hits)
    return {
        "focus": named.column or display(named.dataset),
        "column": named.column,
        "owners": found.owners,
        "said": f"{count} dataset{'s' if count != 1 else ''} downstream.",
        "hits": [
            {
                **_brief(hit.dataset),
                "columns": hit.columns,
                "computed": hit.computed,
                "kind": hit.kind,
                "distance": hit.distance,
                "contract": hit.dataset.contract_version,
            }
            for hit in found.hits
        ],
    }


def changes(platform: Platform) -> list[dict[str, Any]]:
    """Schemas and contracts that came after a first one, the newest first."""
    store = platform.metastore.catalog
    found = []
    for line in store.overview.changed_last():
        history = history_of(store, line.id, versions=0)
        of = {"name": line.name, "namespace": line.namespace}
        found += [{**of, **_schema_change(schema)} for schema in history.schemas[:-1]]
        for now, before in zip(history.contracts[:-1], history.contracts[1:], strict=True):
            what = f"contract {before.version} → {now.version}"
            if now.version == before.version:
                what = f"contract {now.version} rewritten without a new version"
            found.append({**of, "at": now.at, "what": what, "added": (), "removed": (), "changed": ()})
    return sorted(found, key=lambda one: one["at"], reverse=True)


def _schema_change(schema: SchemaChange) -> dict[str, Any]:
    types = [f"{name}: {before} → {after}" for name, before, after in schema.changed]
    return {"at": schema.at, "what": "schema", "added": schema.added, "removed": schema.removed, "changed": types}


def _brief(line: DatasetLine, **more: Any) -> dict[str, Any]:
    owner = ", ".join(line.owners)
    return {"name": line.name, "namespace": line.namespace, "layer": layer_of(line), "owner": owner, **more}


def _wanting(line: DatasetLine) -> dict[str, Any]:
    """A dataset that asks for attention: the chip says what is wrong first, the reason all of it."""
    wrong = {"drifted": line.found or "changed outside the platform", "unmanaged": "no contract describes it"}
    reasons = [wrong.get(line.standing, ""), f"goes on {line.sunset}" if line.sunset else ""]
    standing = line.standing if line.standing in wrong else "deprecated"
    return _brief(line, standing=standing, why="; ".join(filter(None, reasons)))


def _facts(entry: Entry) -> Iterator[tuple[str, str]]:
    line = entry.dataset
    if line.owners:
        yield "Owner", ", ".join(line.owners)
    if line.tier:
        yield "Tier", line.tier
    if line.contract_version:
        yield "Contract", line.contract_version
    if line.found:
        yield "Found by the last scan", line.found
    newest = entry.history.versions[0] if entry.history.versions else None
    if newest is not None and newest.rows is not None:
        yield "Rows written last", f"{newest.rows:,}"
    if newest is not None:
        yield "Version", newest.version
    if entry.ledger is not None and entry.ledger.newest_event_time is not None:
        yield "Newest event", f"{entry.ledger.newest_event_time:%Y-%m-%d %H:%M} UTC"
    if entry.ledger is not None and entry.ledger.checks:
        passed = sum(check.verdict == "passed" for check in entry.ledger.checks)
        yield "Checks", f"{passed} of {len(entry.ledger.checks)} passed"


def _neighbours(entry: Entry) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    walk = entry.around
    found: dict[int, list[tuple[str, str]]] = {-1: [], 1: []}
    for one, distance in sorted(walk.distances.items(), key=lambda pair: walk.nodes[pair[0]].name):
        if distance in found:
            found[distance].append((walk.nodes[one].name, walk.nodes[one].namespace))
    return found[-1], found[1]


def _column(entry: Entry, column: Any) -> dict[str, Any]:
    sources = entry.sources.get(column.name, ())
    direct = {
        (display_column(source.dataset, source.column), dataset_href(source.dataset.name, source.dataset.namespace))
        for source in sources
        if source.kind == "direct"
    }
    return {
        "name": column.name,
        "type": column.type,
        "description": column.description,
        "classification": column.classification,
        "sources": [{"text": text, "href": href} for text, href in sorted(direct)],
        "is_constant": column.name in entry.sources and not direct,
    }


def _assertions(entry: Entry) -> Sequence[Mapping[str, Any]]:
    if entry.ledger is not None:  # the ledger has the same verdicts with their evidence
        return ()
    facets = (entry.facets, entry.input_facets, entry.output_facets)
    return [
        {"assertion": one.get("assertion"), "column": one.get("column"), "success": one.get("success")}
        for facet in facets
        for one in facet.get("dataQualityAssertions", {}).get("assertions", ())
    ]


def _runs(entry: Entry) -> Iterator[dict[str, Any]]:
    if entry.ledger is not None and entry.ledger.runs:
        for run in entry.ledger.runs:
            yield _run(run.run_id, run.state.value, run.dataset, run.started_at, run.error)
        return
    for seen in entry.runs:
        yield _run(seen.run_id, seen.state.lower(), seen.job_name, seen.started_at, seen.error)


def _run(run_id: str, state: str, job: str, started_at: datetime, error: str) -> dict[str, Any]:
    return {"run_id": run_id, "state": state, "job": job, "started_at": started_at, "error": error}


def _contract(platform: Platform, line: DatasetLine) -> dict[str, Any]:
    project = platform.project
    known = {str(name): name for name in project.datasets} if line.namespace == PLATFORM else {}
    name = known.get(line.name)
    faults = [fault for part in platform.soundness.parts if part.name == line.name for fault in part.faults]
    if name is None:
        return {"contract": (), "rules": (), "sql": None, "faults": faults}
    driven = driven_by(project, name)
    return {
        "faults": faults,
        "contract": list(driven.facts.items()),
        "rules": [{"name": rule.get("rule"), "severity": rule.get("severity")} for rule in driven.rules],
        "sql": project.dataset(name).sql_text,
    }
