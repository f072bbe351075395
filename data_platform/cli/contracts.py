"""The work of `contracts lint` and `show`. Reads files only; what a contract drives is put together in `driven`, and
rules are proven in `proofs`, which loads the engines that the rules run on.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from data_platform.cli.contract_documents import lint_document
from data_platform.cli.environment import settings_here
from data_platform.cli.output import counted, print_json, print_table, say, stdout, working
from data_platform.connectors.kinds import connector_faults
from data_platform.contracts.domains import Project, discover, read_project
from data_platform.contracts.model import DatasetName
from data_platform.contracts.places import nearest
from data_platform.contracts.sunsets import sunset_faults, sunset_reminders
from data_platform.contracts.waivers import FILE, read_waivers
from data_platform.errors import ConfigurationError, Fault
from data_platform.transforms.driven import driven_by
from data_platform.transforms.graph import lint_project, read_graph


def lint(*, path: Path | None, as_json: bool) -> int:
    """Prints every fault; 1 if there is one."""
    if path is not None and path.is_file():
        return lint_document(path, as_json=as_json)
    with working("reading contracts and queries"):
        project, faults = faults_of([path] if path else settings_here().domains)
        reminders = sorted(sunset_reminders(project, consumers=_consumers(project), today=_today()))
    if as_json:
        print_json({"datasets": len(project.datasets), "faults": faults, "reminders": reminders})
        return 1 if faults else 0
    for fault in faults:
        stdout().print(str(fault), markup=False, soft_wrap=True)
    for reminder in reminders:
        say(f"reminder: {reminder}")
    count = counted(len(faults), "fault") if faults else "no faults"
    say(f"{counted(len(project.datasets), 'dataset')} in {counted(len(project.domains), 'domain')}: {count}")
    return 1 if faults else 0


def faults_of(folders: Sequence[Path]) -> tuple[Project, list[Fault]]:
    """What could be read below folders of domains, and every fault of files, queries and source instances."""
    project, faults = read_project(folders)
    today = _today()
    faults += [fault for domain in project.domains for fault in read_waivers(domain.path / FILE, today=today)[1]]
    faults += sunset_faults(project, consumers=_consumers(project), today=today)
    return project, sorted({*faults, *lint_project(project), *connector_faults(project)})


def show(*, dataset: str, as_json: bool) -> int:
    """Prints what a contract drives."""
    project = discover(settings_here().domains)
    found = driven_by(project, dataset_name(project, dataset))
    if as_json:
        print_json(found)
        return 0
    print_table(found.dataset, ["what", "value"], list(found.facts.items()))
    print_table(
        "\nschema", list(found.schema[0]) if found.schema else [], [list(line.values()) for line in found.schema]
    )
    print_table("\nrules", list(found.rules[0]) if found.rules else [], [list(line.values()) for line in found.rules])
    return 0


def _consumers(project: Project) -> dict[DatasetName, list[DatasetName]]:
    found: dict[DatasetName, list[DatasetName]] = {}
    for name, inputs in read_graph(project).inputs.items():
        for read in inputs:
            found.setdefault(read, []).append(name)
    return found


def _today() -> date:
    return datetime.now(UTC).date()


def dataset_name(project: Project, text: str) -> DatasetName:
    """The dataset that somebody typed: `layer.domain.name`, or as much of its end as names one dataset only.

    Raises:
        ConfigurationError: the text is no name, or the project has no such dataset.
    """
    wanted = text.replace("/", ".").split(".")
    found = [name for name in project.datasets if list(name.key[-len(wanted) :]) == wanted]
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigurationError(f"{text!r} names {', '.join(map(str, found))}; write one of them")
    raise ConfigurationError(f"there is no dataset {text}; {nearest(text, map(str, project.datasets))}")
