"""The seeded sample shop: clean trade, defects planted on purpose, and a record of every one of them."""
