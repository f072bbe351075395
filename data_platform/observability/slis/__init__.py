"""What is measured of datasets and of the platform: one file for each indicator."""
