"""What can be typed: nouns, verbs and options, and nothing that takes long to load."""
