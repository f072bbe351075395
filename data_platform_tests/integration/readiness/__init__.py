"""Whether everything is at work, whether a dataset is ready for production, and game days."""
