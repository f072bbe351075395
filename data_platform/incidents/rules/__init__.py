"""From facts to symptoms: one file for each family of rules."""
