"""Objectives, their gate and their metrics over a real platform."""
