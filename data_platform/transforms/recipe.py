"""The recipe of a dataset: its query, whether it is made day by day, and the fingerprint of everything that decides its
rows apart from the data. Light enough to be asked for every dataset whenever definitions load.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from data_platform.contracts.domains import Dataset, Project
from data_platform.contracts.model import DatasetName, Materialization
from data_platform.errors import ConfigurationError
from data_platform.transforms.changes import BY_KEY, with_deletes
from data_platform.transforms.lint import ONE_TO_ONE
from data_platform.transforms.query import Query, read_query

_HISTORY = "history/2"  # raised when equal inputs give another history, so that no old rows stay beside new ones


def query_of(dataset: Dataset) -> Query:
    """The dataset's parsed query.

    Raises:
        ConfigurationError: the dataset is raw, so it has none.
    """
    if dataset.sql_text is None:
        raise ConfigurationError(f"{dataset.name} is raw: it is ingested, not materialized")
    return read_query(dataset.sql_text)


def completed(project: Project, dataset: Dataset, query: Query) -> Dataset:
    """The dataset with what its contract leaves to the raw dataset that it reads."""
    if dataset.contract.materialization not in BY_KEY:
        return dataset
    return replace(dataset, contract=with_deletes(dataset.contract, project.dataset(query.inputs[0]).contract))


def fingerprint(project: Project, dataset: Dataset, *, inputs: Sequence[DatasetName] | None = None) -> str:
    """Digest of everything that decides a dataset's rows apart from data: its contract, its SQL, its raw contract.

    Args:
        project: for the contract of a raw input.
        dataset: whose recipe.
        inputs: the datasets that the query reads, where the caller knows them; else the query is parsed.
    """
    parts = [dataset.contract.sha256, dataset.sql_text or ""]
    if dataset.contract.materialization in BY_KEY:
        parts.append(_HISTORY)
    if dataset.contract.materialization in ONE_TO_ONE:
        read = query_of(dataset).inputs if inputs is None else inputs
        parts += [project.dataset(name).contract.sha256 for name in read]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def is_by_day(dataset: Dataset) -> bool:
    """Whether the dataset is published partition by partition."""
    contract = dataset.contract
    by_day = contract.materialization in (Materialization.ADMIT, Materialization.PARTITION)
    return by_day and contract.partition_column is not None
