"""Tests of `data_platform.formats`."""
