"""The work of `contracts diff`: what changed between two trees, whom it concerns, and whether it may pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from importlib import import_module
from pathlib import Path

from data_platform.cli.contract_downstream import Affected, downstream
from data_platform.cli.contract_reports import print_diff
from data_platform.cli.contract_trees import Tree, trees_of
from data_platform.cli.environment import settings_here
from data_platform.cli.output import working
from data_platform.contracts.compatibility import Comparison, compare
from data_platform.contracts.compatibility_verdicts import BREAKING, COMPATIBLE, RISKY, Change, Step
from data_platform.contracts.model import Contract, DatasetName
from data_platform.contracts.versions import UNRELIED, step_needed, table_of_major
from data_platform.contracts.waivers import FILE, Waiver, read_waivers_text
from data_platform.errors import ConfigurationError, Fault, FaultyProject
from data_platform.transforms.query import UnreadableQuery, read_query


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A change with whom it concerns, and the waiver that lets it pass."""

    change: Change
    affected: tuple[Affected, ...] = ()
    waiver: Waiver | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetDiff:
    """What became of one dataset.

    Attributes:
        needed: the version step that the changes need which nobody waived.
        refused: why it may not pass; empty where it may.
        advice: what to think of all the same; empty where there is nothing.
    """

    dataset: DatasetName
    base_version: str
    head_version: str
    owner: str
    needed: Step
    made: Step | None
    changes: tuple[Seen, ...]
    refused: str = ""
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """Everything that differs between two trees; `faults` of waivers stop it as refusals do."""

    base: str
    head: str
    compared: int
    datasets: tuple[DatasetDiff, ...]
    faults: tuple[Fault, ...] = ()

    @property
    def is_refused(self) -> bool:
        """Whether anything may not pass."""
        return bool(self.faults) or any(dataset.refused for dataset in self.datasets)


def diff(*, base: str, head: str | None, as_json: bool, as_markdown: bool, is_recorded: bool = False) -> int:
    """Prints what changed; 1 where a breaking change has neither a major version nor a waiver."""
    folders = [Path(folder) for folder in settings_here().domains]
    with working("comparing contracts"):
        trees = trees_of(base, head, folders=folders)
        found = diff_of(*trees, today=datetime.now(UTC).date())
    if is_recorded:
        import_module("data_platform.cli.contract_recording").record(*trees, found)  # opens the metastore
    print_diff(found, as_json=as_json, as_markdown=as_markdown)
    return 1 if found.is_refused else 0


def diff_of(base: Tree, head: Tree, *, today: date) -> Diff:
    """Compares two trees.

    Raises:
        FaultyProject: a contract of the new tree that differs from the old one cannot be read.
        ConfigurationError: neither tree has a contract.
    """
    if not base.names | head.names:
        raise ConfigurationError(f"neither {base.label} nor {head.label} has a contract, so nothing was compared")
    if len(base.files) == len(head.files) == 1:
        head = _renamed(head, next(iter(base.names), None))
    names = sorted(name for name in base.names | head.names if _differs(base, head, name))
    broken = [fault for name in names if name in head.names for fault in head.read(name).faults]
    if broken:
        raise FaultyProject(broken)
    waivers, faults = _waivers(head, today)
    found = [one for name in names if (one := _dataset(base, head, name, waivers, today)) is not None]
    return Diff(
        base=base.label,
        head=head.label,
        compared=len(base.names | head.names),
        datasets=tuple(found),
        faults=tuple(faults),
    )


def _renamed(head: Tree, name: DatasetName | None) -> Tree:
    """Two loose files are two versions of one dataset, whatever folders they lie in."""
    own = next(iter(head.names), None)
    if name is None or own is None or name == own or (name.layer, name.domain, name.name) == own.key:
        return head
    content = head.content(own)
    return replace(head, files={f"{name.domain}/{name.layer}/{name.name}.odcs.yaml": content})


def _differs(base: Tree, head: Tree, name: DatasetName) -> bool:
    if name not in base.names or name not in head.names:
        return True
    return base.content(name) != head.content(name) or base.sql(name) != head.sql(name)


def _waivers(head: Tree, today: date) -> tuple[list[Waiver], list[Fault]]:
    found: list[Waiver] = []
    faults: list[Fault] = []
    for path, content in sorted(head.files.items()):
        if path.split("/")[1:] == [FILE]:
            waivers, wrong = read_waivers_text(content, head.path(path), today=today)
            found += waivers
            faults += wrong
    return found, faults


def _dataset(base: Tree, head: Tree, name: DatasetName, waivers: Sequence[Waiver], today: date) -> DatasetDiff | None:
    was, now = base.contract(name), head.contract(name)
    contract = now or was
    if contract is None:
        return None
    if was is None and name in base.names:
        return _unreadable(base, contract, waivers)
    comparison = compare(was, now)
    changes = [*comparison.changes, *_query_changes(base, head, name, comparison)]
    seen = tuple(_seen(base, head, name, change, waivers) for change in changes)
    if not seen and comparison.made is Step.NONE:
        return None
    unwaived = [one.change for one in seen if one.waiver is None]
    needed = step_needed(was, unwaived) if was is not None and now is not None else comparison.needed
    judged = DatasetDiff(
        dataset=name,
        base_version=was.version if was else "",
        head_version=now.version if now else "",
        owner=contract.owner.team,
        needed=needed if unwaived else Step.NONE,
        made=comparison.made,
        changes=seen,
    )
    refused = _removal_refused(head, was, today) if now is None and was and unwaived else _refused(judged)
    return replace(judged, refused=refused, advice=_advice(judged, now))


