"""Long campaigns, run by hand: `pytest -m campaign`."""
