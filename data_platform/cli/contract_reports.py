"""A contract diff for people on a terminal, for a pull request, and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from data_platform.cli.output import counted, print_json, say, stdout
from data_platform.contracts.compatibility_verdicts import Verdict

if TYPE_CHECKING:
    from data_platform.cli.contract_diff import DatasetDiff, Diff, Seen

_COLOURS = {Verdict.BREAKING: "red", Verdict.RISKY: "yellow", Verdict.COMPATIBLE: "green"}
_MARKS = {Verdict.BREAKING: "🔴", Verdict.RISKY: "🟡", Verdict.COMPATIBLE: "🟢"}


def print_diff(diff: Diff, *, as_json: bool, as_markdown: bool) -> None:
    """Prints a diff in one of its forms."""
    if as_json:
        print_json(as_plain(diff))
    elif as_markdown:
        click.echo(markdown(diff))
    else:
        _print_lines(diff)


def as_plain(diff: Diff) -> dict[str, object]:
    """The diff as one JSON document."""
    return {
        "base": diff.base,
        "head": diff.head,
        "compared": diff.compared,
        "refused": diff.is_refused,
        "faults": diff.faults,
        "datasets": [
            {
                "dataset": str(one.dataset),
                "base_version": one.base_version or None,
                "head_version": one.head_version or None,
                "owner": one.owner,
                "verdict": worst(one),
                "version_needed": one.needed,
                "version_made": one.made,
                "refused": one.refused or None,
                "advice": one.advice or None,
                "changes": [_plain_change(seen) for seen in one.changes],
            }
            for one in diff.datasets
        ],
    }


def worst(one: DatasetDiff) -> Verdict:
    """The worst verdict of a dataset's changes."""
    return max((seen.change.verdict for seen in one.changes), key=lambda v: v.rank, default=Verdict.COMPATIBLE)


def markdown(diff: Diff) -> str:
    """The diff as a comment on a pull request."""
    return "\n".join(_markdown(diff)) + "\n"


def _plain_change(seen: Seen) -> dict[str, object]:
    change, waiver = seen.change, seen.waiver
    return {
        "change": change.kind,
        "subject": change.subject or None,
        "before": change.before or None,
        "after": change.after or None,
        "readers": change.readers,
        "writers": change.writers,
        "verdict": change.verdict,
        "version_needed": change.step,
        "reason": change.reason,
        "line": change.line or None,
        "waiver": {"reason": waiver.reason, "who": waiver.who, "expires": waiver.expires} if waiver else None,
        "affected": seen.affected,
    }


def _print_lines(diff: Diff) -> None:
    console = stdout()
    for one in diff.datasets:
        console.print(f"[bold]{one.dataset}[/]  {_versions(one)}", soft_wrap=True)
        for seen in one.changes:
            change = seen.change
            word = f"[{_COLOURS[change.verdict]}]{change.verdict:<10}[/]"
            console.print(f"  {word} ", end="")
            console.print(_said(seen), markup=False, soft_wrap=True)
            console.print(f"             {_sides(seen)}: {change.reason}", markup=False, soft_wrap=True)
            for line in _affected(seen):
                console.print(f"             → {line}", markup=False, soft_wrap=True)
        for word, colour, text in (("refused", "red", one.refused), ("note", "yellow", one.advice)):
            if text:
                console.print(f"  [{colour}]{word}[/]: ", end="")
                console.print(text, markup=False, soft_wrap=True)
    for fault in diff.faults:
        console.print(str(fault), markup=False, soft_wrap=True)
    say(f"{counted(diff.compared, 'contract')} compared, {len(diff.datasets)} changed: {_outcome(diff)}")


def _markdown(diff: Diff) -> Iterator[str]:
    yield f"### Contract changes: {_outcome(diff)}"
    yield ""
    yield f"`{diff.base}` → `{diff.head}`: {counted(diff.compared, 'contract')} compared, {len(diff.datasets)} changed."
    for one in diff.datasets:
        yield ""
        yield f"#### {_MARKS[worst(one)]} `{one.dataset}` {_versions(one)}"
        if one.refused:
            yield f"\n**Refused:** {_cell(one.refused)}"
        if one.advice:
            yield f"\n**Note:** {_cell(one.advice)}"
        yield ""
        yield "| change | readers | writers | why | affected |"
        yield "|---|---|---|---|---|"
        for seen in one.changes:
            affected = "<br>".join(_cell(line) for line in _affected(seen))
            change = seen.change
            cells = (_said(seen), change.readers.value, change.writers.value, change.reason)
            yield "| " + " | ".join([*map(_cell, cells), affected]) + " |"
    for fault in diff.faults:
        yield f"\n**Fault:** {_cell(str(fault))}"


def _outcome(diff: Diff) -> str:
    refused = sum(1 for one in diff.datasets if one.refused)
    if diff.is_refused:
        return f"refused ({counted(refused, 'dataset')})" if refused else "refused (waivers)"
    return "may pass" if diff.datasets else "nothing changed"


def _versions(one: DatasetDiff) -> str:
    if not one.base_version:
        return f"new, version {one.head_version}"
    if not one.head_version:
        return f"removed, was {one.base_version}"
    made = one.made.value if one.made else "backwards"
    return f"{one.base_version} → {one.head_version} (made: {made}, needed: {one.needed})"


def _said(seen: Seen) -> str:
    change = seen.change
    what = f"{change.kind} {change.subject}".strip()
    values = " → ".join(_short(text) for text in (change.before, change.after)) if change.before or change.after else ""
    waived = f" (waived by {seen.waiver.who} until {seen.waiver.expires})" if seen.waiver else ""
    return f"{what}{': ' if values else ''}{values}{waived}"


def _sides(seen: Seen) -> str:
    return f"readers {seen.change.readers}, writers {seen.change.writers}"


def _affected(seen: Seen) -> list[str]:
    return [
        f"{one.dataset}{': ' + ', '.join(one.columns) if one.columns else ''} ({one.how}), {one.owner}"
        + (f" <{one.contact}>" if one.contact else "")
        for one in seen.affected
    ]


def _short(text: str) -> str:
    text = " ".join(text.split()) or "–"
    return text if len(text) <= 80 else f"{text[:79]}…"


def _cell(text: str) -> str:
    """Text that cannot leave its cell or become markup."""
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "'")
