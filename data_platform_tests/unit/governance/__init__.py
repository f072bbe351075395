"""Unit tests of governance."""
