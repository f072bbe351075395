"""The work of `catalog`."""

from __future__ import annotations

from data_platform.catalog.coverage import column_coverage
from data_platform.catalog.entries import Entries, Entry
from data_platform.catalog.history import history_of
from data_platform.catalog.impact import impact_of
from data_platform.catalog.naming import display, find
from data_platform.catalog.search import Search
from data_platform.catalog.walks import ColumnWalk, Walk, Walks
from data_platform.cli.environment import platform_here
from data_platform.cli.output import counted, print_json, print_table, say
from data_platform.metastore.catalog_reads import DatasetLine

_WHOLE = "(all of it)"


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
    above, below = depth if up or not down else 0, depth if down or not up else 0
    walk: Walk | ColumnWalk
    with platform_here() as platform:
        store = platform.metastore.catalog
        named = find(store, dataset)
        walks = Walks(store=store)
        if named.column:
            walk = walks.columns((named.dataset.id, named.column), up=above, down=below)
        else:
            walk = walks.datasets(named.dataset.id, up=above, down=below)
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
            ", ".join(hit.columns) or _WHOLE,
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
    """Shows the coverage of each domain; 1 where a column has no full path."""
    with platform_here() as platform:
        domains = column_coverage(platform.metastore.catalog)
    if as_json:
        print_json(
            [
                {"domain": d.domain, "columns": d.columns, "traced": d.traced, "ratio": d.ratio, "untraced": d.untraced}
                for d in domains
            ]
        )
    else:
        print_table(
            "",
            ["domain", "columns", "traced", "share"],
            [(d.domain, d.columns, d.traced, f"{d.ratio:.1%}") for d in domains],
        )
        for domain in domains:
            for column in domain.untraced:
                say(f"no full path to raw: {column}")
    return 0 if all(not domain.untraced for domain in domains) else 1


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
            ", ".join(dict.fromkeys(f"{display(s.dataset)}.{s.column}" for s in entry.sources.get(column.name, ()))),
            column.description,
        )
        for column in entry.columns
    ]
    print_table("columns", ["column", "type", "class", "made of", "meaning"], rows)
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
        return display(walk.nodes[dataset]) + (f".{column}" if column else f" {_WHOLE}")

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
