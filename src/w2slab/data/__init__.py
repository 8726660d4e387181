"""Examples, splits and labels: where they stand on disk and how they are read."""
