"""`http_push`: what was pushed to the collector endpoint, by way of a write-ahead spool."""
