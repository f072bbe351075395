"""The work of `contracts infer`: a draft from a file, a folder of Parquet files or a table of the store."""

from __future__ import annotations

import re
from pathlib import Path

import click

from data_platform.cli.environment import platform_here
from data_platform.cli.output import say, working
from data_platform.contracts.model import DatasetName, FileFormat, FileKind, Layer
from data_platform.errors import ConfigurationError
from data_platform.formats.drafting import draft_from_file, draft_from_relation, names_of
from data_platform.lakehouse.table_ref import TableRef, Zone


def infer(*, source: str, dataset: str | None, out: Path | None) -> int:
    """Prints the draft, or writes it to a file that is not there yet."""
    path = Path(source)
    name = _name(source, dataset)
    if out is not None and out.exists():
        raise ConfigurationError(f"{out} is there already: a draft never replaces a contract; name a new file")
    with working("looking at the data"):
        text = _draft(path, source, name)
    if out is None:
        click.echo(text, nl=False)
    else:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
        say(f"{out}: a draft of {name}; name its owner, then run: data-platform contracts lint")
    return 0


def _draft(path: Path, source: str, name: DatasetName) -> str:
    if path.is_file():
        return draft_from_file(path, name=name)
    if path.is_dir() and not (path / "_delta_log").is_dir():
        return _of_folder(path, name)
    with platform_here() as platform:
        table = DatasetName.parse(source)
        snapshot = platform.lake.table(TableRef(Zone(table.layer.value), table.domain, table.name)).snapshot()
        if snapshot.version < 0:
            raise ConfigurationError(f"{source} is neither a file, nor a folder, nor a table of the store")
        with platform.engine.session() as con:
            return draft_from_relation(con, f"({snapshot.scan()})", name=name, file_format=None)


def _of_folder(folder: Path, name: DatasetName) -> str:
    files = sorted(folder.rglob("*.parquet"))
    if not files:
        raise ConfigurationError(f"{folder} has no Parquet files: name a file, or a folder with some")
    form = FileFormat(kind=FileKind.PARQUET) if name.layer is Layer.RAW else None
    with platform_here() as platform, platform.engine.session() as con:
        return draft_from_relation(con, names_of(files), name=name, file_format=form)


def _name(source: str, dataset: str | None) -> DatasetName:
    """The dataset that the draft is for: as typed, or made of the name of the file."""
    typed = dataset or source
    try:
        return DatasetName.parse(typed)
    except ValueError as error:
        if dataset is not None:
            raise ConfigurationError(f"{dataset!r} is not <layer>.<domain>.<dataset>") from error
    stem = re.sub(r"[^a-z0-9]+", "_", Path(source).name.split(".")[0].lower()).strip("_0123456789") or "dataset"
    return DatasetName(Layer.RAW, "domain", stem)