def _unreadable(base: Tree, now: Contract, waivers: Sequence[Waiver]) -> DatasetDiff:
    """What changed since a contract with faults nobody can tell; runs before it may well have published the table."""
    fault = base.read(now.name).faults[0]
    reason = f"the contract in {base.label} cannot be read: {fault.message}"
    change = Change(kind="base_unreadable", subject="", readers=BREAKING, writers=RISKY, reason=reason)
    waiver = next((waiver for waiver in waivers if waiver.covers(now.name, change)), None)
    refused = "what changed cannot be told: compare with an older commit, in which the contract is whole"
    return DatasetDiff(
        dataset=now.name,
        base_version="",
        head_version=now.version,
        owner=now.owner.team,
        needed=Step.NONE,
        made=None,
        changes=(Seen(change=change, waiver=waiver),),
        refused="" if waiver else refused,
    )


def _query_changes(base: Tree, head: Tree, name: DatasetName, comparison: Comparison) -> Iterator[Change]:
    """What a changed query does that the contract does not show."""
    texts = (base.sql(name), head.sql(name))
    if texts[0] is None or texts[1] is None or texts[0] == texts[1]:
        return
    try:
        was, now = (read_query(text) for text in texts)
    except UnreadableQuery:
        return  # the lint says where
    if was.tree.sql(dialect="duckdb", comments=False) == now.tree.sql(dialect="duckdb", comments=False):
        return
    told = {change.subject for change in comparison.changes if change.kind.startswith("column")}
    columns = {column.name for column in comparison.base.columns} if comparison.base else set()
    gone = [output for output in was.tree.named_selects if output not in now.tree.named_selects and output != "*"]
    for output in gone:
        if output not in told and output in columns and "*" not in now.tree.named_selects:
            reason = "the query no longer gives it, though the contract still promises it"
            yield _query_change("output_removed", output, BREAKING, reason)
    inputs = (", ".join(map(str, was.inputs)), ", ".join(map(str, now.inputs)))
    if inputs[0] != inputs[1]:
        change = _query_change("inputs_changed", "", RISKY, "rows come from other datasets")
        yield replace(change, before=inputs[0], after=inputs[1])
    yield _query_change("query_changed", "", RISKY, "values or rows may be others under the same names")


def _query_change(kind: str, subject: str, readers: object, reason: str) -> Change:
    verdict = BREAKING if readers is BREAKING else RISKY
    return Change(kind=kind, subject=subject, readers=verdict, writers=COMPATIBLE, reason=reason)


def _seen(base: Tree, head: Tree, name: DatasetName, change: Change, waivers: Sequence[Waiver]) -> Seen:
    waiver = next((waiver for waiver in waivers if waiver.covers(name, change)), None)
    if change.readers is COMPATIBLE:
        return Seen(change=change, waiver=waiver)
    was = base.contract(name)
    columns = {column.name for column in was.columns} if was else set()
    column = change.subject if change.subject in columns else None
    found = downstream(base, name, column) if name in base.names else ()
    # Readers that came with this change are concerned too; those that went with it are not.
    come = downstream(head, name, column) if name in head.names else ()
    new = [one for one in come if _is_other(base, head, DatasetName.parse(one.dataset))]
    affected = {one.dataset: one for one in (*new, *found)}
    still = [one for one in affected.values() if DatasetName.parse(one.dataset) in head.names]
    return Seen(change=change, affected=tuple(sorted(still)), waiver=waiver)


def _is_other(base: Tree, head: Tree, name: DatasetName) -> bool:
    return name not in base.names or base.sql(name) != head.sql(name)


def _refused(judged: DatasetDiff) -> str:
    if judged.made is None:
        return f"the version goes back from {judged.base_version} to {judged.head_version}"
    if judged.needed is not Step.MAJOR or judged.made is Step.MAJOR or not judged.base_version:
        return ""
    target = table_of_major(judged.dataset, _next_major(judged.base_version))
    return (
        f"a breaking change needs a major version, but {judged.base_version} became {judged.head_version}: "
        f"leave {judged.dataset} as it was and write the new contract as {target}"
    )


def _removal_refused(head: Tree, was: Contract, today: date) -> str:
    if was.status in UNRELIED:
        return ""
    readers = [str(name) for name in sorted(head.names) if was.name in head.named[name]]
    if readers:
        return f"it is still read by {', '.join(readers)}"
    if was.status not in ("deprecated", "retired") or was.deprecation is None:
        return "it was never deprecated: give it status deprecated and platform.deprecation with a sunset first"
    if today < was.deprecation.sunset:
        return f"its sunset is {was.deprecation.sunset}: readers were told that they have until then"
    return ""


def _advice(judged: DatasetDiff, now: Contract | None) -> str:
    if now is None or judged.made is None or not judged.base_version:
        return ""
    needs_table = any(one.change.needs_new_table and one.waiver is None for one in judged.changes)
    if needs_table and judged.made is Step.MAJOR:
        target = table_of_major(judged.dataset, judged.head_version)
        return f"a run refuses this over the table that is there: write version {judged.head_version} as {target}"
    if judged.made.rank < judged.needed.rank and judged.needed is not Step.MAJOR:
        return f"the changes are worth a {judged.needed} version, but {judged.base_version} became {now.version}"
    return ""


def _next_major(version: str) -> str:
    return f"{int(version.split('.')[0]) + 1}.0.0"
