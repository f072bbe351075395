"""File formats: bytes and a contract in, typed Arrow batches and rejected records out."""
