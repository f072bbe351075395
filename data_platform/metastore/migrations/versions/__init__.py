"""One file per revision, numbered in order. A published revision is never edited."""
