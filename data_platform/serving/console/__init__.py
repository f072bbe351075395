"""The console: the catalog as pages for people. What programs ask over HTTP is in `serving.api`."""
