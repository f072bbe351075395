"""A hand-written table of fault episodes, and the incident engine held against it."""
