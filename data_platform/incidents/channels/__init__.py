"""Ways to reach people: one kind, one file."""
