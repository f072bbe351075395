"""What programs ask the catalog over HTTP, and what they tell it. Pages for people are in `serving.console`."""
