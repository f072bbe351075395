"""Evaluation on both databases."""

from __future__ import annotations

from data_platform_tests.unit.metastore.conftest import metastore, url

__all__ = ["metastore", "url"]
