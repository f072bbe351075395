"""Data contracts: from ODCS files to the typed model that everything else is derived from."""
