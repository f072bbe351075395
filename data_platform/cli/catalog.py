"""The work of `catalog`."""

from __future__ import annotations

from dataclasses import asdict

from data_platform.catalog.coverage import DomainCoverage, column_coverage
from data_platform.catalog.entries import Entries, Entry
from data_platform.catalog.history import history_of
from data_platform.catalog.impact import Hit, impact_of
from data_platform.catalog.naming import display, display_column, find
from data_platform.catalog.search import Search
from data_platform.catalog.walks import ColumnWalk, Walk, Walks, Way
from data_platform.cli.environment import platform_here
from data_platform.cli.output import counted, print_json, print_table, say
from data_platform.metastore.catalog_findings import ScanEntry
from data_platform.metastore.catalog_reads import DatasetLine

_WHOLE = "(all of it)"
_BEGINNING = 80  # characters of a text


def search(*, words: tuple[str, ...], limit: int, cursor: str | None, as_json: bool) -> int:
    """Finds datasets; 1 if there is none."""
    with platform_here() as platform:
        page = Search(store=platform.metastore.catalog).find(" ".join(words), limit=limit, cursor=cursor)
    if as_json:
        print_json({"hits": [{"score": hit.score, "dataset": hit.dataset} for hit in page.hits], "cursor": page.cursor})
    elif page.hits:
        print_table(
            "", ["dataset", "standing", "owner", "tags", "description"], [_row(hit.dataset) for hit in page.hits]
        )
        if page.cursor:
            say(f"there is more: --cursor {page.cursor}")
    else:
        say("nothing has all of these words; try fewer, or the beginning of one")
    return 0 if page.hits else 1


def show(*, dataset: str, as_json: bool) -> int:
    """Shows one dataset."""
    with platform_here() as platform:
        named = find(platform.metastore.catalog, dataset)
        entry = Entries(metastore=platform.metastore).of(named.dataset)
    if as_json:
        print_json(entry)
    else:
        _show_entry(entry)
    return 0


def lineage(*, dataset: str, up: bool, down: bool, depth: int, as_json: bool) -> int:
    """Shows where a dataset or a column comes from and goes to."""
    way: Way = "both" if up == down else "up" if up else "down"
    with platform_here() as platform:
        store = platform.metastore.catalog
        walk = Walks(store=store).around(find(store, dataset), way=way, depth=depth)
    if as_json:
        print_json(_plain_walk(walk))
    elif isinstance(walk, ColumnWalk):
        _show_columns(walk)
    else:
        _show_datasets(walk)
    if walk.is_cut:
        say(f"there is more than the {counted(len(walk.distances), 'node')} shown; lower --depth or take one direction")
    return 0


def impact(*, dataset: str, as_json: bool) -> int:
    """Lists everything downstream."""
    with platform_here() as platform:
        store = platform.metastore.catalog
        found = impact_of(store, find(store, dataset))
    if as_json:
        print_json(found)
        return 0
    rows = [
        (
            hit.distance,
            display(hit.dataset),
            _hit_columns(hit),
            hit.kind,
            ", ".join(hit.dataset.owners),
            hit.dataset.contract_version,
            " → ".join(display(one) for one in hit.path),
        )
        for hit in found.hits
    ]
    print_table("", ["steps", "dataset", "columns", "how", "owner", "contract", "path"], rows)
    say(f"{counted(len(rows), 'dataset')} downstream; ask {', '.join(found.owners) or 'nobody: none names an owner'}")
    return 0


def history(*, dataset: str, as_json: bool) -> int:
    """Shows what a dataset was."""
    with platform_here() as platform:
        store = platform.metastore.catalog
        named = find(store, dataset)
        past = history_of(store, named.dataset.id)
    if as_json:
        print_json(past)
        return 0
    schemas = [
        (
            one.at.isoformat(),
            one.columns,
            ", ".join(one.added),
            ", ".join(one.removed),
            ", ".join(f"{name}: {old} → {new}" for name, old, new in one.changed),
            "now" if one.is_current else "",
        )
        for one in past.schemas
    ]
    print_table("schemas", ["since", "columns", "added", "removed", "changed", ""], schemas)
    print_table(
        "contracts", ["since", "version", "id"], [(c.at.isoformat(), c.version, c.contract_id) for c in past.contracts]
    )
    versions = [(v.version, v.event_time.isoformat(), v.rows, v.contract_version, v.run_id) for v in past.versions]
    print_table("versions", ["version", "written", "rows", "contract", "run"], versions)
    return 0


def coverage(*, as_json: bool) -> int:
    """Shows the coverage of each domain, and of what is in the store; 1 where a column has no full path."""
    with platform_here() as platform:
        domains = column_coverage(platform.metastore.catalog)
        scan = platform.metastore.catalog.scans.latest()
    if as_json:
        columns = [
            {"domain": d.domain, "columns": d.columns, "traced": d.traced, "ratio": d.ratio, "untraced": d.untraced,
             "undescribed": d.undescribed}
            for d in domains
        ]  # fmt: skip
        print_json({"columns": columns, "tables": {"ratio": scan.coverage, **asdict(scan)} if scan else None})
    else:
        print_table(
            "",
            ["domain", "columns", "traced", "share"],
            [(d.domain, d.columns, d.traced, _share(d)) for d in domains],
        )
        if not domains:
            say("nothing to trace: the catalog has no served dataset")
        for domain in domains:
            for column in domain.untraced:
                say(f"no full path to raw: {column}")
            for dataset in domain.undescribed:
                say(f"no columns are known: {dataset}")
        say(scan_in_words(scan) if scan else "nobody has looked what is in the store: data-platform catalog scan")
    return 0 if all(domain.is_full for domain in domains) else 1


