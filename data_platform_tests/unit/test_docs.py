"""What README and docs say exists: links, variables, commands, properties, codes; and what exists is documented."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import pytest
import yaml

from data_platform.cli.main import root
from data_platform.cli.query import parse
from data_platform.contracts import odcs_custom, odcs_platform
from data_platform.contracts.model import FileFormat, FileKind, Materialization
from data_platform.contracts.odcs import SUFFIX, read_contract_text
from data_platform.formats.rejected import Reason
from data_platform.orchestration.build import build_definitions
from data_platform.quality.verdicts import Verdict
from data_platform.settings import Settings, variable_names

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.glob("*.md"))]
PLATFORM_KEYS = {
    *odcs_custom.DATASET_KEYS, *odcs_custom.COLUMN_KEYS, *odcs_custom.REFERENCE_KEYS, *odcs_custom.QUALITY_KEYS,
}  # fmt: skip

_FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
_VARIABLE = re.compile(r"DATA_PLATFORM_[A-Z0-9_]+")
_PLATFORM_KEY = re.compile(r"\bplatform\.([a-z_]+)")
_PROGRAM = re.compile(r"(?<![\w./-])(?:data-platform|dp) (?=[a-z-])(?P<rest>[^`\n]*)")


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _reference() -> str:
    return _text(DOCS / "reference.md")


def _blocks(page: Path, *languages: str) -> list[tuple[str, str]]:
    found = [(block["info"], block["body"]) for block in _FENCE.finditer(_text(page))]
    return [(info, body) for info, body in found if info.split(" ")[0] in languages]


def _id(page: Path) -> str:
    return page.name


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    prose = _FENCE.sub("", _text(page))
    titles = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in _LINK.findall(_FENCE.sub("", _text(page))):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_every_variable_that_a_page_names_is_a_setting(page: Path) -> None:
    # What ends with an underscore is the beginning of several names, as in `DATA_PLATFORM_S3_*`.
    named = set(_VARIABLE.findall(_text(page)))
    assert {name for name in named if not name.endswith("_")} - set(variable_names()) == set()
    assert all(any(known.startswith(name) for known in variable_names()) for name in named)


def test_every_setting_is_in_the_reference_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(DATA_PLATFORM_\w+)` \| ([^|]+) \|", _reference(), re.MULTILINE))
    assert sorted(rows) == sorted(variable_names())
    for name in ("memory_limit", "execution"):
        assert f"`{Settings.model_fields[name].default}`" in rows[f"DATA_PLATFORM_{name.upper()}"]


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_every_platform_property_that_a_page_names_exists(page: Path) -> None:
    named = set(_PLATFORM_KEY.findall(_text(page)))
    assert named - PLATFORM_KEYS == set()


def test_every_platform_property_is_in_the_reference() -> None:
    rows = re.findall(r"^\| `platform\.([a-z_]+)` \|", _reference(), re.MULTILINE)
    assert sorted(rows) == sorted(PLATFORM_KEYS)


def test_every_key_of_the_format_is_in_the_reference_with_its_default() -> None:
    section = _reference().split("### platform.format\n", 1)[1].split("\n## ", 1)[0]
    rows = {
        key: default.strip() for key, default in re.findall(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|", section, re.MULTILINE)
    }
    assert sorted(rows) == sorted({key for keys in odcs_platform._FORMAT_KEYS.values() for key in keys})
    for field in fields(FileFormat):
        if isinstance(field.default, bool):
            assert rows[field.name] == f"`{str(field.default).lower()}`"
        elif isinstance(field.default, int):
            assert rows[field.name] == str(field.default)
        elif isinstance(field.default, str) and field.default:
            assert rows[field.name] == f"`{field.default}`"


def _commands(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that can be run, with the words that name it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from _commands(command, (*words, name))
        else:
            yield (*words, name), command


def _options(command: click.Command) -> set[str]:
    own = {option for parameter in command.params if isinstance(parameter, click.Option) for option in parameter.opts}
    return own | {"--help", "-h", "--debug"}


def _faults_of(line: str) -> list[str]:
    """What is wrong with the words and options of one command line after `data-platform`."""
    commands = dict(_commands(root))
    try:
        words = shlex.split(line, comments=True)
    except ValueError:
        words = line.split()
    words = words[: next((i for i, word in enumerate(words) if word in ("&&", "||", "|", ";", ">", "2>")), None)]
    if not words or words[0].startswith("-") or words == ["..."]:
        return []
    groups = {name[0] for name in commands if len(name) > 1}
    name = tuple(words[: 2 if words[0] in groups else 1])
    if words == [words[0]] and words[0] in groups:
        return []
    if name not in commands:
        return [f"no command {' '.join(name)!r}"]
    known = _options(commands[name])
    typed = [word.partition("=")[0] for word in words if word.startswith("--")]
    return [f"{' '.join(name)} has no option {option}" for option in typed if option not in known]


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_every_command_that_a_page_shows_can_be_typed(page: Path) -> None:
    text = _text(page)
    spans = re.findall(r"`([^`\n]+)`", _FENCE.sub("", text))
    blocks = [body.replace("\\\n", " ") for _, body in _blocks(page, "bash")]
    shown = [found["rest"] for part in (*blocks, *spans) for found in _PROGRAM.finditer(part)]
    assert [fault for line in shown for fault in _faults_of(line)] == []


def test_every_command_is_in_the_reference_with_its_options() -> None:
    rows = {
        tuple(word for word in shown.split() if re.fullmatch(r"[a-z-]+", word)): set(
            re.findall(r"`(--[a-z-]+)`", options)
        )
        for shown, options in re.findall(r"^\| `data-platform ([^`]+)` \|[^|]*\|([^|]*)\|$", _reference(), re.MULTILINE)
    }
    wanted = {name: {o for o in _options(command) if o.startswith("--")} for name, command in _commands(root)}
    assert rows == {name: options - {"--help", "--debug"} for name, options in wanted.items()}


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_every_query_that_a_page_shows_is_one_that_is_admitted(page: Path) -> None:
    for _, body in _blocks(page, "bash"):
        for statement in re.findall(r'data-platform query "([^"]+)"', body):
            assert parse(statement).inputs or parse(statement).unknown_tables


def test_every_reason_code_is_in_the_reference() -> None:
    section = _reference().split("## Reason codes\n", 1)[1].split("\n## ", 1)[0]
    codes = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)*)`", section))
    assert {reason.value for reason in Reason} - codes == set()


@pytest.mark.parametrize("words", [Verdict, Materialization, FileKind], ids=lambda words: words.__name__)
def test_every_word_of_a_closed_list_is_explained(words: type[Verdict | Materialization | FileKind]) -> None:
    text = _reference() + _text(DOCS / "concepts.md")
    assert [word.value for word in words if word.value not in text and word is not Materialization.INGEST] == []


def test_the_reference_names_the_jobs_schedules_and_sensors_of_the_sample(tmp_path: Path) -> None:
    definitions = build_definitions(Settings(home=tmp_path))
    text = _reference().replace("<domain>", "commerce")
    names = [job.name for job in definitions.jobs or ()]
    names += [schedule.name for schedule in definitions.schedules or ()]
    names += [sensor.name for sensor in definitions.sensors or ()]
    assert [name for name in names if f"`{name}`" not in text] == []
    assert len(names) >= 9


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_yaml_and_python_of_a_page_parse(page: Path) -> None:
    for _, body in _blocks(page, "yaml"):
        assert yaml.safe_load(body) is not None
    for info, body in _blocks(page, "python"):
        compile(body, f"{page.name} {info}", "exec")


def test_the_contracts_that_pages_show_have_no_fault() -> None:
    shown = [
        (match[1], body)
        for page in PAGES
        for info, body in _blocks(page, "yaml")
        if (match := re.search(rf"file=(\S+{re.escape(SUFFIX)})", info))
    ]
    assert shown
    for target, body in shown:
        assert read_contract_text(body.encode(), Path(target)).faults == ()


def test_every_dagster_command_that_loads_assets_itself_names_the_definitions() -> None:
    blocks = [body.replace("\\\n", " ") for page in PAGES for _, body in _blocks(page, "bash")]
    lines = [line for body in blocks for line in body.splitlines() if re.match(r"dagster (asset|job) ", line)]
    assert len(lines) >= 3
    assert [line for line in lines if " -m data_platform.definitions" not in line] == []
