"""Unit tests of quality."""
