"""Objectives: what is promised of indicators, as OpenSLO documents; budgets and how fast they go."""
