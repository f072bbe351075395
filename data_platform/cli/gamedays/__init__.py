"""Game days: a failure is injected into a project made for it, and what the platform does about it is put on record."""
