from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from data_platform.connectors.kinds import open_connector
from data_platform.connectors.protocol import Place
from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.contracts.model import DatasetName

GUIDES = Path(__file__).parents[4] / "docs" / "how-to"


@pytest.mark.parametrize("guide", ["ingest-rest-api.md", "ingest-sql-table.md"])
def test_the_entry_that_a_guide_shows_is_one(guide: str) -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", (GUIDES / guide).read_text(), re.DOTALL)
    ((name, options),) = yaml.safe_load(block)["connectors"].items()
    kind, dataset = options.pop("kind"), DatasetName.parse(options.pop("dataset"))
    entry = ConnectorEntry(name=name, kind=kind, dataset=dataset, options=options, path=guide, line=1)
    connector = open_connector(entry, Place(source=Path(), spool=Path()))
    assert connector.version == f"{kind}/1"
    assert connector.credential is not None
    connector.close()


def test_dlt_is_not_loaded_before_something_is_pulled() -> None:
    code = "import sys, data_platform.connectors.pull.rest_pull, data_platform.connectors.pull.sql_table; print('dlt' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "False"
