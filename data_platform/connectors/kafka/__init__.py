"""`kafka`: records of topics."""
