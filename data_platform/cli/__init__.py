"""The command line: what can be typed is in `commands`, the module of the same noun beside it does the work."""
