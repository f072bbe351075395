"""Tests that go the whole way: files in, served tables out."""
