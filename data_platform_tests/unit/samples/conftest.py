"""One dirty shop, written once and read by hand."""

from __future__ import annotations

import pytest

from data_platform.samples.generator import generate
from data_platform_tests.unit.samples.plain_reading import Shop


@pytest.fixture(scope="package")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("sample")


@pytest.fixture(scope="package")
def planted(folder):
    return generate(folder, scale=0.5, seed=11)


@pytest.fixture(scope="package")
def shop(folder, planted):
    return Shop(folder)