def refused(*, limit: int, as_json: bool) -> int:
    """Lists texts that are no events."""
    with platform_here() as platform:
        found = platform.metastore.catalog.events.refused(limit, characters=None if as_json else _BEGINNING)
    if as_json:
        print_json(found)
    elif found:
        rows = [
            (one.received_at.isoformat(), one.times, one.error, one.pointer, one.detail, one.payload) for one in found
        ]
        print_table("", ["last sent", "times", "fault", "where", "what is wrong", "begins"], rows)
        say("`data-platform catalog refused --json` shows them whole")
    else:
        say("nothing was refused")
    return 0


def _hit_columns(hit: Hit) -> str:
    if not hit.columns:
        return _WHOLE
    names = ", ".join(hit.columns)
    if hit.kind != "rows":
        return names
    return f"{', '.join(hit.computed)}; by rows all: {names}" if hit.computed else f"all: {names}"


def _share(domain: DomainCoverage) -> str:
    if not domain.columns:
        return "nothing to trace"
    tenths = 1_000 * domain.traced // domain.columns  # never rounded up: 100 % is all of them
    return f"{tenths / 10:.1f}%"


def scan_in_words(scan: ScanEntry) -> str:
    """How much of what is there a contract describes, and when that was looked at."""
    return (
        f"{counted(scan.discovered, 'table')} in the store at {scan.ended_at:%Y-%m-%d %H:%M} UTC, "
        f"{scan.cataloged:,} with a contract ({scan.coverage:.1%}); {scan.undecided:,} to settle"
    )


def _row(dataset: DatasetLine) -> tuple[object, ...]:
    return (
        display(dataset),
        dataset.standing,
        ", ".join(dataset.owners),
        ", ".join(dataset.tags),
        dataset.description.partition("\n")[0],
    )


def _show_entry(entry: Entry) -> None:
    dataset = entry.dataset
    around = {-1: "comes from", 1: "goes to"}
    neighbours = {
        way: ", ".join(
            sorted(display(entry.around.nodes[one]) for one, d in entry.around.distances.items() if d == step)
        )
        for step, way in around.items()
    }
    facts = {
        "standing": dataset.standing,
        "found": dataset.found or "",
        "owner": ", ".join(dataset.owners),
        "tier": dataset.tier,
        "tags": ", ".join(dataset.tags),
        "contract": f"{dataset.contract_id} {dataset.contract_version}".strip(),
        "status": f"{dataset.status}{f', until {dataset.sunset}' if dataset.sunset else ''}",
        "written by": ", ".join(name for _, name in entry.writers),
        "read": counted(dataset.reads, "time"),
        **neighbours,
    }
    print_table(display(dataset), ["", ""], [("meaning", dataset.description), *facts.items()])
    rows = [
        (
            column.name,
            column.type,
            column.classification,
            ", ".join(dict.fromkeys(display_column(s.dataset, s.column) for s in entry.sources.get(column.name, ()))),
            column.description,
        )
        for column in entry.columns
    ]
    print_table("columns", ["column", "type", "class", "made of", "meaning"], rows)
    if entry.columns_left_out:
        say(f"the schema has {entry.columns_left_out:,} more columns: the catalog keeps the first {len(rows):,}")
    if entry.ledger is not None:
        checks = [(c.rule, c.verdict, c.failing_rows, c.recorded_at.isoformat()) for c in entry.ledger.checks]
        print_table("checks", ["rule", "verdict", "failing", "when"], checks)
    runs = [(run.started_at.isoformat(), run.state, run.job_name, run.run_id, run.error) for run in entry.runs]
    print_table("runs", ["began", "state", "job", "run", "error"], runs)


def _show_datasets(walk: Walk) -> None:
    ways: dict[int, list[str]] = {}
    for edge in walk.edges:
        ways.setdefault(edge.target, []).append(display(walk.nodes[edge.source]))
    rows = [
        (step, display(walk.nodes[one]), walk.nodes[one].standing, ", ".join(sorted(set(ways.get(one, ())))))
        for one, step in sorted(walk.distances.items(), key=lambda item: (item[1], display(walk.nodes[item[0]])))
    ]
    print_table("", ["step", "dataset", "standing", "made of"], rows)


def _show_columns(walk: ColumnWalk) -> None:
    def named(dataset: int, column: str) -> str:
        return display_column(walk.nodes[dataset], column) + ("" if column else f" {_WHOLE}")

    rows = sorted(
        (
            walk.distances.get((edge.src_id, edge.src_column), 0),
            named(edge.src_id, edge.src_column),
            named(edge.dst_id, edge.dst_column),
            edge.kind,
            edge.subtype.lower(),
        )
        for edge in walk.edges
        if edge.src_id in walk.nodes and edge.dst_id in walk.nodes
    )
    print_table("", ["step", "from", "to", "how", "kind"], rows)


def _plain_walk(walk: Walk | ColumnWalk) -> object:
    names = {one: display(dataset) for one, dataset in walk.nodes.items()}
    if isinstance(walk, Walk):
        nodes = [{"dataset": names[one], "step": step} for one, step in walk.distances.items()]
        edges = [{"from": names[e.source], "to": names[e.target], "job": list(e.job)} for e in walk.edges]
        return {"nodes": nodes, "edges": edges, "is_cut": walk.is_cut}
    nodes = [{"dataset": names[one], "column": name, "step": step} for (one, name), step in walk.distances.items()]
    column_edges = [
        {
            "from": [names.get(e.src_id, ""), e.src_column],
            "to": [names.get(e.dst_id, ""), e.dst_column],
            "kind": e.kind,
            "subtype": e.subtype,
        }
        for e in walk.edges
    ]
    return {"nodes": nodes, "edges": column_edges, "is_cut": walk.is_cut}
