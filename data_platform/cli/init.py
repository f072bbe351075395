"""The work of `init`: writes a team's own project from the files in `templates`."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from data_platform.cli.output import say
from data_platform.contracts.odcs import NAME
from data_platform.errors import ConfigurationError

# Where each template goes; `{{domain}}` in paths and texts is the domain's name.
_FILES = {
    "README.md": "README.md",
    ".env": "env.template",
    ".gitignore": "gitignore.template",
    "workspace.yaml": "workspace.yaml",
    "dagster.yaml": "dagster.yaml",
    ".github/workflows/contracts.yml": "contracts.yml",
    "data/orders/orders_2026-01-05.csv": "orders_day_1.csv",
    "data/orders/orders_2026-01-06.csv": "orders_day_2.csv",
    "domains/{{domain}}/domain.yaml": "domain.yaml",
    "domains/{{domain}}/connectors.yaml": "connectors.yaml",
    "domains/{{domain}}/raw/orders.odcs.yaml": "raw_orders.odcs.yaml",
    "domains/{{domain}}/curated/orders.odcs.yaml": "curated_orders.odcs.yaml",
    "domains/{{domain}}/curated/orders.sql": "curated_orders.sql",
    "domains/{{domain}}/served/daily_sales.odcs.yaml": "served_daily_sales.odcs.yaml",
    "domains/{{domain}}/served/daily_sales.sql": "served_daily_sales.sql",
}


def init(*, folder: Path, domain: str) -> int:
    """Writes the project; refuses a folder that holds anything.

    Raises:
        ConfigurationError: the folder is not empty, or the domain cannot be named so.
    """
    if not NAME.fullmatch(domain):
        raise ConfigurationError(
            f"{domain!r} cannot be a name of a domain: use a-z, 0-9 and _, beginning with a letter"
        )
    if folder.is_dir() and any(folder.iterdir()):
        raise ConfigurationError(f"{folder} is not empty: name a new folder")
    write_project(folder, domain)
    say(
        f"{len(_FILES)} files in {folder}. Next:\n"
        f"  cd {folder}\n  data-platform contracts lint\n  data-platform run\n  dagster dev"
    )
    return 0


def write_project(folder: Path, domain: str) -> None:
    """Writes every file, over whatever is there."""
    for target, template in _FILES.items():
        path = folder / _filled(target, domain)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = files("data_platform.cli").joinpath("templates", template).read_text(encoding="utf-8")
        path.write_text(_filled(text, domain), encoding="utf-8")


def _filled(text: str, domain: str) -> str:
    return text.replace("{{domain}}", domain).replace("{{Title}}", domain.replace("_", " ").title())
